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
    delay::{Begun, Delay, Seen},
    line::Line,
};

const SLACK: Duration = Duration::from_millis(50);
const SMALLEST: f64 = 10.0;
const LARGEST: f64 = 1000.0;
/// What a cohort of late ones leaves of what was in flight: four fifths each tenth of a second.
const KEPT: f64 = 0.9;
/// What a cohort that was not gives, as a share of the root: one root each tenth of a second.
const GROWN: f64 = 0.5;
/// At the smallest limit, every other so many cohorts at a still smaller one tell whether that changes anything. Not at a
/// larger one: who is that slow would make those wait for longer who come when it is well again.
const EXCURSION: u32 = 5;
const EXCURSION_TO: f64 = 7.0;

/// Bounds what an app is asked to do at once, if it can be overloaded and is.
#[derive(Debug)]
pub struct ServerLimit {
    delay: Delay,
    bound: Bound,
    reached: AtomicBool,
    /// Taken by who judges a cohort only.
    trouble: Mutex<Trouble>,
}

/// What was seen since a delay began to stand.
#[derive(Debug, Default)]
struct Trouble {
    /// A first cohort of it, while there was no limit yet: it may have been chance.
    suspected: bool,
    cohorts: u32,
    since: Option<Duration>,
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
    /// No limit, until there is a reason for one; then from 10 to 1000, and now and then 7 to learn from it.
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

    /// Lets one more go where `in_flight` are, if there is room.
    pub fn admit(&self, now: Duration, in_flight: usize) -> Option<Begun> {
        self.look(now);
        if in_flight < self.limit() {
            return Some(self.delay.begin(now, in_flight));
        }
        if !self.reached.load(Relaxed) {
            self.reached.store(true, Relaxed);
        }
        None
    }

    /// The latency that is usual, once that is known.
    pub fn usual(&self) -> Option<Duration> {
        self.delay.usual()
    }

    /// A request was served: its head is there, or a second of its body.
    pub fn finished(&self, begun: Begun, now: Duration) {
        self.delay.finish(begun, now);
        self.look(now);
    }

    /// A request came to nothing: it failed, or nobody waits for it any longer.
    pub fn abandoned(&self, begun: Begun, now: Duration) {
        self.delay.abandon(begun, now);
        self.look(now);
    }

    /// The app was restarted, or its health gate failed: it starts at the smallest limit, if it is known what is usual.
    pub fn restarted(&self, now: Duration) {
        if self.delay.usual().is_none() {
            return;
        }
        self.delay.forget(now);
        self.bound.set(SMALLEST);
        self.reached.store(false, Relaxed);
        if let Ok(mut trouble) = self.trouble.try_lock() {
            *trouble = Trouble {
                last: now,
                ..Trouble::default()
            };
        }
    }

    fn look(&self, now: Duration) {
        let free = self.bound.get().is_infinite();
        if let Some(seen) = self.delay.look(now, free) {
            self.judge(seen, free, now);
        }
    }

    fn judge(&self, seen: Seen, free: bool, now: Duration) {
        let reached = self.reached.swap(false, Relaxed);
        // Whoever judges the next cohort meanwhile knows better.
        if let Ok(mut trouble) = self.trouble.try_lock() {
            if !free {
                trouble.draw(seen, now);
            }
            let stands = if free { seen.stands() } else { seen.still_stands() };
            let bound = if stands {
                self.tighten(&mut trouble, seen, now)
            } else {
                if free {
                    trouble.pass();
                }
                self.loosen(&mut trouble, reached, now)
            };
            self.bound.set(if bound < LARGEST { bound } else { Bound::NONE });
        }
    }

    fn tighten(&self, trouble: &mut Trouble, seen: Seen, now: Duration) -> f64 {
        let bound = self.bound.get();
        if bound.is_infinite() && !trouble.suspected && !seen.is_certain() {
            trouble.suspected = true;
            return bound;
        }
        if seen.is_trouble() || bound.is_infinite() {
            trouble.last = now;
        }
        trouble.cohorts += 1;
        trouble.most = trouble.most.max(seen.peak);
        if trouble.line.is_flat() {
            self.delay.learn(Duration::from_secs_f64(trouble.line.latency()));
            let most = trouble.most;
            trouble.pass();
            return most / KEPT;
        }
        let next = (KEPT * bound.min(seen.peak)).max(SMALLEST);
        if next <= SMALLEST && trouble.cohorts % (2 * EXCURSION) < EXCURSION {
            return EXCURSION_TO;
        }
        next
    }

    fn loosen(&self, trouble: &mut Trouble, reached: bool, now: Duration) -> f64 {
        let bound = self.bound.get();
        if now.saturating_sub(trouble.last) >= QUIET {
            trouble.pass();
            Bound::NONE
        } else if reached {
            bound + GROWN * bound.sqrt()
        } else {
            bound
        }
    }
}

impl Trouble {
    /// Draws what ended into the line. At first only the quick ones end, as latencies are long and the delay is new.
    fn draw(&mut self, seen: Seen, now: Duration) {
        let since = *self.since.get_or_insert(now);
        if now.saturating_sub(since).as_secs_f64() >= 2.0 * seen.latency {
            seen.draw(&mut self.line);
        }
    }

    /// Forgets what was seen.
    fn pass(&mut self) {
        *self = Self {
            last: self.last,
            ..Self::default()
        };
    }
}
