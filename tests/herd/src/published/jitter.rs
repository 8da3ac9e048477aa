//! AWS, "Exponential Backoff and Jitter": n clients that each read and write one row guarded by a version.
//!
//! A message takes |N(10, 2)| ms each way. Who writes with a version that is no longer the row's waits and begins again.
//! Published: without jitter there is most work and most time; full jitter more than halves the calls.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use outrigger_layers::retry::backoff::{Backoff, Jitter, Waits};

use crate::random::Random;

/// The five policies, with base 5 ms and cap 2 s; the first wait of all but the last is up to 10 ms.
pub const POLICIES: [(&str, Backoff); 5] = [
    ("none", Backoff::IMMEDIATE),
    ("exponential", policy(Jitter::None, 10)),
    ("equal", policy(Jitter::Equal, 10)),
    ("full", policy(Jitter::Full, 10)),
    ("decorrelated", policy(Jitter::Decorrelated, 5)),
];

/// Writes and milliseconds at n = 100, mean of a hundred trials of our own model of it.
pub const AT_100: [(f64, f64); 5] = [
    (2421.0, 2024.0),
    (1859.0, 63_145.0),
    (812.0, 6542.0),
    (794.0, 4879.0),
    (1004.0, 4551.0),
];

const fn policy(jitter: Jitter, base: u64) -> Backoff {
    Backoff {
        jitter,
        base: Duration::from_millis(base),
        cap: Duration::from_secs(2),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Begin,
    Read,
    /// With this version.
    Write(u32),
    Refused,
}

/// Writes in all, and milliseconds until the last client is done: the mean of so many trials.
pub fn mean(backoff: Backoff, clients: usize, trials: u64) -> (f64, f64) {
    let results = (1..=trials).map(|seed| trial(backoff, clients, seed));
    let (writes, time) = results.fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
    (writes / trials as f64, time / trials as f64)
}

fn trial(backoff: Backoff, clients: usize, seed: u64) -> (f64, f64) {
    let mut random = Random::new(seed);
    let mut waits: Vec<Waits> = vec![backoff.start(); clients];
    let mut events: BinaryHeap<_> = (0..clients)
        .map(|client| Reverse((0_u64, client, Step::Begin)))
        .collect();
    let (mut version, mut writes, mut last) = (0_u32, 0_u32, 0_u64);
    while let Some(Reverse((now, client, step))) = events.pop() {
        let arrives = now + (random.normal(10.0, 2.0).abs() * 1e6) as u64;
        match step {
            Step::Begin => events.push(Reverse((arrives, client, Step::Read))),
            // The answer goes back, and the write comes with what it said.
            Step::Read => {
                let again = arrives + (random.normal(10.0, 2.0).abs() * 1e6) as u64;
                events.push(Reverse((again, client, Step::Write(version))));
            }
            Step::Write(read) => {
                writes += 1;
                if read == version {
                    version += 1;
                    last = last.max(arrives);
                } else {
                    events.push(Reverse((arrives, client, Step::Refused)));
                }
            }
            Step::Refused => {
                let wait = waits[client].next(random.next()).plain();
                events.push(Reverse((now + wait.as_nanos() as u64, client, Step::Begin)));
            }
        }
    }
    (f64::from(writes), last as f64 / 1e6)
}
