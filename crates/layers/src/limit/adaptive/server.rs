//! The limit of the app beside us.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    Bound, QUIET,
    delay::{Delay, Seen},
    line::Line,
};

const SLACK: Duration = Duration::from_millis(50);
const SMALLEST: f64 = 10.0;
const LARGEST: f64 = 1000.0;
/// What a standing delay leaves of what was in flight.
const KEPT: f64 = 0.8;
/// At the smallest limit, every other so many windows with half as many more tell whether that changes anything.
const EXCURSION: u32 = 4;

/// Bounds what an app is asked to do at once, if it can be overloaded and is.
#[derive(Debug)]
pub struct ServerLimit {
    delay: Delay,
    bound: Bound,
    reached: AtomicBool,
    /// Taken by who ends a window only.
    trouble: Mutex<Trouble>,
}

/// What was seen since a delay began to stand.
#[derive(Debug, Default)]
struct Trouble {
    /// A first window of it, while there was no limit yet: it may have been chance.
    suspected: bool,
    windows: u32,
    line: Line,
    /// The most in flight that was seen.
    most: f64,
    /// When a delay stood last.
    last: Duration,
}

impl Default for ServerLimit {
    fn default() -> Self {
        Self::new()
    }
}

impl ServerLimit {
    /// No limit, until there is a reason for one; then from 10 to 1000.
    pub fn new() -> Self {
        Self {
            delay: Delay::new(SLACK),
            bound: Bound::none(),
            reached: AtomicBool::new(false),
            trouble: Mutex::default(),
        }
    }

    /// How many may be in flight; `usize::MAX` while nothing binds.
    pub fn limit(&self) -> usize {
        self.bound.whole()
    }

    /// Whether one more may go where `in_flight` are.
    pub fn admits(&self, in_flight: usize) -> bool {
        let admits = in_flight < self.limit();
        if !admits {
            self.reached.store(true, Relaxed);
        }
        admits
    }

    /// The latency that is usual, once that is known.
    pub fn usual(&self) -> Option<Duration> {
        self.delay.usual()
    }

    /// A request is over that had begun when `in_flight` others were in flight.
    pub fn finished(&self, now: Duration, latency: Duration, in_flight: usize) {
        let free = self.bound.get().is_infinite();
        let Some(seen) = self.delay.record(now, latency, in_flight, free) else {
            return;
        };
        let reached = self.reached.swap(false, Relaxed);
        // Whoever ended the next window meanwhile knows better.
        if let Ok(mut trouble) = self.trouble.try_lock() {
            let stands = if free { seen.stands() } else { seen.still_stands() };
            let bound = if stands {
                self.tighten(&mut trouble, seen, now)
            } else {
                if free || seen.is_well() {
                    trouble.pass();
                }
                self.loosen(&trouble, reached, now)
            };
            self.bound.set(if bound < LARGEST { bound } else { Bound::NONE });
        }
    }

    /// The app was restarted, or its health gate failed: it starts at the smallest limit, if it is known what is usual.
    pub fn restarted(&self, now: Duration) {
        if self.delay.usual().is_none() {
            return;
        }
        self.bound.set(SMALLEST);
        self.reached.store(false, Relaxed);
        if let Ok(mut trouble) = self.trouble.try_lock() {
            *trouble = Trouble {
                last: now,
                ..Trouble::default()
            };
        }
    }

    fn tighten(&self, trouble: &mut Trouble, seen: Seen, now: Duration) -> f64 {
        let bound = self.bound.get();
        if bound.is_infinite() && !trouble.suspected {
            trouble.suspected = true;
            return bound;
        }
        trouble.last = now;
        trouble.windows += 1;
        trouble.line.add(seen);
        trouble.most = trouble.most.max(seen.peak);
        if trouble.line.is_flat() {
            self.delay.learn(Duration::from_secs_f64(seen.latency));
            let most = trouble.most;
            trouble.pass();
            return most / KEPT;
        }
        let next = (KEPT * bound.min(seen.peak)).max(SMALLEST);
        if next <= SMALLEST && trouble.windows % (2 * EXCURSION) < EXCURSION {
            return 1.5 * SMALLEST;
        }
        next
    }

    fn loosen(&self, trouble: &Trouble, reached: bool, now: Duration) -> f64 {
        let bound = self.bound.get();
        if now.saturating_sub(trouble.last) >= QUIET {
            Bound::NONE
        } else if reached {
            bound + bound.sqrt()
        } else {
            bound
        }
    }
}

impl Trouble {
    /// Forgets what was seen.
    fn pass(&mut self) {
        *self = Self {
            last: self.last,
            ..Self::default()
        };
    }
}
