//! A breaker that many may hold, and the leave that it gives to one request.

use std::{
    borrow::Borrow,
    fmt,
    sync::{Arc, RwLock},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, StatusCode};
use outrigger_gateway::{Failure, Reason, retry_after::jittered};
use tokio::time::Instant;

use super::{
    state::{Config, Force, Outcome, State, Ticket, View},
    verdict,
};
use crate::{deadline::Deadline, random::random};

/// An answer that comes so shortly before the caller's deadline may be about nothing else.
const SLACK: Duration = Duration::from_millis(100);
/// Who is told to come back is spread over so much at least.
const SPREAD: Duration = Duration::from_secs(1);

/// A circuit breaker: asked for leave, told what came of it, looked at, and held by order. Clones are handles to the same.
#[derive(Clone)]
pub struct Breaker(Arc<Shared>);

struct Shared {
    state: State,
    /// Decisions count time from here.
    epoch: Instant,
    /// What opened it, in words. Only tried: whoever does not get it goes without.
    why: RwLock<Option<Arc<str>>>,
}

impl Breaker {
    /// Closed.
    pub fn new(config: Config) -> Self {
        Self(Arc::new(Shared {
            state: State::new(config),
            epoch: Instant::now(),
            why: RwLock::default(),
        }))
    }

    /// What it does now.
    pub fn look(&self) -> View {
        self.0.state.look(self.now())
    }

    /// What opened it last, in words: how many failures, and what the last of them said.
    pub fn why(&self) -> Option<Arc<str>> {
        self.0.why.try_read().ok()?.clone()
    }

    /// Holds it open or closed until [`release`](Self::release), whatever is observed.
    pub fn force(&self, force: Force) {
        self.0.state.force(force);
    }

    /// Ends what [`force`](Self::force) began: it is closed, and what was observed before is forgotten.
    pub fn release(&self) {
        self.0.state.release();
    }

    /// Asks for leave to send one request.
    ///
    /// # Errors
    /// What it does instead; [`refusal`](Self::refusal) makes an answer of that.
    pub fn admit(&self) -> Result<Pass<&Self>, View> {
        Pass::of(self)
    }

    /// What a request fails with that was held back because of `view`.
    pub fn refusal(&self, view: View) -> Failure {
        let (reason, wait, spread) = match view {
            View::Open { cause, wait } => (Reason::of_empty_pool([cause]), wait, self.0.state.config().ramp),
            View::HalfOpen { cause } => (Reason::of_empty_pool([cause]), Duration::ZERO, SPREAD),
            View::Forced(_) => (Reason::NoEndpointRefusing, Duration::ZERO, SPREAD),
            View::Closing { wait, .. } => (Reason::Overload, Duration::ZERO, wait),
            View::Closed => (Reason::Overload, Duration::ZERO, SPREAD),
        };
        // All that were refused in one moment would come back in one.
        let wait = jittered(wait, spread.max(SPREAD), random());
        Failure::new(reason)
            .with_detail(self.sentence(view))
            .with_retry_after(wait)
    }

    /// What it does, as an operator reads it.
    pub fn sentence(&self, view: View) -> String {
        let does = match view {
            View::Closed => return "asked as ever".to_owned(),
            View::Forced(Force::Open) => return "held back by order".to_owned(),
            View::Forced(Force::Closed) => return "asked by order".to_owned(),
            View::Open { wait, .. } => format!("held back for {:.1} s more", wait.as_secs_f64()),
            View::HalfOpen { .. } => "held back until a first request was served".to_owned(),
            View::Closing { share, .. } => {
                format!("well again, and given {:.0} % of the requests", share * 100.0)
            }
        };
        match self.why() {
            Some(why) => format!("{does} after {why}"),
            None => does,
        }
    }

    fn now(&self) -> Duration {
        self.0.epoch.elapsed()
    }

    fn report(&self, ticket: Ticket, outcome: Outcome, now: Duration, words: impl fmt::Display) {
        let opened = self.0.state.report(ticket, outcome, now, random());
        if let Some(opened) = opened
            && let Ok(mut why) = self.0.why.try_write()
        {
            *why = Some(format!("{opened}: {words}").into());
        }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Breaker").field(&self.look()).finish()
    }
}

/// Leave for one request, by a [`Breaker`]. To drop it says that nothing came of the request.
#[derive(Debug)]
#[must_use = "what comes of the request is to be told"]
pub struct Pass<B: Borrow<Breaker> = Breaker> {
    breaker: B,
    ticket: Option<Ticket>,
}

impl<B: Borrow<Breaker>> Pass<B> {
    /// Asks `breaker` for leave to send one request.
    ///
    /// # Errors
    /// What it does instead; [`Breaker::refusal`] makes an answer of that.
    pub fn of(breaker: B) -> Result<Self, View> {
        let Breaker(shared) = breaker.borrow();
        // All is well, and nobody looks at the clock.
        let ticket = match shared.state.admit_if_closed() {
            Some(ticket) => ticket,
            None => shared.state.admit(shared.epoch.elapsed(), random())?,
        };
        let ticket = Some(ticket);
        Ok(Self { breaker, ticket })
    }

    /// Whether everyone waits for what comes of this one.
    pub fn is_probe(&self) -> bool {
        self.ticket.is_some_and(Ticket::is_probe)
    }

    /// It was served.
    pub fn succeeded(mut self) {
        self.report(Some(Outcome::Success), "");
    }

    /// It was answered with this head, to a request with this deadline. Whether that was a success.
    pub fn answered(mut self, status: StatusCode, headers: &HeaderMap, deadline: Option<Deadline>) -> bool {
        let hurried = || deadline.is_some_and(|deadline| deadline.instant() <= Instant::now() + SLACK);
        let outcome = verdict::of_answer(status, headers, hurried, SystemTime::now);
        self.report(outcome, format_args!("the answer was {status}"));
        outcome == Some(Outcome::Success)
    }

    /// It failed.
    pub fn failed(mut self, failure: &Failure) {
        self.report(verdict::of_failure(failure), failure.sentence(true));
    }

    fn report(&mut self, outcome: Option<Outcome>, words: impl fmt::Display) {
        if let Some(outcome) = outcome
            && let Some(ticket) = self.ticket.take()
        {
            let breaker = self.breaker.borrow();
            breaker.report(ticket, outcome, breaker.now(), words);
        }
    }
}

impl<B: Borrow<Breaker>> Drop for Pass<B> {
    fn drop(&mut self) {
        // Nobody waits for one that is no probe.
        if let Some(ticket) = self.ticket.take().filter(|ticket| ticket.is_probe()) {
            let breaker = self.breaker.borrow();
            breaker.0.state.abandon(ticket, breaker.now());
        }
    }
}
