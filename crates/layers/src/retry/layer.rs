//! The layer: makes the attempts that [`policy`](super::policy) allows.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use outrigger_gateway::{Failure, grpc};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    policy::{Retries, is_idempotent},
    replay::Replay,
    rest::{Judged, Rest},
    tally::Tally,
};
use crate::{
    deadline::Deadline, exchange::Exchange, hedge::Hedge, hop::Upgrade, random::random, spare::Spare,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How requests are repeated.
#[derive(Clone, Debug)]
pub struct Config {
    /// What decides; one for all routes to the same upstream.
    pub retries: Retries,
    /// The most bytes of a request's body that are kept for its repeats.
    pub replay_bytes: usize,
    /// When a second attempt begins beside a first one that is late, if ever.
    pub hedge: Option<Hedge>,
    /// Where jitter and chances come from.
    pub random: fn() -> u64,
    /// What time it is, for dates in `Retry-After`.
    pub clock: fn() -> SystemTime,
}

impl Config {
    /// Keeps 64 KiB of a body, and makes no attempt beside another.
    pub fn new(retries: Retries) -> Self {
        Self {
            retries,
            replay_bytes: 65_536,
            hedge: None,
            random,
            clock: SystemTime::now,
        }
    }
}

/// Wraps services with [`Retry`]. Services of one layer and its clones share budget and counts.
#[derive(Clone, Debug)]
pub struct RetryLayer {
    shared: Arc<Shared>,
    lends: bool,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    /// Decisions count time from here.
    pub(super) epoch: Instant,
    pub(super) tally: Tally,
}

impl RetryLayer {
    /// Repeats as `config` says.
    pub fn new(config: Config) -> Self {
        Self {
            shared: Arc::new(Shared {
                config,
                epoch: Instant::now(),
                tally: Tally::default(),
            }),
            lends: false,
        }
    }

    /// The same, whose copy of a request's head is there for who sends it and repeats it for reasons of its own
    /// ([`Spare::lend`]): only where nothing in between changes heads.
    #[must_use]
    pub fn lending(self) -> Self {
        Self { lends: true, ..self }
    }

    /// What was repeated and what was not, to be watched.
    pub fn tally(&self) -> &Tally {
        &self.shared.tally
    }

    /// How many repeats successes have earned; `None` without a budget.
    pub fn balance(&self) -> Option<f64> {
        let budget = self.shared.config.retries.budget()?;
        Some(budget.balance(self.shared.now()))
    }
}

impl Shared {
    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry {
            inner,
            shared: self.shared.clone(),
            lends: self.lends,
        }
    }
}

/// Asks again where that is safe and within the budget.
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    shared: Arc<Shared>,
    lends: bool,
}

impl<S, B, R> Service<Request<B>> for Retry<S>
where
    S: Service<Request<Replay<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<Failure>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body + Unpin + Send + 'static,
{
    type Response = Response<R>;
    type Error = Failure;
    type Future = ResponseFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let config = &self.shared.config;
        if config.retries.attempts() <= 1 && config.hedge.is_none() {
            return ResponseFuture {
                state: State::First {
                    attempt: self.inner.call(request.map(Replay::through)),
                    rest: None,
                },
            };
        }
        let idempotent = is_idempotent(request.method(), request.headers());
        // Two tunnels for one client would be one too many.
        let hedged = idempotent && request.extensions().get::<Upgrade>().is_none();
        let hedge = config.hedge.clone().filter(|_| hedged);
        let deadline = request.extensions().get::<Deadline>().copied();
        let is_grpc = Exchange::of(request.extensions())
            .map_or_else(|| grpc::is_grpc(request.headers()), Exchange::is_grpc);
        let (head, body) = request.into_parts();
        let (body, repeats) = Replay::keeping(body, config.replay_bytes);
        let mut request = Request::from_parts(head, body);
        let spare = Spare::of(&request);
        if self.lends {
            spare.lend(&mut request);
        }
        // Boxed: it is moved with the future, and almost always thrown away.
        let rest = Box::new(Rest {
            spare,
            repeats,
            idempotent,
            is_grpc,
            deadline,
            course: config.retries.start(),
            service: self.inner.clone(),
            shared: self.shared.clone(),
        });
        let attempt = self.inner.call(request);
        let state = match hedge {
            None => State::First {
                attempt,
                rest: Some(rest),
            },
            Some(hedge) => {
                let delay = hedge.delay();
                let further = Box::pin(rest.hedged(hedge, attempt, delay));
                State::Further { further }
            }
        };
        ResponseFuture { state }
    }
}

pin_project! {
    /// Response future of [`Retry`].
    pub struct ResponseFuture<S, B, R>
    where
        S: Service<Request<Replay<B>>>,
    {
        #[pin]
        state: State<S, B, R>,
    }
}

/// The attempts behind the first.
type Further<R> = Pin<Box<dyn Future<Output = Result<Response<R>, Failure>> + Send>>;

pin_project! {
    #[project = StateProj]
    enum State<S, B, R>
    where
        S: Service<Request<Replay<B>>>,
    {
        First { #[pin] attempt: S::Future, rest: Option<Box<Rest<S, B>>> },
        Further { further: Further<R> },
    }
}

impl<S: Service<Request<Replay<B>>>, B, R> fmt::Debug for ResponseFuture<S, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S, B, R> Future for ResponseFuture<S, B, R>
where
    S: Service<Request<Replay<B>>, Response = Response<R>> + Send + 'static,
    S::Error: Into<Failure>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body + Unpin + Send + 'static,
{
    type Output = Result<Response<R>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let (further, result) = match state.as_mut().project() {
                StateProj::Further { further } => return further.as_mut().poll(cx),
                StateProj::First { attempt, rest } => {
                    let result = ready!(attempt.poll(cx)).map_err(Into::into);
                    match rest.take().and_then(|rest| rest.judge(&result)) {
                        None => return Poll::Ready(result),
                        Some(further) => (further, result),
                    }
                }
            };
            match further {
                Judged::Refused(rest, why) => return Poll::Ready(rest.give_up(result, why)),
                // First -> Further
                Judged::Again(rest, wait) => state.set(State::Further {
                    further: Box::pin(rest.repeat(result, wait)),
                }),
            }
        }
    }
}

#[cfg(test)]
mod tests;
