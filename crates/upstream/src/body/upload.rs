//! How far the upload of a request's body has come.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::task::AtomicWaker;
use outrigger_gateway::{Failure, Reason};
use outrigger_layers::exchange::Exchange;
use tokio::time::Instant;

use super::{RequestBody, tape::Tape};

/// How far the upload of a request's body has come, seen from the attempt that waits for the response.
///
/// Over HTTP/2 the error of a request's body is lost on its way through hyper; here it is kept, so that a client
/// that fails is never taken for an upstream that does.
#[derive(Clone, Debug)]
pub(crate) struct Upload(pub(super) Option<Arc<Progress>>);

#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    /// Milliseconds from the start, plus one; 0 = not yet.
    ended: AtomicU64,
    pub(super) moved: AtomicU64,
    /// We asked the client for more and have not got it.
    pub(super) starving: AtomicU64,
    pub(super) failure: OnceLock<Failure>,
    tape: Mutex<Tape>,
    /// Nobody waits for the response any more.
    abandoned: AtomicBool,
    /// Who waits for more of the body.
    pub(super) waiting: AtomicWaker,
}

impl Upload {
    /// Of a request without a body.
    pub(crate) const NONE: Self = Self(None);

    pub(super) fn begin() -> Self {
        Self(Some(Arc::new(Progress {
            started: Instant::now(),
            ended: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            starving: AtomicU64::new(0),
            failure: OnceLock::new(),
            tape: Mutex::default(),
            abandoned: AtomicBool::new(false),
            waiting: AtomicWaker::new(),
        })))
    }

    /// When the body had been sent whole; `None` while it is on its way.
    pub(crate) fn ended(&self, started: Instant) -> Option<Instant> {
        match &self.0 {
            None => Some(started),
            Some(progress) => progress.at(&progress.ended),
        }
    }

    /// When a part of the body last moved, or its upload began.
    pub(crate) fn moved(&self, started: Instant) -> Instant {
        self.0
            .as_ref()
            .and_then(|progress| progress.at(&progress.moved))
            .unwrap_or(started)
    }

    /// Whether it is the client that keeps the upload waiting.
    pub(crate) fn starving(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|progress| progress.starving.load(Relaxed) != 0)
    }

    pub(super) fn end(&self) {
        if let Some(progress) = &self.0
            && progress.ended.load(Relaxed) == 0
        {
            progress.ended.store(progress.now(), Relaxed);
        }
    }

    /// The same body once more, if all of it has passed and was kept.
    pub(crate) fn again<B>(&self, exchange: Option<Exchange>) -> Option<RequestBody<B>> {
        let Some(progress) = &self.0 else {
            return Some(RequestBody::empty());
        };
        let kept = progress.tape().take()?;
        Some(RequestBody::again(kept, exchange))
    }

    /// The body will not be needed again: what was kept of it is let go of.
    pub(crate) fn forget(&self) {
        if let Some(progress) = &self.0 {
            progress.tape().stop();
        }
    }

    /// The response was given up before its end: the body breaks off, and the stream is reset with it. Without that
    /// an upstream would go on with an exchange that was over, for as long as the client left its own side open.
    pub(super) fn abandon(&self) {
        if let Some(progress) = &self.0 {
            progress.abandoned.store(true, Relaxed);
            progress.waiting.wake();
        }
    }

    /// How the client's side of the body failed, if it did.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.0.as_ref()?.failure.get().cloned()
    }
}

impl Progress {
    /// What breaks the body off, if it was abandoned.
    pub(super) fn abandoned(&self) -> Option<Failure> {
        let is_abandoned = self.abandoned.load(Relaxed);
        // hyper resets the stream with the code that it finds here.
        let cancel = || h2::Error::from(h2::Reason::CANCEL);
        is_abandoned.then(|| Failure::new(Reason::ClientGone).with_source(cancel()))
    }

    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    pub(super) fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, mark: &AtomicU64) -> Option<Instant> {
        match mark.load(Relaxed) {
            0 => None,
            after => Some(self.started + Duration::from_millis(after - 1)),
        }
    }
}
