use std::thread;

use proptest::prelude::*;

use super::*;

const NOW: Duration = Duration::from_secs(1000);
/// Loses every chance that is not a certainty.
const UNLUCKY: u64 = u64::MAX;
/// Wins every chance that is not nothing.
const LUCKY: u64 = 0;

fn budget(ratio: f64) -> Budget {
    Budget::try_new(ratio).unwrap()
}

fn earn(budget: &Budget, successes: u32, now: Duration) {
    (0..successes).for_each(|_| budget.deposit(now));
}

#[test]
fn nothing_is_there_before_the_first_success() {
    let budget = budget(1.0);
    assert!(!budget.draw(NOW, LUCKY));
    assert!(budget.balance(NOW) < f64::EPSILON);
}

#[test]
fn the_ratio_is_meant_to_the_millionth() {
    for ratio in [0.2, 0.6, 0.1, 0.123_456, 1.0 / 3.0] {
        let budget = budget(ratio);
        earn(&budget, 1_000_000, NOW);
        let granted = (0..2_000_000).filter(|_| budget.draw(NOW, UNLUCKY)).count();
        let exact = (ratio * 1e6).round() as usize;
        assert_eq!(granted, exact, "{ratio}");
    }
}

#[test]
fn a_fraction_is_a_chance_and_trying_it_empties_the_balance() {
    let budget = budget(0.25);
    budget.deposit(NOW);
    assert!(budget.draw(NOW, u64::MAX / 4 - 1));
    assert!(!budget.draw(NOW, LUCKY), "spent");
    budget.deposit(NOW);
    assert!(!budget.draw(NOW, u64::MAX / 4 + 1));
    assert!(!budget.draw(NOW, LUCKY), "lost");
}

#[test]
fn clients_too_small_to_save_a_token_repeat_their_share() {
    let granted = (0..10_000_u32)
        .filter(|n| {
            let budget = budget(0.2);
            budget.deposit(NOW);
            // Evenly over all values: a draw of lots without luck in the test.
            budget.draw(NOW, (u64::MAX / 10_000) * u64::from(*n))
        })
        .count();
    assert!((1999..=2001).contains(&granted), "{granted}");
}

#[test]
fn what_is_above_one_token_melts_and_one_token_stays() {
    let budget = budget(1.0);
    earn(&budget, 101, NOW);
    let after = |seconds| budget.balance(NOW + Duration::from_secs(seconds));
    assert!((after(0) - 101.0).abs() < 1e-9);
    assert!((after(5) - 37.788).abs() < 0.01, "{}", after(5));
    assert!((after(10) - 14.534).abs() < 0.01);
    assert!((after(3600) - 1.0).abs() < 1e-9);
}

#[test]
fn the_reserve_of_a_steady_load_is_one_token_and_five_seconds_worth() {
    let budget = budget(0.2);
    for n in 0..60_000_u64 {
        budget.deposit(NOW + Duration::from_millis(n));
    }
    let reserve = budget.balance(NOW + Duration::from_secs(60));
    assert!((reserve - (1.0 + 0.2 * 1000.0 * 5.0)).abs() < 2.0, "{reserve}");
}

#[test]
fn a_reading_that_another_thread_overtook_melts_nothing() {
    let budget = budget(1.0);
    earn(&budget, 11, NOW);
    assert!(budget.draw(NOW - Duration::from_secs(30), UNLUCKY));
    assert!((budget.balance(NOW) - 10.0).abs() < 1e-9);
}

#[test]
fn threads_never_spend_the_same_token() {
    let budget = budget(0.6);
    let granted: usize = thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let budget = budget.clone();
                scope.spawn(move || {
                    let mut granted = 0;
                    for _ in 0..50_000 {
                        budget.deposit(NOW);
                        granted += usize::from(budget.draw_whole(NOW));
                    }
                    granted
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    let left = (0..200_000).filter(|_| budget.draw_whole(NOW)).count();
    assert_eq!(granted + left, 120_000, "0.6 means 0.6");
}

impl Budget {
    /// Draws whole tokens only, and leaves a fraction where it is.
    fn draw_whole(&self, now: Duration) -> bool {
        let take = |level| if level >= TOKEN { level - TOKEN } else { level };
        self.update(now, take) >= TOKEN
    }
}

#[test]
fn ratios_outside_of_their_range_are_refused() {
    for ratio in [-0.1, 1.000_001, f64::NAN, f64::INFINITY] {
        assert_eq!(Budget::try_new(ratio).unwrap_err(), InvalidRatio);
    }
    assert!(Budget::try_new(0.0).is_ok() && Budget::try_new(1.0).is_ok());
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Deposit,
    Draw(u64),
    Pause(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Deposit),
        2 => any::<u64>().prop_map(Step::Draw),
        1 => (0..20_000_u64).prop_map(Step::Pause),
    ];
    prop::collection::vec(step, 1..400)
}

proptest! {
    #[test]
    fn never_more_whole_tokens_than_were_earned(ratio in 0.0..=1.0_f64, steps in steps()) {
        let budget = budget(ratio);
        let mut now = NOW;
        let (mut successes, mut granted) = (0_u32, 0_u32);
        for step in steps {
            match step {
                Step::Deposit => { budget.deposit(now); successes += 1; }
                Step::Draw(_) => granted += u32::from(budget.draw(now, UNLUCKY)),
                Step::Pause(ms) => now += Duration::from_millis(ms),
            }
            let earned = f64::from(successes) * (ratio + 1e-6);
            prop_assert!(f64::from(granted) + budget.balance(now) <= earned + 1e-6);
        }
    }

    #[test]
    fn without_pauses_every_millionth_is_accounted_for(ratio in 0.0..=1.0_f64, steps in steps()) {
        let budget = budget(ratio);
        let deposit = (ratio * 1e6).round() as u64;
        let mut expected = 0_u64;
        for step in steps {
            match step {
                Step::Deposit => { budget.deposit(NOW); expected += deposit; }
                Step::Draw(random) => {
                    let whole = expected >= TOKEN;
                    let granted = budget.draw(NOW, random);
                    prop_assert!(granted || !whole);
                    expected = expected.saturating_sub(TOKEN);
                }
                Step::Pause(_) => {}
            }
            prop_assert_eq!((budget.balance(NOW) * 1e6).round() as u64, expected);
        }
    }

    #[test]
    fn melting_only_ever_lowers_and_never_below_one_token(successes in 0..500_u32, pause in 0..100_000_u64) {
        let budget = budget(1.0);
        earn(&budget, successes, NOW);
        let before = budget.balance(NOW);
        let after = budget.balance(NOW + Duration::from_millis(pause));
        prop_assert!(after <= before && after >= before.min(1.0));
    }
}
