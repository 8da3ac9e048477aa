//! What all clones of one shed share, and one request's place among those that wait.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Relaxed},
        },
    },
    time::Duration,
};

use outrigger_gateway::{Failure, Reason};
use tokio::time::Instant;

use super::{Config, pressure::Pressure};

#[derive(Debug)]
pub(super) struct State {
    config: Config,
    started: Instant,
    waiting: AtomicUsize,
    admitted: AtomicU64,
    /// Locked by refusals only.
    pressure: Mutex<Pressure>,
}

impl State {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            started: Instant::now(),
            waiting: AtomicUsize::new(0),
            admitted: AtomicU64::new(0),
            pressure: Mutex::default(),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    pub(super) fn admit(&self) {
        self.admitted.fetch_add(1, Relaxed);
    }

    fn join(&self) -> Result<(), usize> {
        let join = |waiting| (waiting < self.config.queue).then_some(waiting + 1);
        self.waiting.fetch_update(AcqRel, Relaxed, join).map(drop)
    }

    fn refuse(&self, detail: fmt::Arguments<'_>) -> Failure {
        let failure = Failure::new(Reason::Overload)
            .with_detail(format_args!(
                "{detail}{}",
                OfUpstream(self.config.upstream.as_deref())
            ))
            .with_retry_after(self.retry_after());
        match &self.config.upstream {
            Some(upstream) => failure.at_upstream(upstream.clone()),
            None => failure,
        }
    }

    fn retry_after(&self) -> Duration {
        // Whatever panicked elsewhere, the figures are only advice.
        let mut pressure = self.pressure.lock().unwrap_or_else(PoisonError::into_inner);
        pressure.refuse(self.started.elapsed(), self.admitted.load(Relaxed));
        pressure.retry_after((self.config.random)())
    }
}

/// The end of the operator's sentence.
struct OfUpstream<'a>(Option<&'a str>);

impl fmt::Display for OfUpstream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(upstream) => write!(f, ": the limit of upstream {upstream}"),
            None => f.write_str(": the limit here"),
        }
    }
}

/// A request that was not ready to go at once; leaves the queue on drop.
#[derive(Debug)]
pub(super) struct Wait {
    state: Arc<State>,
    joined: bool,
}

impl Wait {
    pub(super) fn new(state: Arc<State>) -> Self {
        Self { state, joined: false }
    }

    /// How long to wait.
    pub(super) fn limit(&self) -> Duration {
        self.state.config.wait
    }

    /// Joins the queue unless it is full; whether this call did it.
    pub(super) fn join(&mut self) -> Result<bool, Failure> {
        if self.joined {
            return Ok(false);
        }
        self.state.join().map_err(|waiting| self.queue_full(waiting))?;
        self.joined = true;
        Ok(true)
    }

    pub(super) fn admit(&self) {
        self.state.admit();
    }

    fn queue_full(&self, waiting: usize) -> Failure {
        match &self.state.config.limit {
            Some(limit) => self.state.refuse(format_args!(
                "{} requests in flight and {waiting} waiting",
                limit.in_flight()
            )),
            None => self.state.refuse(format_args!("{waiting} requests waiting")),
        }
    }

    /// The failure of who waited too long.
    pub(super) fn in_vain(&self) -> Failure {
        let waited = self.limit();
        match &self.state.config.limit {
            Some(limit) => self.state.refuse(format_args!(
                "waited {waited:?} behind {} requests in flight",
                limit.in_flight()
            )),
            None => self.state.refuse(format_args!("waited {waited:?}")),
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.joined {
            self.state.waiting.fetch_sub(1, AcqRel);
        }
    }
}
