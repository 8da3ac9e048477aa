use std::{sync::atomic::AtomicUsize, thread};

use proptest::prelude::*;

use super::*;

const NOW: Duration = Duration::from_secs(100);
/// No jitter: holds last as long as they can.
const LONG: u64 = u64::MAX;
/// Passes the ramp whenever anything does.
const LUCKY: u64 = 0;
const REFUSED: Outcome = Outcome::Failure(Reason::ConnectionRefused);

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn state() -> State {
    State::new(Config::default())
}

fn ask(state: &State, outcome: Outcome, now: Duration) {
    let ticket = state.admit(now, LUCKY).unwrap();
    state.report(ticket, outcome, now, LONG);
}

fn opened(now: Duration) -> State {
    let state = state();
    (0..5).for_each(|_| ask(&state, REFUSED, now));
    state
}

fn keep_back(state: &State, requests: u32, now: Duration) {
    (0..requests).for_each(|_| assert!(state.admit(now, LUCKY).is_err()));
}

/// A state whose probe is out, which goes one second after `now`.
fn probed(now: Duration) -> (State, Ticket, Duration) {
    let state = opened(now);
    let at = now + millis(1000);
    let ticket = state.admit(at, LUCKY).unwrap();
    assert!(ticket.is_probe());
    (state, ticket, at)
}

fn hold(state: &State, now: Duration) -> Duration {
    match state.look(now) {
        View::Open { wait, .. } => wait,
        other => panic!("{other:?}"),
    }
}

#[test]
fn five_failures_in_a_row_open_it_and_four_do_not() {
    let state = state();
    for _ in 0..4 {
        ask(&state, REFUSED, NOW);
    }
    ask(&state, Outcome::Success, NOW);
    for _ in 0..4 {
        ask(&state, REFUSED, NOW);
    }
    assert_eq!(state.look(NOW), View::Closed);
    ask(&state, REFUSED, NOW);
    assert_eq!(
        state.admit(NOW, LUCKY).unwrap_err(),
        View::Open {
            cause: Reason::ConnectionRefused,
            wait: Duration::from_micros(999_999)
        }
    );
}

#[test]
fn who_opens_it_hears_why() {
    let state = state();
    let report = |outcome| {
        let ticket = state.admit(NOW, LUCKY).unwrap();
        state.report(ticket, outcome, NOW, LONG)
    };
    (0..10).for_each(|_| assert_eq!(report(Outcome::Success), None));
    (0..4).for_each(|_| assert_eq!(report(REFUSED), None));
    assert_eq!(report(REFUSED), Some(Opened::InARow(5)));
    let (state, probe, at) = probed(NOW);
    assert_eq!(state.report(probe, REFUSED, at, LONG), Some(Opened::Probe));
}

#[test]
fn half_of_twenty_within_ten_seconds_open_it() {
    let alternate = |pairs: u64, pause| {
        let state = state();
        for n in 0..pairs {
            ask(&state, Outcome::Success, NOW + pause * n as u32);
            ask(&state, REFUSED, NOW + pause * n as u32);
        }
        state.look(NOW)
    };
    assert_eq!(alternate(9, millis(0)), View::Closed);
    assert!(matches!(alternate(10, millis(0)), View::Open { .. }));
    let state = state();
    for n in 0..100 {
        ask(&state, Outcome::Success, NOW + millis(1200) * n);
        ask(&state, REFUSED, NOW + millis(1200) * n);
    }
    assert_eq!(state.look(NOW), View::Closed, "never twenty within ten seconds");
}

#[test]
fn a_steady_share_of_failures_below_half_is_none_of_its_business() {
    let state = state();
    for n in 0..10_000_u64 {
        let outcome = if n % 5 < 2 { REFUSED } else { Outcome::Success };
        ask(&state, outcome, NOW + millis(n));
    }
    assert_eq!(state.look(NOW), View::Closed);
}

#[test]
fn load_that_is_shed_is_no_failure() {
    let state = state();
    for n in 0..1000 {
        ask(&state, Outcome::Shed(Some(millis(1000))), NOW + millis(n));
    }
    assert_eq!(state.look(NOW), View::Closed);
}

#[test]
fn the_hold_loses_up_to_half_to_jitter() {
    for (random, expected) in [(0, 500), (1 << 63, 750), (u64::MAX, 999)] {
        let state = state();
        for _ in 0..5 {
            let ticket = state.admit(NOW, LUCKY).unwrap();
            state.report(ticket, REFUSED, NOW, random);
        }
        assert_eq!(hold(&state, NOW).as_millis(), expected);
    }
}

