//! One client's share of an upstream.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    Bound, QUIET,
    delay::{Begun, Delay, Seen},
    line::Line,
    nanos,
};

const SLACK: Duration = Duration::from_millis(100);
const SMALLEST: f64 = 1.0;
/// Even the first cut of who has hardly anything in flight leaves room for some.
const START: f64 = 4.0;
const LARGEST: f64 = 1000.0;
/// What trouble leaves.
const KEPT: f64 = 0.7;
/// Weight of the latest outcome in the share of bad ones, and from which share on they are trouble: three of late.
const WEIGHT: f32 = 0.125;
const TROUBLE: f32 = 0.25;
/// A delay that stands for so long and cannot be told from a slower upstream is usual from then on.
const STAYS: Duration = Duration::from_secs(10);

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was served.
    Served,
    /// It failed, or was refused by an upstream that protects itself.
    Failed,
}

/// Bounds what one client asks of an upstream at once while that is in trouble.
#[derive(Debug)]
pub struct ClientLimit {
    delay: Delay,
    bound: Bound,
    /// The share of bad outcomes lately.
    bad: AtomicU32,
    /// When it was cut last, in nanoseconds.
    last: AtomicU64,
    /// Taken by who judges a cohort only.
    doubt: Mutex<Doubt>,
}

/// What was seen since a delay began to stand.
#[derive(Debug, Default)]
struct Doubt {
    since: Option<Duration>,
    line: Line,
}

impl Default for ClientLimit {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientLimit {
    /// No limit, until there is a reason for one; then at least 1.
    pub fn new() -> Self {
        Self {
            delay: Delay::new(SLACK),
            bound: Bound::none(),
            bad: AtomicU32::new(0),
            last: AtomicU64::new(0),
            doubt: Mutex::default(),
        }
    }

    /// How many may be in flight; `usize::MAX` while nothing binds.
    pub fn limit(&self) -> usize {
        self.bound.whole()
    }

    /// Lets one more go where `in_flight` are, if there is room.
    pub fn admit(&self, now: Duration, in_flight: usize) -> Option<Begun> {
        self.has_room(now, in_flight).then(|| self.begin(now, in_flight))
    }

    /// Whether there is room for one more where `in_flight` are.
    pub fn has_room(&self, now: Duration, in_flight: usize) -> bool {
        self.look(now, in_flight);
        (in_flight as f64) < self.bound.get()
    }

    /// The upstream is asked for one more from now on, where `in_flight` are.
    pub fn begin(&self, now: Duration, in_flight: usize) -> Begun {
        self.delay.begin(now, in_flight)
    }

    /// The latency that is usual, once that is known.
    pub fn usual(&self) -> Option<Duration> {
        self.delay.usual()
    }

    /// The mean latency of those that ended last, if any did lately.
    pub fn recent(&self) -> Option<Duration> {
        self.delay.recent()
    }

    /// A request came to nothing, and says nothing of the upstream.
    pub fn abandoned(&self, begun: Begun, now: Duration) {
        self.delay.abandon(begun, now);
    }

    /// A request is over; `in_flight` are, this one included.
    pub fn finished(&self, begun: Begun, now: Duration, outcome: Outcome, in_flight: usize) {
        match outcome {
            Outcome::Served => {
                self.note(0.0);
                self.delay.finish(begun, now);
                if !self.look(now, in_flight) {
                    self.grow(now, in_flight);
                }
            }
            Outcome::Failed => {
                self.delay.abandon(begun, now);
                if self.delay.usual().is_some() && self.note(1.0) >= TROUBLE {
                    self.cut(now, in_flight);
                }
            }
        }
    }

    /// Whether it was cut for a delay that stands.
    fn look(&self, now: Duration, in_flight: usize) -> bool {
        let free = self.bound.get().is_infinite();
        let seen = self.delay.look(now, free);
        let queues = seen.is_some_and(|seen| self.is_queue(seen, free, now));
        if queues {
            self.cut(now, in_flight);
        }
        queues
    }

    /// Whether all are late, and for another reason than that the upstream has become slower.
    fn is_queue(&self, seen: Seen, free: bool, now: Duration) -> bool {
        // Whoever judges the next cohort meanwhile knows better.
        let Ok(mut doubt) = self.doubt.try_lock() else {
            return false;
        };
        self.delay.draw(&mut doubt.line, now);
        if !seen.stands() {
            *doubt = Doubt::default();
            return false;
        }
        let stood = now.saturating_sub(*doubt.since.get_or_insert(now));
        let (steep, flat) = (doubt.line.is_steep(), doubt.line.is_flat(now));
        if flat || !steep && stood >= STAYS {
            self.delay.learn(Duration::from_secs_f64(doubt.line.latency()));
            *doubt = Doubt::default();
            return false;
        }
        steep || !free
    }

    /// Counts an outcome; the share of bad ones after it.
    fn note(&self, bad: f32) -> f32 {
        let share = f32::from_bits(self.bad.load(Relaxed));
        let next = share + WEIGHT * (bad - share);
        // Of two at the same moment one may be lost; nobody writes while all is well.
        if next > f32::EPSILON || share > 0.0 {
            let next = if next > f32::EPSILON { next } else { 0.0 };
            self.bad.store(next.to_bits(), Relaxed);
        }
        next
    }

    fn cut(&self, now: Duration, in_flight: usize) {
        let used = (in_flight as f64).max(START);
        self.last.fetch_max(nanos(now), Relaxed);
        self.bound.update(|bound| (KEPT * bound.min(used)).max(SMALLEST));
    }

    fn grow(&self, now: Duration, in_flight: usize) {
        if self.bound.get().is_infinite() {
            return;
        }
        let quiet = nanos(now).saturating_sub(self.last.load(Relaxed)) >= nanos(QUIET);
        self.bound.update(|bound| {
            // What is not used does not grow.
            let grown = if 2.0 * in_flight as f64 >= bound {
                bound + 1.0 / bound
            } else {
                bound
            };
            if quiet || grown >= LARGEST {
                Bound::NONE
            } else {
                grown
            }
        });
    }
}
