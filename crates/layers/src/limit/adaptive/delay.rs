//! Whether requests take longer than they usually do, all of them: learned and judged cohort by cohort.
//!
//! A cohort is who began in the same window. It is judged as soon as it is certain how many of it were late: mostly when
//! half of it has been served in time, at the latest when the last of it would be late. So an upstream from which nothing
//! comes at all is found out as soon as one that is slow.

use std::{
    array,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use super::{
    line::{Line, Points},
    nanos,
};

/// How long a cohort gathers: so long, for slow apps a quarter of what makes late, and until it is large enough.
const SHORTEST: Duration = Duration::from_millis(50);
const ENOUGH: u64 = 20;
/// Half of that do once there is a limit to be moved, little by little.
const ENOUGH_BOUND: u64 = 10;
/// After this time fewer requests will do.
const PATIENCE: Duration = Duration::from_secs(1);
const FEW: u64 = 5;
/// How many cohorts may be on their way.
const COHORTS: u64 = 8;
/// The share of late ones from which on a delay stands, the one from which on it still does, and below which it does not.
const STANDING: f64 = 0.9;
const STILL: f64 = 0.75;
const WELL: f64 = 0.5;
/// How many latencies are needed to know what is usual.
const LESSONS: usize = 8;
/// Who begins beside fewer has waited for nobody, and counts as two.
const ALONE: u64 = 4;
/// Who has looked on for less than so many times a latency has seen only the quick ones end.
const LOOK_ON: u32 = 8;

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    cohort: u64,
    at: Duration,
    /// How many others were.
    beside: u64,
}

/// What one cohort told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// The share of late ones, and of how many.
    late: f64,
    all: u64,
    /// The most that were in flight when one began.
    pub(super) peak: f64,
    /// How many ended meanwhile.
    pub(super) ended: u64,
}

#[derive(Debug)]
pub(super) struct Delay {
    slack: Duration,
    /// The usual latency in nanoseconds; 0 until it is learned.
    usual: AtomicU64,
    /// From which latency on a request is late.
    late_from: AtomicU64,
    /// The cohort that gathers, the first that was not judged, and since when the former does.
    current: AtomicU64,
    unjudged: AtomicU64,
    opened: AtomicU64,
    cohorts: [Cohort; COHORTS as usize],
    ended: Ended,
    /// The mean latency of those that ended last, in nanoseconds.
    recent: AtomicU64,
    /// Whether someone was late lately, or there is a limit: those that end are noted then.
    alert: AtomicBool,
    points: Points,
    /// Taken for a moment by who learns or judges; all others pass by.
    desk: Mutex<Desk>,
}

#[derive(Debug, Default)]
struct Cohort {
    begun: AtomicU64,
    in_time: AtomicU64,
    peak: AtomicU64,
}

/// Sums over the requests that ended since the last judgement.
#[derive(Debug, Default)]
struct Ended {
    all: AtomicU64,
    early: AtomicU64,
    latency: AtomicU64,
}

#[derive(Debug, Default)]
struct Desk {
    /// When each cohort was complete.
    complete: [Duration; COHORTS as usize],
    adjusted: Duration,
    since: Option<Duration>,
    lessons: Vec<Duration>,
}

impl Seen {
    /// Whether it took nearly all of them longer than usual.
    pub(super) fn stands(&self) -> bool {
        self.late >= STANDING
    }

    /// Whether what stood before has not passed.
    pub(super) fn still_stands(&self) -> bool {
        self.late >= STANDING || self.late >= STILL && self.all >= ENOUGH
    }

    /// Whether there is trouble without doubt: every one of them was late.
    pub(super) fn is_trouble(&self) -> bool {
        self.late >= 1.0 && self.all >= ENOUGH_BOUND
    }
}

impl Delay {
    pub(super) fn new(slack: Duration) -> Self {
        Self {
            slack,
            usual: AtomicU64::new(0),
            late_from: AtomicU64::new(u64::MAX),
            current: AtomicU64::new(0),
            unjudged: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            cohorts: array::from_fn(|_| Cohort::default()),
            ended: Ended::default(),
            recent: AtomicU64::new(0),
            alert: AtomicBool::new(false),
            points: Points::default(),
            desk: Mutex::default(),
        }
    }