#[test]
fn after_the_hold_exactly_one_request_goes() {
    let (state, _ticket, at) = probed(NOW);
    let probing = View::HalfOpen {
        cause: Reason::ConnectionRefused,
    };
    for later in [0, 1, 4_999] {
        assert_eq!(state.admit(at + millis(later), LUCKY).unwrap_err(), probing);
    }
    assert_eq!(state.look(at), probing);
}

#[test]
fn a_probe_of_which_nothing_is_heard_gets_a_successor() {
    let (state, first, at) = probed(NOW);
    let later = at + millis(5000);
    let second = state.admit(later, LUCKY).unwrap();
    assert!(second.is_probe() && state.admit(later, LUCKY).is_err());
    // What is bad of the first says nothing new, and its place is taken.
    state.report(first, REFUSED, later, LONG);
    state.abandon(first, later);
    assert!(matches!(state.look(later), View::HalfOpen { .. }));
    keep_back(&state, 100, later);
    state.report(first, Outcome::Success, later, LONG);
    assert!(matches!(state.look(later), View::Closing { .. }));
    state.report(second, REFUSED, later, LONG);
    assert!(matches!(state.look(later), View::Closing { .. }), "too late");
}

#[test]
fn of_many_threads_one_is_the_probe() {
    for round in 0..50 {
        let state = opened(NOW);
        let probes = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    if state.admit(NOW + millis(1000 + round), LUCKY).is_ok() {
                        probes.fetch_add(1, Relaxed);
                    }
                });
            }
        });
        assert_eq!(probes.into_inner(), 1);
    }
}

#[test]
fn holds_double_while_probes_fail_up_to_the_cap() {
    let (state, mut ticket, mut at) = probed(NOW);
    for expected in [2, 4, 5, 5] {
        state.report(ticket, Outcome::Failure(Reason::ResponseTimeout), at, LONG);
        assert_eq!(hold(&state, at).as_secs_f64().round() as u64, expected);
        at += hold(&state, at);
        ticket = state.admit(at, LUCKY).unwrap();
    }
    assert_eq!(
        state.look(at),
        View::HalfOpen {
            cause: Reason::ResponseTimeout
        }
    );
    // A success forgets how often it had doubled.
    state.report(ticket, Outcome::Success, at, LONG);
    (0..5).for_each(|_| ask(&state, REFUSED, at));
    assert_eq!(hold(&state, at).as_secs_f64().round() as u64, 1);
}

#[test]
fn a_probe_that_is_shed_holds_for_as_long_as_asked() {
    let (state, ticket, at) = probed(NOW);
    state.report(ticket, Outcome::Shed(Some(millis(7000))), at, LONG);
    assert_eq!(hold(&state, at), millis(7000));
    let at = at + millis(7000);
    let ticket = state.admit(at, LUCKY).unwrap();
    state.report(ticket, Outcome::Shed(None), at, LUCKY);
    assert_eq!(
        hold(&state, at),
        millis(500),
        "it did not say: half to one and a half of the hold"
    );
}

#[test]
fn who_keeps_back_many_is_held_for_a_share_of_what_one_was_asked() {
    let (state, ticket, at) = probed(NOW);
    keep_back(&state, 40, at);
    state.report(ticket, Outcome::Shed(Some(millis(20_000))), at, LONG);
    assert_eq!(hold(&state, at), millis(5000));
    // They are counted afresh for each probe; no hold is shorter than one without a wish.
    let at = at + millis(5000);
    let ticket = state.admit(at, LUCKY).unwrap();
    keep_back(&state, 1000, at);
    state.report(ticket, Outcome::Shed(Some(millis(20_000))), at, LONG);
    assert_eq!(hold(&state, at).as_millis(), 1499);
}

