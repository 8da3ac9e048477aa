//! What all clones of one adaptive limit share, and what a request holds of it.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use outrigger_gateway::{Failure, Reason};
use tokio::time::Instant;

use super::{
    law::{Answer, Law},
    place::{Passing, Turn},
    recent::{Entry, Recent},
};
use crate::{random::random, shed::refusals::Refusals};

/// Who waits for longer than this waits for an event, not for its turn.
const TURN: Duration = Duration::from_secs(16);
/// So much of a body counts.
const BODY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct State {
    law: Law,
    upstream: OnceLock<Arc<str>>,
    epoch: Instant,
    /// From the call, or the end of an upload, to the response's head.
    pub(super) turns: Recent,
    /// Uploads before that, and responses' bodies behind it.
    pub(super) bodies: Recent,
    /// Why nothing came back last, as its place in the table and one; 0 if something did.
    cause: AtomicUsize,
    refusals: Refusals,
}

impl State {
    pub(super) fn new(law: Law) -> Self {
        Self {
            law,
            upstream: OnceLock::new(),
            epoch: Instant::now(),
            turns: Recent::new(TURN),
            bodies: Recent::new(BODY),
            cause: AtomicUsize::new(0),
            refusals: Refusals::default(),
        }
    }

    /// The name of what is behind, for the operator's sentence; the first stands.
    pub(super) fn call(&self, upstream: Arc<str>) {
        // A second one is let go.
        let _ = self.upstream.set(upstream);
    }

    pub(super) fn law(&self) -> &Law {
        &self.law
    }

    pub(super) fn in_flight(&self, now: Duration) -> usize {
        self.turns.count(now) + self.bodies.count(now)
    }

    /// A request that can be answered at once: its turn begins now. Who is exempt is not refused.
    pub(super) fn admit(self: &Arc<Self>, is_exempt: impl FnOnce() -> bool) -> Result<Turn, Failure> {
        let now = self.now();
        // First the place, then the question: of two who ask at once, the second sees the first.
        let (entry, turns) = self.turns.enter(now);
        let in_flight = turns + self.bodies.count(now);
        if let Err(limit) = self.law.has_room(now, in_flight)
            && !is_exempt()
        {
            self.turns.leave(entry);
            return Err(self.refuse(now, in_flight, limit));
        }
        self.count();
        Ok(self.turn(now, entry, in_flight))
    }

    /// A request that may go up for long: until it is there, it counts for a second at most.
    pub(super) fn admit_upload(
        self: &Arc<Self>,
        is_exempt: impl FnOnce() -> bool,
    ) -> Result<Passing, Failure> {
        let now = self.now();
        let passing = self.pass(now);
        let in_flight = self.turns.count(now) + self.bodies.count(now).saturating_sub(1);
        if let Err(limit) = self.law.has_room(now, in_flight)
            && !is_exempt()
        {
            return Err(self.refuse(now, in_flight, limit));
        }
        self.count();
        Ok(passing)
    }

    /// An upload is there: its turn begins.
    pub(super) fn uploaded(self: &Arc<Self>) -> Turn {
        let now = self.now();
        let (entry, turns) = self.turns.enter(now);
        self.turn(now, entry, turns + self.bodies.count(now))
    }

    fn turn(self: &Arc<Self>, now: Duration, entry: Entry, in_flight: usize) -> Turn {
        Turn::new(self.clone(), entry, self.law.begin(now, in_flight))
    }

    /// Something of which a second counts, from now on.
    pub(super) fn pass(self: &Arc<Self>, now: Duration) -> Passing {
        Passing::new(self.clone(), self.bodies.enter(now).0)
    }

    /// How many were let in is only asked for by refusals.
    fn count(&self) {
        if self.law.limit() != usize::MAX {
            self.refusals.admit();
        }
    }

    /// Notes whether the upstream is there.
    pub(super) fn note(&self, answer: Answer, now: Duration) {
        let cause = match answer {
            Answer::Failed(reason) => reason as usize + 1,
            Answer::Served | Answer::Refused => 0,
        };
        // A healthy upstream's word is only read.
        let before = self.cause.load(Relaxed);
        if cause == before {
            return;
        }
        match (&self.law, answer) {
            // Its process went away: nothing that it could do counts any longer.
            (Law::Server(law), Answer::Failed(reason)) if is_gone(reason) => {
                if self.cause.swap(cause, Relaxed) == 0 {
                    law.restarted(now);
                }
            }
            // Other failures are single requests'.
            (Law::Server(_), Answer::Failed(_)) => {}
            // And is back.
            (Law::Server(law), _) => {
                if self.cause.swap(0, Relaxed) != 0 {
                    law.restarted(now);
                }
            }
            (Law::Client(_), _) => self.cause.store(cause, Relaxed),
        }
    }

    #[cold]
    fn refuse(&self, now: Duration, in_flight: usize, limit: usize) -> Failure {
        let sentence = Sentence {
            state: self,
            in_flight,
            limit,
            cause: self.cause(),
        };
        // As long as nothing comes back from there, that is what is wrong, not the load.
        Failure::new(sentence.cause.unwrap_or(Reason::Overload))
            .with_unprocessed(true)
            .with_detail(&sentence)
            .with_retry_after(self.refusals.refuse(now, random()))
            .maybe_at_upstream(self.upstream.get())
    }

    fn cause(&self) -> Option<Reason> {
        let place = self.cause.load(Relaxed).checked_sub(1)?;
        Reason::ALL.get(place).copied()
    }

    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }
}

/// Whether the process behind is not there.
const fn is_gone(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ConnectionRefused
            | Reason::NoEndpointUnusable
            | Reason::NoEndpointRefusing
            | Reason::NoEndpointSilent
    )
}

/// The sentence for operators.
struct Sentence<'a> {
    state: &'a State,
    in_flight: usize,
    limit: usize,
    cause: Option<Reason>,
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { in_flight, limit, .. } = self;
        write!(f, "{in_flight} in flight: the adaptive limit ")?;
        match self.state.upstream.get() {
            Some(upstream) => write!(f, "of upstream {upstream} is {limit}")?,
            None => write!(f, "here is {limit}")?,
        }
        if let Some(cause) = self.cause {
            return write!(f, " while all that comes back is {cause}");
        }
        if let Some(usual) = self.state.law.usual() {
            write!(f, ", usual latency {}", Millis(usual))?;
        }
        match self.state.law.recent() {
            Some(recent) => write!(f, ", now {}", Millis(recent)),
            None => Ok(()),
        }
    }
}

/// A time as people say it.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_secs_f64() * 1e3;
        let digits = if millis < 2.0 { 1 } else { 0 };
        write!(f, "{millis:.digits$} ms")
    }
}