    /// The latency that a quarter of the requests beat while nothing binds, once that is known.
    pub(super) fn usual(&self) -> Option<Duration> {
        match self.usual.load(Relaxed) {
            0 => None,
            usual => Some(Duration::from_nanos(usual)),
        }
    }

    /// The mean latency of those that ended last, if any did lately.
    pub(super) fn recent(&self) -> Option<Duration> {
        match self.recent.load(Relaxed) {
            0 => None,
            recent => Some(Duration::from_nanos(recent)),
        }
    }

    /// How much of what is in flight would not make anyone late, where latency is in step with it.
    pub(super) fn share_in_time(&self) -> f64 {
        let late = self.late_from.load(Relaxed) as f64;
        match self.recent.load(Relaxed) {
            0 => 1.0,
            recent => (late / recent as f64).min(1.0),
        }
    }

    /// Draws those that ended while some were late.
    pub(super) fn draw(&self, line: &mut Line, now: Duration) {
        self.points.draw(line, now);
    }

    /// This is what is usual; nothing can be so quick that it is zero.
    pub(super) fn learn(&self, usual: Duration) {
        let Some(usual) = Some(nanos(usual)).filter(|usual| *usual > 0) else {
            return;
        };
        let late = usual.saturating_add(nanos(self.slack).max(usual.saturating_mul(2)));
        self.usual.store(usual, Relaxed);
        self.late_from.store(late, Relaxed);
    }

    /// A request begins, which is one of this cohort from now on, beside `in_flight` others.
    pub(super) fn begin(&self, now: Duration, in_flight: usize) -> Begun {
        let number = self.current.load(Acquire);
        let cohort = self.cohort(number);
        let beside = in_flight as u64;
        cohort.begun.fetch_add(1, Relaxed);
        if cohort.peak.load(Relaxed) < beside + 1 {
            cohort.peak.fetch_max(beside + 1, Relaxed);
        }
        Begun {
            cohort: number,
            at: now,
            beside,
        }
    }

    /// It was served.
    pub(super) fn finish(&self, begun: Begun, now: Duration) {
        let latency = now.saturating_sub(begun.at);
        let usual = self.usual.load(Relaxed);
        if usual == 0 {
            self.take_lesson(now, latency, begun.beside);
        } else {
            self.ended
                .early
                .fetch_add(u64::from(nanos(latency) < usual), Relaxed);
        }
        self.ended.all.fetch_add(1, Relaxed);
        self.ended.latency.fetch_add(nanos(latency), Relaxed);
        let in_time = nanos(latency) < self.late_from.load(Relaxed);
        if in_time && self.is_under_way(begun) {
            self.cohort(begun.cohort).in_time.fetch_add(1, Relaxed);
        }
        if !in_time && !self.alert.load(Relaxed) {
            self.alert.store(true, Relaxed);
        }
        if self.alert.load(Relaxed) {
            self.points.add(begun.beside + 1, latency);
        }
    }

    /// It came to nothing; it was late if it would have been by now.
    pub(super) fn abandon(&self, begun: Begun, now: Duration) {
        let after = nanos(now.saturating_sub(begun.at));
        if after >= self.late_from.load(Relaxed) {
            self.points.miss();
        } else if self.is_under_way(begun) {
            self.cohort(begun.cohort).begun.fetch_sub(1, Relaxed);
        }
    }

    /// Forgets all that is under way: it began with a process that is gone.
    pub(super) fn forget(&self, now: Duration) {
        let _desk = self.desk();
        self.open(self.current.load(Relaxed) + COHORTS, now);
        self.unjudged.store(self.current.load(Relaxed), Relaxed);
    }

    /// What the next cohort tells, if it is time for that.
    /// `free` says that nothing binds now, so that what is usual may be slower than was thought.
    pub(super) fn look(&self, now: Duration, free: bool) -> Option<Seen> {
        let pending = self.unjudged.load(Relaxed) < self.current.load(Relaxed);
        if !pending && nanos(now) < self.opened.load(Relaxed).saturating_add(nanos(SHORTEST)) {
            return None;
        }
        let mut desk = self.desk.try_lock().ok()?;
        self.complete(&mut desk, now, if free { ENOUGH } else { ENOUGH_BOUND });
        self.judge(&mut desk, now, free)
    }

