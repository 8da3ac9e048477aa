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
/// What one that was not gives, as a share of the root: one root each tenth of a second, and no more than there was.
const GROWN: f64 = 0.5;
const GROWS_IN: Duration = Duration::from_millis(50);
/// At the smallest limit, every other so many cohorts at a still smaller one tell whether that changes anything. Not at a
/// larger one: who is that slow would make those wait for longer who come when it is well again.
const EXCURSION: u32 = 5;
const EXCURSION_TO: f64 = 7.0;
/// A queue that has become so much shorter since the last cohort goes by itself.
const SHRINKS: f64 = 0.9;
/// Nothing came for so long, while twice as many as usual wait: longer than an app pauses to collect garbage, and
/// than one takes that is ten times slower.
const SILENCE: Duration = Duration::from_millis(500);
const SLOWER: u32 = 12;
const PILED_UP: f64 = 2.0;
/// A delay must stand for so long before it becomes what is usual.
const STAYS: Duration = Duration::from_secs(1);

/// Bounds what an app is asked to do at once, if it can be overloaded and is.
#[derive(Debug)]
pub struct ServerLimit {
    delay: Delay,
    bound: Bound,
    reached: AtomicBool,
    /// Taken by who judges a cohort only.
    trouble: Mutex<Trouble>,
}

/// What was seen since a delay began to stand, and a little from before.
#[derive(Debug, Default)]
struct Trouble {
    since: Option<Duration>,
    cohorts: u32,
    line: Line,
    /// The most in flight that was seen, and in the last cohort.
    most: f64,
    peak: f64,
    /// When somebody was served last.
    served: Duration,
    /// When a delay stood last.
    last: Duration,
    /// When the last cohort was judged.
    judged: Duration,
    /// The most in flight while all was well, lately.
    well: f64,
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
        self.has_room(now, in_flight).then(|| self.begin(now, in_flight))
    }

    /// Whether there is room for one more where `in_flight` are.
    pub fn has_room(&self, now: Duration, in_flight: usize) -> bool {
        self.look(now);
        let room = in_flight < self.limit();
        if !room && !self.reached.load(Relaxed) {
            self.reached.store(true, Relaxed);
        }
        room
    }

    /// The app is asked for one more from now on, where `in_flight` are.
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

    /// A request was served: its head is there.
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
                judged: now,
                well: trouble.well,
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
        let Ok(mut trouble) = self.trouble.try_lock() else {
            return;
        };
        self.delay.draw(&mut trouble.line, now);
        let stands = if free { seen.stands() } else { seen.still_stands() };
        let bound = match (stands, free) {
            (true, true) => self.suspect(&mut trouble, seen, now),
            (true, false) => self.tighten(&mut trouble, seen, now),
            (false, true) => trouble.is_well(seen),
            (false, false) => self.loosen(&mut trouble, reached, now),
        };
        trouble.judged = now;
        self.bound.set(if bound < LARGEST { bound } else { Bound::NONE });
    }

    /// All are late and there is no limit: one is of use only if they wait for each other.
    fn suspect(&self, trouble: &mut Trouble, seen: Seen, now: Duration) -> f64 {
        let stood = trouble.stands(seen, now);
        if trouble.is_queue(seen) || self.is_silent(trouble, seen, now) {
            return self.tighten(trouble, seen, now);
        }
        trouble.peak = seen.peak;
        if stood >= STAYS && trouble.line.is_flat(now) {
            self.accept(trouble);
        }
        Bound::NONE
    }

    fn tighten(&self, trouble: &mut Trouble, seen: Seen, now: Duration) -> f64 {
        let bound = self.bound.get();
        let stood = trouble.stands(seen, now);
        if seen.is_trouble() || bound.is_infinite() {
            trouble.last = now;
        }
        trouble.cohorts += 1;
        if stood >= STAYS && trouble.line.is_flat(now) {
            let most = trouble.most;
            self.accept(trouble);
            return most / KEPT;
        }
        let kept = match bound.is_infinite() {
            // The queue came without a limit: it goes at once, as far as can be told.
            true => KEPT.min(self.delay.share_in_time()),
            false => KEPT,
        };
        let next = (kept * bound.min(seen.peak)).max(SMALLEST);
        if next <= SMALLEST && trouble.cohorts % (2 * EXCURSION) < EXCURSION {
            return EXCURSION_TO;
        }
        next
    }

    /// Whether nothing comes any longer, while ever more wait.
    fn is_silent(&self, trouble: &Trouble, seen: Seen, now: Duration) -> bool {
        let usual = self.delay.usual().unwrap_or_default();
        let silence = SILENCE.max(usual.saturating_mul(SLOWER));
        now.saturating_sub(trouble.served) >= silence && seen.peak >= SMALLEST + PILED_UP * trouble.well
    }

    /// There is no queue: the app has become slower, and that is usual now.
    fn accept(&self, trouble: &mut Trouble) {
        self.delay.learn(Duration::from_secs_f64(trouble.line.latency()));
        trouble.pass();
    }

    fn loosen(&self, trouble: &mut Trouble, reached: bool, now: Duration) -> f64 {
        let bound = self.bound.get();
        if now.saturating_sub(trouble.last) >= QUIET {
            trouble.pass();
            Bound::NONE
        } else if reached {
            let passed = now.saturating_sub(trouble.judged).as_secs_f64() / GROWS_IN.as_secs_f64();
            bound + (GROWN * bound.sqrt() * passed.max(1.0)).min(bound)
        } else {
            bound
        }
    }
}

impl Trouble {
    /// Notes that a delay stands; for how long it does.
    fn stands(&mut self, seen: Seen, now: Duration) -> Duration {
        let since = *self.since.get_or_insert_with(|| {
            self.served = now;
            now
        });
        if seen.ended > 0 {
            self.served = now;
        }
        self.most = self.most.max(seen.peak);
        now.saturating_sub(since)
    }

    /// Whether who waits beside more others waits longer, and ever more do.
    fn is_queue(&self, seen: Seen) -> bool {
        self.line.is_steep() && seen.peak >= SHRINKS * self.peak
    }

    /// All is well, and there is no limit.
    fn is_well(&mut self, seen: Seen) -> f64 {
        self.pass();
        self.well = seen.peak.max(KEPT * self.well);
        Bound::NONE
    }

    /// Forgets what was seen of a delay.
    fn pass(&mut self) {
        *self = Self {
            last: self.last,
            judged: self.judged,
            well: self.well,
            ..Self::default()
        };
    }
}
