//! Whether requests take longer than they usually do, all of them: learned and judged window by window.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::nanos;

const SHORTEST: Duration = Duration::from_millis(100);
/// A window of a slow app lasts as long as its requests, up to this.
const LONGEST: Duration = Duration::from_millis(300);
/// After this time fewer requests will do.
const PATIENCE: Duration = Duration::from_secs(1);
const ENOUGH: u64 = 20;
const FEW: u64 = 5;
/// The share of late ones from which on a delay stands, and the one from which on it still does.
const STANDING: f64 = 0.9;
const STILL: f64 = 0.75;
/// How many latencies are needed to know what is usual.
const LESSONS: usize = 8;
/// Who has looked on for less than so many times a latency has seen only the quick ones end.
const LOOK_ON: u32 = 8;

/// What one window told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// The share of late ones.
    late: f64,
    /// The mean latency, in seconds.
    pub(super) latency: f64,
    /// How many were in flight when its requests began: the mean, and the most.
    pub(super) in_flight: f64,
    pub(super) peak: f64,
}

impl Seen {
    #[cfg(test)]
    pub(super) fn new(in_flight: f64, latency: f64) -> Self {
        Self {
            late: 1.0,
            latency,
            in_flight,
            peak: in_flight,
        }
    }

    /// Whether it took nearly all of them longer than usual.
    pub(super) fn stands(&self) -> bool {
        self.late >= STANDING
    }

    /// Whether what stood before has not passed.
    pub(super) fn still_stands(&self) -> bool {
        self.late >= STILL
    }

    /// Whether there is no doubt that it has passed.
    pub(super) fn is_well(&self) -> bool {
        self.late < 0.5
    }
}

#[derive(Debug)]
pub(super) struct Delay {
    slack: Duration,
    /// The usual latency in nanoseconds; 0 until it is learned.
    usual: AtomicU64,
    /// From which latency on a request is late.
    late_from: AtomicU64,
    /// The window may end now.
    end: AtomicU64,
    all: AtomicU64,
    late: AtomicU64,
    early: AtomicU64,
    latency: AtomicU64,
    in_flight: AtomicU64,
    peak: AtomicU64,
    /// Taken for a moment by who learns or ends a window; all others pass by.
    desk: Mutex<Lessons>,
}

#[derive(Debug, Default)]
struct Lessons {
    since: Option<Duration>,
    latencies: Vec<Duration>,
}

impl Delay {
    pub(super) fn new(slack: Duration) -> Self {
        Self {
            slack,
            usual: AtomicU64::new(0),
            late_from: AtomicU64::new(u64::MAX),
            end: AtomicU64::new(0),
            all: AtomicU64::new(0),
            late: AtomicU64::new(0),
            early: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            desk: Mutex::default(),
        }
    }

    /// The latency of a quarter of the requests while nothing binds, once that is known.
    pub(super) fn usual(&self) -> Option<Duration> {
        match self.usual.load(Relaxed) {
            0 => None,
            usual => Some(Duration::from_nanos(usual)),
        }
    }

    /// This is what is usual.
    pub(super) fn learn(&self, usual: Duration) {
        self.set_usual(nanos(usual).max(1));
    }

    fn set_usual(&self, usual: u64) {
        let late = usual.saturating_add(nanos(self.slack).max(usual.saturating_mul(2)));
        self.usual.store(usual, Relaxed);
        self.late_from.store(late, Relaxed);
    }

    /// Counts a request that is over and had begun beside `in_flight` others; tells of the window if that ends it.
    /// `free` says that nothing binds now, so that what is usual may be slower than was thought.
    pub(super) fn record(
        &self,
        now: Duration,
        latency: Duration,
        in_flight: usize,
        free: bool,
    ) -> Option<Seen> {
        let usual = self.usual.load(Relaxed);
        if usual == 0 {
            self.take_lesson(now, latency);
            return None;
        }
        let latency = nanos(latency);
        let in_flight = in_flight as u64 + 1;
        let all = self.all.fetch_add(1, Relaxed) + 1;
        self.late
            .fetch_add(u64::from(latency >= self.late_from.load(Relaxed)), Relaxed);
        self.early.fetch_add(u64::from(latency < usual), Relaxed);
        self.latency.fetch_add(latency, Relaxed);
        self.in_flight.fetch_add(in_flight, Relaxed);
        self.peak.fetch_max(in_flight, Relaxed);
        let end = self.end.load(Relaxed);
        let over = nanos(now) >= end && all >= ENOUGH
            || nanos(now) >= end.saturating_add(nanos(PATIENCE)) && all >= FEW;
        if over { self.close(now, free) } else { None }
    }

    fn take_lesson(&self, now: Duration, latency: Duration) {
        let Ok(mut lessons) = self.desk.try_lock() else {
            return;
        };
        let since = *lessons.since.get_or_insert(now.saturating_sub(latency));
        if now.saturating_sub(since) < latency.saturating_mul(LOOK_ON) {
            lessons.latencies.clear();
            return;
        }
        lessons.latencies.push(latency);
        if lessons.latencies.len() >= LESSONS {
            lessons.latencies.sort_unstable();
            self.learn(lessons.latencies[LESSONS / 4]);
            lessons.latencies = Vec::new();
        }
    }

    /// Ends the window, unless someone else does just now.
    fn close(&self, now: Duration, free: bool) -> Option<Seen> {
        let _desk = self.desk.try_lock().ok()?;
        let all = self.all.swap(0, Relaxed);
        if all == 0 {
            return None;
        }
        let usual = self.usual.load(Relaxed);
        let length = Duration::from_nanos(usual).clamp(SHORTEST, LONGEST);
        let began = self.end.swap(nanos(now.saturating_add(length)), Relaxed);
        let take = |counter: &AtomicU64| counter.swap(0, Relaxed) as f64 / all as f64;
        let seen = Seen {
            late: take(&self.late),
            latency: take(&self.latency) / 1e9,
            in_flight: take(&self.in_flight),
            peak: self.peak.swap(0, Relaxed) as f64,
        };
        let passed = nanos(now).saturating_sub(began) as f64 / 1e9 + length.as_secs_f64();
        self.adjust(take(&self.early), passed, free && !seen.stands());
        Some(seen)
    }

    /// Moves what is usual to where a quarter is earlier: down by up to a tenth a window, up by up to three in a hundred a second.
    fn adjust(&self, early: f64, passed: f64, may_rise: bool) {
        let step = if early > 0.25 {
            -0.1 * (early - 0.25) / 0.75
        } else if may_rise {
            0.03 * passed.min(3.0) * (0.25 - early) / 0.25
        } else {
            0.0
        };
        let usual = self.usual.load(Relaxed) as f64 * (1.0 + step);
        self.set_usual((usual as u64).max(1));
    }
}