    /// Completes the cohort that gathers, if it is large enough and there is room for another.
    fn complete(&self, desk: &mut Desk, now: Duration, enough: u64) {
        let current = self.current.load(Relaxed);
        let passed = now.saturating_sub(Duration::from_nanos(self.opened.load(Relaxed)));
        let begun = self.cohort(current).begun.load(Relaxed);
        let late = match self.late_from.load(Relaxed) {
            u64::MAX => Duration::ZERO,
            late => Duration::from_nanos(late),
        };
        let large = passed >= SHORTEST.max(late / 4) && begun >= enough;
        let patient = passed >= PATIENCE && begun >= FEW;
        if (large || patient) && current + 1 - self.unjudged.load(Relaxed) < COHORTS {
            desk.complete[(current % COHORTS) as usize] = now;
            self.open(current + 1, now);
        }
    }

    fn open(&self, number: u64, now: Duration) {
        let cohort = self.cohort(number);
        cohort.begun.store(0, Relaxed);
        cohort.in_time.store(0, Relaxed);
        cohort.peak.store(0, Relaxed);
        self.opened.store(nanos(now), Relaxed);
        self.current.store(number, Release);
    }

    fn judge(&self, desk: &mut Desk, now: Duration, free: bool) -> Option<Seen> {
        let number = self.unjudged.load(Relaxed);
        if number >= self.current.load(Relaxed) {
            return None;
        }
        let cohort = self.cohort(number);
        let all = cohort.begun.load(Relaxed);
        let late = 1.0 - cohort.in_time.load(Relaxed) as f64 / all.max(1) as f64;
        let complete = nanos(desk.complete[(number % COHORTS) as usize]);
        let ripe = nanos(now) >= complete.saturating_add(self.late_from.load(Relaxed));
        if !ripe && late >= WELL {
            return None;
        }
        self.unjudged.fetch_add(1, AcqRel);
        let (ended, early, latency) = self.ended.take();
        if ended > 0 {
            let passed = now.saturating_sub(desk.adjusted).as_secs_f64();
            desk.adjusted = now;
            self.adjust(early, passed, free);
        }
        self.recent.store(nanos(latency), Relaxed);
        self.alert.store(!free || late >= WELL, Relaxed);
        let peak = cohort.peak.load(Relaxed) as f64;
        (all >= FEW).then_some(Seen {
            late,
            all,
            peak,
            ended,
        })
    }

    /// Moves what is usual to where a quarter is earlier: down by up to a tenth a cohort, up by up to three in a hundred a
    /// second.
    fn adjust(&self, early: f64, passed: f64, may_rise: bool) {
        let step = if early > 0.25 {
            -0.1 * (early - 0.25) / 0.75
        } else if may_rise {
            0.03 * passed.min(3.0) * (0.25 - early) / 0.25
        } else {
            0.0
        };
        if let Some(usual) = self.usual() {
            self.learn(usual.mul_f64(1.0 + step));
        }
    }

    fn take_lesson(&self, now: Duration, latency: Duration, beside: u64) {
        let Ok(mut desk) = self.desk.try_lock() else {
            return;
        };
        let since = *desk.since.get_or_insert(now.saturating_sub(latency));
        if beside < ALONE {
            desk.lessons.push(latency);
        } else if now.saturating_sub(since) < latency.saturating_mul(LOOK_ON) {
            return;
        }
        desk.lessons.push(latency);
        if desk.lessons.len() >= LESSONS {
            desk.lessons.sort_unstable();
            self.learn(desk.lessons[LESSONS / 4]);
            desk.lessons = Vec::new();
        }
    }

    fn cohort(&self, number: u64) -> &Cohort {
        &self.cohorts[(number % COHORTS) as usize]
    }

    fn is_under_way(&self, begun: Begun) -> bool {
        begun.cohort >= self.unjudged.load(Relaxed)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nothing panics while it is held, and its figures are whole even then.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ended {
    /// How many there were, which share of them was quicker than usual, and their mean latency.
    fn take(&self) -> (u64, f64, Duration) {
        let all = self.all.swap(0, Relaxed);
        let (early, latency) = (self.early.swap(0, Relaxed), self.latency.swap(0, Relaxed));
        let share = early as f64 / all.max(1) as f64;
        (all, share, Duration::from_nanos(latency / all.max(1)))
    }
}