#[test]
fn who_kept_back_a_few_comes_back_at_once() {
    for (kept_back, share) in [(0, 1.0), (2, 1.0), (4, 0.5), (1000, 0.05)] {
        let (state, ticket, at) = probed(NOW);
        keep_back(&state, kept_back, at);
        state.report(ticket, Outcome::Success, at, LONG);
        match state.look(at) {
            View::Closed => assert!(share >= 1.0, "{kept_back}"),
            View::Closing { share: seen, .. } => assert!((seen - share).abs() < 1e-9, "{kept_back}: {seen}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn closing_is_a_ramp_of_three_seconds_from_a_twentieth() {
    let (state, ticket, at) = probed(NOW);
    keep_back(&state, 100, at);
    state.report(ticket, Outcome::Success, at, LONG);
    let passed = |ms: u64| {
        (0..1000_u64)
            .filter(|n| {
                state
                    .admit(at + millis(ms), (u64::MAX / 1000) * n + 1_000_000)
                    .is_ok()
            })
            .count()
    };
    assert_eq!([passed(0), passed(600)], [50, 50]);
    assert!((249..=251).contains(&passed(1500)));
    assert!(matches!(
        state.look(at + millis(1500)),
        View::Closing { cause: Reason::ConnectionRefused, share, wait }
            if (share - 0.25).abs() < 1e-9 && wait == millis(1500)
    ));
    assert_eq!(state.look(at + millis(3000)), View::Closed);
    assert!(state.admit_if_closed().is_none());
    assert_eq!([passed(3000), passed(60_000)], [1000, 1000]);
    assert!(
        state.admit_if_closed().is_some(),
        "nobody needs the clock any more"
    );
}

#[test]
fn failures_while_closing_open_it_again() {
    let (state, ticket, at) = probed(NOW);
    state.report(ticket, Outcome::Success, at, LONG);
    (0..5).for_each(|_| ask(&state, REFUSED, at + millis(10)));
    assert!(matches!(state.look(at + millis(10)), View::Open { .. }));
}

#[test]
fn a_probe_that_is_dropped_makes_room_for_another() {
    let (state, ticket, at) = probed(NOW);
    state.abandon(ticket, at + millis(5));
    assert!(state.admit(at + millis(5), LUCKY).unwrap().is_probe());
}

#[test]
fn outcomes_from_before_do_not_count() {
    let state = state();
    let early: Vec<_> = (0..20).map(|_| state.admit(NOW, LUCKY).unwrap()).collect();
    for ticket in &early[..5] {
        state.report(*ticket, REFUSED, NOW, LONG);
    }
    let at = NOW + millis(1000);
    let probe = state.admit(at, LUCKY).unwrap();
    // Neither success nor failure of others decides for the probe.
    state.report(early[5], Outcome::Success, at, LONG);
    state.report(early[6], REFUSED, at, LONG);
    assert!(matches!(state.look(at), View::HalfOpen { .. }));
    keep_back(&state, 100, at);
    state.report(probe, Outcome::Success, at, LONG);
    for ticket in &early[7..] {
        state.report(*ticket, REFUSED, at, LONG);
    }
    assert!(matches!(state.look(at), View::Closing { .. }));
}

#[test]
fn orders_overrule_what_is_observed_until_they_are_taken_back() {
    let state = opened(NOW);
    state.force(Force::Closed);
    (0..100).for_each(|_| ask(&state, REFUSED, NOW));
    assert_eq!(state.look(NOW), View::Forced(Force::Closed));
    state.force(Force::Open);
    assert_eq!(state.admit(NOW, LUCKY).unwrap_err(), View::Forced(Force::Open));
    state.release();
    assert_eq!(state.look(NOW), View::Closed);
    ask(&state, REFUSED, NOW);
    assert_eq!(state.look(NOW), View::Closed, "what was before is forgotten");
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(u64),
    Report(usize, Outcome, u64),
    Abandon(usize),
    Pause(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        2 => Just(Outcome::Success),
        4 => Just(REFUSED),
        1 => prop::option::of((0..9000_u64).prop_map(Duration::from_millis)).prop_map(Outcome::Shed),
    ];
    let step = prop_oneof![
        4 => any::<u64>().prop_map(Step::Ask),
        4 => (any::<usize>(), outcome, any::<u64>()).prop_map(|(n, outcome, random)| Step::Report(n, outcome, random)),
        1 => any::<usize>().prop_map(Step::Abandon),
        2 => (0..3000_u64).prop_map(Step::Pause),
    ];
    prop::collection::vec(step, 1..300)
}

proptest! {
    #[test]
    fn never_two_probes_and_never_stuck(steps in steps()) {
        let state = state();
        let mut now = NOW;
        let mut probed = None;
        let mut out: Vec<Ticket> = Vec::new();
        for step in steps {
            match step {
                Step::Ask(random) => {
                    let half_open = matches!(state.look(now), View::HalfOpen { .. });
                    let ticket = state.admit(now, random);
                    if ticket.as_ref().is_ok_and(|ticket| ticket.is_probe()) {
                        let has_the_word = |last: Duration| half_open && now < last + millis(5000);
                        prop_assert!(!probed.is_some_and(has_the_word), "two probes at once");
                        probed = Some(now);
                    }
                    out.extend(ticket);
                }
                Step::Report(n, outcome, random) if !out.is_empty() => {
                    state.report(out.swap_remove(n % out.len()), outcome, now, random);
                }
                Step::Abandon(n) if !out.is_empty() => state.abandon(out.swap_remove(n % out.len()), now),
                Step::Pause(ms) => now += millis(ms),
                Step::Report(..) | Step::Abandon(_) => {}
            }
            if let View::Open { wait, .. } = state.look(now) {
                prop_assert!(wait <= millis(9000), "no longer than the longest that was asked for");
            }
        }
        for ticket in out {
            state.abandon(ticket, now);
        }
        prop_assert!(state.admit(now + millis(9000), LUCKY).is_ok());
    }
}
