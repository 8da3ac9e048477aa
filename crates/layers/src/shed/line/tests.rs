use proptest::prelude::*;

use super::*;

const WAIT: Duration = Duration::from_millis(250);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn newcomer(priority: Priority, name: &'static str) -> Newcomer<&'static str> {
    Newcomer {
        priority,
        deadline: None,
        reach: name,
    }
}

/// A line in which these wait, in the order they came.
fn line(capacity: usize, waiting: &[(Priority, &'static str)]) -> Line<&'static str> {
    let mut line = Line::new(capacity, WAIT, true);
    for (priority, name) in waiting {
        let joined = line.join(ms(0), newcomer(*priority, name), &mut Vec::new());
        assert!(joined.is_some(), "{name}");
    }
    line
}

/// Makes it stand at this time.
fn stand(line: &mut Line<&'static str>, at: Duration) {
    line.answered(ms(20));
    line.standing.waited(at - ms(125), ms(50));
    line.standing.waited(at, ms(50));
    assert!(line.stands(at));
}

/// The order in which places are given until nobody waits.
fn served(line: &mut Line<&'static str>, at: Duration) -> Vec<&'static str> {
    std::iter::from_fn(|| line.placed(at, &mut Vec::new())).collect()
}

use Priority::{Critical, Exempt, Normal, Sheddable};

#[test]
fn who_matters_more_goes_first_and_else_who_came_first() {
    let waiting = [
        (Normal, "front"),
        (Sheddable, "export"),
        (Normal, "a"),
        (Critical, "pay"),
        (Normal, "b"),
        (Exempt, "health"),
    ];
    let order = ["front", "health", "pay", "a", "b", "export"];
    assert_eq!(served(&mut line(6, &waiting), ms(1)), order);
}

#[test]
fn a_line_that_stands_is_served_newest_first_behind_who_is_in_front() {
    let waiting = [(Normal, "front"), (Normal, "a"), (Critical, "pay"), (Normal, "b")];
    let mut line = line(4, &waiting);
    stand(&mut line, ms(1000));
    line.others
        .iter_mut()
        .flatten()
        .for_each(|waiter| waiter.joined = ms(999));
    assert_eq!(served(&mut line, ms(1001)), ["front", "pay", "b", "a"]);
}

#[test]
fn a_full_line_takes_who_matters_more_in_place_of_the_least() {
    let mut line = line(3, &[(Sheddable, "front"), (Sheddable, "old"), (Sheddable, "new")]);
    let mut told = Vec::new();
    assert!(line.join(ms(1), newcomer(Sheddable, "no"), &mut told).is_none());
    assert!(told.is_empty());
    assert!(line.join(ms(1), newcomer(Normal, "a"), &mut told).is_some());
    assert_eq!(told, ["new"], "it waited least");
    assert!(line.join(ms(1), newcomer(Critical, "b"), &mut told).is_some());
    assert!(
        line.join(ms(1), newcomer(Normal, "no"), &mut told).is_none(),
        "who is in front stays"
    );
    assert!(line.join(ms(1), newcomer(Exempt, "c"), &mut told).is_some());
    assert_eq!((told, line.len()), (vec!["new", "old", "a"], 3));
}

#[test]
fn a_full_line_that_stands_takes_the_newest_in_place_of_the_oldest() {
    let mut line = line(3, &[(Normal, "front"), (Normal, "old"), (Normal, "new")]);
    stand(&mut line, ms(1000));
    line.others
        .iter_mut()
        .flatten()
        .for_each(|waiter| waiter.joined = ms(999));
    let mut told = Vec::new();
    assert!(
        line.join(ms(1000), newcomer(Normal, "newer"), &mut told)
            .is_some()
    );
    assert_eq!(told, ["old"]);
}

#[test]
fn who_has_no_time_left_is_passed_over() {
    let mut line = line(9, &[(Normal, "front")]);
    for (name, deadline) in [("late", 10), ("just", 11)] {
        let newcomer = Newcomer {
            deadline: Some(ms(deadline)),
            ..newcomer(Normal, name)
        };
        line.join(ms(0), newcomer, &mut Vec::new()).unwrap();
    }
    let mut told = Vec::new();
    assert_eq!(line.placed(ms(10), &mut told), Some("front"));
    assert_eq!(told, ["late", "just"], "both are told, one is in front");
    assert_eq!(line.front.as_ref().map(|front| front.reach), Some("just"));
    assert_eq!(line.len(), 1);
}

#[test]
fn who_waited_too_long_is_sent_away_at_the_limit_and_not_before() {
    let mut line = line(9, &[(Normal, "front"), (Normal, "a")]);
    assert_eq!(line.position(ms(249), 1), Position::Behind(WAIT));
    let mut told = Vec::new();
    line.join(ms(249), newcomer(Normal, "b"), &mut told).unwrap();
    assert!(told.is_empty());
    line.join(ms(250), newcomer(Normal, "c"), &mut told).unwrap();
    assert_eq!(told, ["a"]);
    assert_eq!(line.position(ms(250), 1), Position::Out);
    assert_eq!(
        line.position(ms(250), 0),
        Position::Front(WAIT),
        "it leaves by itself"
    );
}

#[test]
fn when_it_stands_all_but_the_front_wait_for_a_short_time_only() {
    let mut line = line(9, &[(Normal, "front")]);
    stand(&mut line, ms(1000));
    let mut told = Vec::new();
    let number = line.join(ms(1000), newcomer(Normal, "a"), &mut told).unwrap();
    assert_eq!(line.position(ms(1000), number), Position::Behind(ms(1040)));
    assert_eq!(line.position(ms(1000), 0), Position::Front(WAIT));

    let mut unshortened = Line::new(9, WAIT, false);
    unshortened.join(ms(0), newcomer(Normal, "front"), &mut told);
    stand_unseen(&mut unshortened, ms(1000));
    let number = unshortened
        .join(ms(1000), newcomer(Normal, "a"), &mut told)
        .unwrap();
    assert_eq!(
        unshortened.position(ms(1000), number),
        Position::Behind(ms(1000) + WAIT)
    );
}

fn stand_unseen(line: &mut Line<&'static str>, at: Duration) {
    line.answered(ms(20));
    line.standing.waited(at - ms(125), ms(50));
    line.standing.waited(at, ms(50));
}

#[test]
fn who_leaves_from_the_front_lets_the_next_one_there() {
    let mut line = line(9, &[(Normal, "front"), (Normal, "a"), (Normal, "b")]);
    let mut told = Vec::new();
    assert_eq!(line.leave(ms(1), 1, false, &mut told), Some("a"));
    assert!(told.is_empty());
    assert_eq!(line.leave(ms(1), 0, false, &mut told), Some("front"));
    assert_eq!(told, ["b"]);
    assert_eq!(line.position(ms(1), 2), Position::Front(WAIT));
    assert_eq!(
        line.leave(ms(1), 0, false, &mut told),
        None,
        "it has left already"
    );
}

/// What may happen to a line.
#[derive(Clone, Debug)]
enum Event {
    Join(Priority, Option<u64>),
    Placed,
    Leave(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let priority = prop::sample::select(&Priority::ALL[..]);
    prop_oneof![
        3 => (priority, prop::option::of(0_u64..400)).prop_map(|(priority, time)| Event::Join(priority, time)),
        2 => Just(Event::Placed),
        1 => any::<usize>().prop_map(Event::Leave),
    ]
}

proptest! {
    #[test]
    fn nobody_is_lost_and_nobody_is_placed_too_late(
        capacity in 0_usize..12,
        shortened in any::<bool>(),
        events in prop::collection::vec((0_u64..40, event()), 1..200),
    ) {
        let mut line = Line::new(capacity, WAIT, shortened);
        let mut now = Duration::ZERO;
        // By number: when it must be over, and whether it was told anything.
        let mut waiting: Vec<(u64, Option<Duration>)> = Vec::new();
        for (pause, event) in events {
            now += ms(pause);
            let mut told = Vec::new();
            match event {
                Event::Join(priority, time) => {
                    let deadline = time.map(|time| now + ms(time));
                    let reach = line.next;
                    let newcomer = Newcomer { priority, deadline, reach };
                    match line.join(now, newcomer, &mut told) {
                        Some(number) => waiting.push((number, deadline)),
                        None => prop_assert!(line.len() >= capacity),
                    }
                }
                Event::Placed => {
                    if let Some(number) = line.placed(now, &mut told) {
                        prop_assert!(waiting.iter().any(|(waiting, _)| *waiting == number));
                        waiting.retain(|(waiting, _)| *waiting != number);
                    }
                    line.answered(ms(20));
                    if let Some(front) = &line.front {
                        prop_assert!(front.deadline.is_none_or(|deadline| now < deadline));
                    }
                }
                Event::Leave(index) if !waiting.is_empty() => {
                    let (number, _) = waiting.remove(index % waiting.len());
                    prop_assert_eq!(line.leave(now, number, index % 2 == 0, &mut told), Some(number));
                }
                Event::Leave(_) => {}
            }
            // Who is out of the line was told so, and so was who has come to its front.
            waiting.retain(|(number, _)| {
                let out = line.position(now, *number) == Position::Out;
                assert!(!out || told.contains(number), "{number} waits for nothing");
                !out
            });
            prop_assert_eq!(line.len(), waiting.len());
            prop_assert!(line.len() <= capacity);
            prop_assert_eq!(line.front.is_some(), line.len() > 0, "someone asks for the place");
        }
    }

    #[test]
    fn nobody_who_matters_more_waits_behind_the_one_who_is_served(
        priorities in prop::collection::vec(prop::sample::select(&Priority::ALL[..]), 1..40),
    ) {
        let mut line = Line::new(40, WAIT, true);
        for priority in &priorities {
            let newcomer = Newcomer { priority: *priority, deadline: None, reach: *priority };
            line.join(ms(0), newcomer, &mut Vec::new()).unwrap();
        }
        let order: Vec<_> = std::iter::from_fn(|| line.placed(ms(1), &mut Vec::new())).collect();
        prop_assert_eq!(order.len(), priorities.len());
        prop_assert!(order[1..].is_sorted_by(|first, second| first >= second));
    }
}
