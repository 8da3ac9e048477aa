//! What all clones of one shed share.

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
    time::Duration,
};

use outrigger_gateway::{Failure, Reason};
use tokio::time::Instant;

use super::{Config, line::Line, refusals::Refusals};

#[derive(Debug)]
pub(super) struct State {
    pub(super) config: Config,
    started: Instant,
    /// As many as are in the line: so that nobody needs to look at an empty one.
    waiting: AtomicUsize,
    /// Locked by those who have to wait.
    line: Mutex<Line<Waker>>,
    refusals: Refusals,
}

impl State {
    pub(super) fn new(config: Config) -> Self {
        let line = Line::new(config.queue, config.wait, config.codel);
        Self {
            config,
            started: Instant::now(),
            waiting: AtomicUsize::new(0),
            line: Mutex::new(line),
            refusals: Refusals::default(),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    pub(super) fn admit(&self) {
        self.refusals.admit();
    }

    /// The time as the line has it.
    pub(super) fn time(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.started)
    }

    /// When that is; what is beyond the clock's end will not come.
    pub(super) fn instant(&self, time: Duration) -> Instant {
        const YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
        self.started
            .checked_add(time)
            .unwrap_or_else(|| Instant::now() + YEARS)
    }

    /// Does something to the line, and then wakes those who are concerned.
    pub(super) fn in_line<R>(&self, act: impl FnOnce(&mut Line<Waker>, Duration, &mut Vec<Waker>) -> R) -> R {
        let now = self.started.elapsed();
        let mut told = Vec::new();
        let mut line = self.line();
        let result = act(&mut line, now, &mut told);
        self.waiting.store(line.len(), Relaxed);
        // Wakers run what they like: never under the lock.
        drop(line);
        told.into_iter().for_each(Waker::wake);
        result
    }

    pub(super) fn refuse(&self, detail: fmt::Arguments<'_>) -> Failure {
        let failure = Failure::new(Reason::Overload)
            .with_detail(format_args!(
                "{detail}{}",
                OfUpstream(self.config.upstream.as_deref())
            ))
            .with_retry_after(
                self.refusals
                    .refuse(self.started.elapsed(), (self.config.random)()),
            );
        self.of_upstream(failure)
    }

    pub(super) fn of_upstream(&self, failure: Failure) -> Failure {
        failure.maybe_at_upstream(self.config.upstream.as_ref())
    }

    fn line(&self) -> MutexGuard<'_, Line<Waker>> {
        // Nothing panics while it is held, save for a waker's clone; the line is whole even then.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
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
