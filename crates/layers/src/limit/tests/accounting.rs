//! The semaphore against a model, and against threads.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Poll(usize),
    Spend(usize),
    Abandon(usize),
    Return,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..8_usize).prop_map(Step::Poll),
        2 => (0..8_usize).prop_map(Step::Spend),
        1 => (0..8_usize).prop_map(Step::Abandon),
        2 => Just(Step::Return),
    ]
}

/// What the semaphore should be: who holds a permit, who waits in which order, how many are spent.
#[derive(Debug, Default)]
struct Model {
    held: Vec<usize>,
    queue: Vec<usize>,
    spent: usize,
}

impl Model {
    fn poll(&mut self, who: usize, max: usize) -> bool {
        let known = self.held.contains(&who) || self.queue.contains(&who);
        if !known && self.queue.is_empty() && self.held.len() + self.spent < max {
            self.held.push(who);
        } else if !known {
            self.queue.push(who);
        }
        self.held.contains(&who)
    }

    fn hand_over(&mut self) {
        if !self.queue.is_empty() {
            self.held.push(self.queue.remove(0));
        }
    }

    fn abandon(&mut self, who: usize) {
        self.queue.retain(|waiting| *waiting != who);
        if let Some(index) = self.held.iter().position(|holder| *holder == who) {
            self.held.remove(index);
            self.hand_over();
        }
    }
}

proptest! {
    #[test]
    fn permits_are_neither_lost_nor_made(max in 0..4_usize, steps in prop::collection::vec(step(), 0..200)) {
        let semaphore = Semaphore::new(max);
        let mut claims: Vec<_> = (0..8).map(|_| Claim::new(semaphore.clone())).collect();
        let (mut permits, mut model, mut task) = (Vec::new(), Model::default(), task::spawn(()));
        for step in steps {
            match step {
                Step::Poll(who) => {
                    let ready = task.enter(|cx, _| claims[who].poll(cx)).is_ready();
                    prop_assert_eq!(ready, model.poll(who, max));
                }
                // As call does: only after a poll that was ready.
                Step::Spend(who) => if task.enter(|cx, _| claims[who].poll(cx)).is_ready() {
                    prop_assert!(model.poll(who, max));
                    permits.push(claims[who].spend().unwrap());
                    model.held.retain(|holder| *holder != who);
                    model.spent += 1;
                } else {
                    prop_assert!(!model.poll(who, max));
                    prop_assert!(claims[who].spend().is_none());
                },
                Step::Abandon(who) => {
                    claims[who].abandon();
                    model.abandon(who);
                }
                Step::Return => if permits.pop().is_some() {
                    model.spent -= 1;
                    model.hand_over();
                },
            }
            prop_assert_eq!(semaphore.in_flight(), model.held.len() + model.spent);
            prop_assert!(semaphore.in_flight() <= max);
        }
        drop((claims, permits));
        prop_assert_eq!(semaphore.in_flight(), 0);
    }
}

#[test]
fn threads_that_fight_for_places_never_exceed_them_and_none_starves() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    const MAX: usize = 3;
    let semaphore = Semaphore::new(MAX);
    let (inside, served) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..8_usize {
            let (semaphore, inside, served) = (&semaphore, &inside, &served);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for round in 0..2_000_usize {
                    let mut claim = Claim::new(semaphore.clone());
                    if (round + thread) % 7 == 0 {
                        // Cancelled wherever it has come to.
                        let _ = task::spawn(()).enter(|cx, _| claim.poll(cx));
                        continue;
                    }
                    runtime.block_on(std::future::poll_fn(|cx| claim.poll(cx)));
                    let permit = claim.spend().unwrap();
                    assert!(inside.fetch_add(1, SeqCst) < MAX);
                    std::thread::yield_now();
                    inside.fetch_sub(1, SeqCst);
                    drop(permit);
                    served.fetch_add(1, SeqCst);
                }
            });
        }
    });
    assert_eq!(semaphore.in_flight(), 0);
    let cancelled: usize = (0..8)
        .map(|thread| (0..2_000).filter(|round| (round + thread) % 7 == 0).count())
        .sum();
    assert_eq!(served.into_inner(), 8 * 2_000 - cancelled);
}
