//! Bounds the waiting for a service that is not ready: how many wait, and for how long.
//!
//! `poll_ready` is always ready; the request itself waits, inside its future, with at most `queue` others (across
//! all clones) and at most `wait`. Whoever finds the queue full or waits in vain fails with [`Reason::Overload`]:
//! 503 with `Retry-After`, spread over a window that grows with the share of refused requests.
//! Who matters more goes first, by [`Priority`](crate::priority), and in a full queue takes the place of who matters less;
//! otherwise first come, first served, until the queue [stands](standing): then newest first, and short waits only.
//! Whose [`Deadline`](crate::deadline::Deadline) has passed is not served any more: [`Reason::DeadlineExceeded`], 504.
//! One of them asks the inner service for readiness, which holds nothing for the others.
//! Not covered: time after the inner service was called. `queue` is inclusive, zero refuses what cannot go at once.
//!
//! ```
//! # use std::{convert::Infallible, time::Duration};
//! # use http::{Request, Response};
//! # use http_body_util::Empty;
//! # use outrigger_gateway::Reason;
//! # use outrigger_layers::{limit::LimitLayer, shed::ShedLayer};
//! # use tower::{Layer, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let app = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new())));
//! let closed = LimitLayer::new(0).layer(app);
//! let service = ShedLayer::new(128, Duration::from_millis(5)).layer(closed);
//!
//! let failure = service.oneshot(Request::new(())).await.unwrap_err();
//! assert_eq!(failure.reason(), Reason::Overload);
//! assert!(failure.retry_after() >= Some(Duration::from_secs(1)));
//! # }
//! ```
//!
//! [`Reason::Overload`]: outrigger_gateway::Reason::Overload
//! [`Reason::DeadlineExceeded`]: outrigger_gateway::Reason::DeadlineExceeded

mod line;
pub mod pressure;
pub(crate) mod refusals;
pub mod standing;
mod state;
#[cfg(test)]
mod tests;
mod wait;

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::Request;
use outrigger_gateway::Failure;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use self::{
    state::State,
    wait::{Turn, Wait},
};
use crate::{
    limit::Limit,
    random::random,
    ready::{Readied, Sent},
};

/// What a [`Shed`] may do and what it knows.
#[derive(Clone)]
pub struct Config {
    /// How many requests may wait.
    pub queue: usize,
    /// How long each may.
    pub wait: Duration,
    /// The upstream it protects, for the operator's sentence.
    pub upstream: Option<Arc<str>>,
    /// The limit that is waited for, for the operator's sentence.
    pub limit: Option<Limit>,
    /// Whether a queue that [stands](standing) is served newest first and waited in for short times only.
    pub codel: bool,
    /// Where jitter comes from.
    pub random: fn() -> u64,
}

impl Default for Config {
    /// 128 may wait for 250 ms.
    fn default() -> Self {
        Self {
            queue: 128,
            wait: Duration::from_millis(250),
            upstream: None,
            limit: None,
            codel: true,
            random,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("queue", &self.queue)
            .field("wait", &self.wait)
            .field("upstream", &self.upstream)
            .field("limit", &self.limit)
            .field("codel", &self.codel)
            .finish_non_exhaustive()
    }
}

/// Wraps services with [`Shed`]; all of them share one queue.
#[derive(Clone, Debug)]
pub struct ShedLayer {
    state: Arc<State>,
}

impl ShedLayer {
    /// Lets `queue` requests wait, each for `wait`.
    pub fn new(queue: usize, wait: Duration) -> Self {
        Self::with_config(Config {
            queue,
            wait,
            ..Config::default()
        })
    }

    /// The same, with names and figures for the operator.
    pub fn with_config(config: Config) -> Self {
        Self {
            state: Arc::new(State::new(config)),
        }
    }

    /// How many requests wait now.
    pub fn waiting(&self) -> usize {
        self.state.waiting()
    }
}

impl<S> Layer<S> for ShedLayer {
    type Service = Shed<S>;

    fn layer(&self, inner: S) -> Shed<S> {
        Shed {
            inner: Readied::new(inner),
            state: self.state.clone(),
        }
    }
}

/// Is always ready; refuses what would wait too long or in too long a queue.
#[derive(Clone, Debug)]
pub struct Shed<S> {
    inner: Readied<S>,
    state: Arc<State>,
}

impl<S, A> Service<Request<A>> for Shed<S>
where
    S: Service<Request<A>> + Clone,
    S::Error: Into<Failure>,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = ResponseFuture<S, Request<A>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.state.waiting() > 0 {
            // Whoever asks the inner service now would overtake.
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(self.inner.poll(cx).map_err(Into::into))
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let wait = if self.inner.is_ready() {
            self.state.admit();
            None
        } else {
            Some(Box::new(Wait::new(self.state.clone(), request.extensions())))
        };
        ResponseFuture {
            sent: self.inner.send(request),
            wait,
        }
    }
}

pin_project! {
    /// Response future of [`Shed`].
    pub struct ResponseFuture<S, Req>
    where
        S: Service<Req>,
    {
        #[pin]
        sent: Sent<S, Req>,
        wait: Option<Box<Wait>>,
    }
}

impl<S: Service<Req>, Req> fmt::Debug for ResponseFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

impl<S, Req> ResponseFuture<S, Req>
where
    S: Service<Req> + Clone,
    S::Error: Into<Failure>,
{
    /// Ready once the inner service has been called.
    fn poll_wait(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let mut this = self.project();
        let Some(wait) = this.wait.as_mut().filter(|wait| !wait.is_sent()) else {
            return Poll::Ready(Ok(()));
        };
        if wait.is_new() {
            // There may be room by now.
            if !wait.is_behind() && this.sent.as_mut().poll_called(cx, |_| Ok(()))?.is_ready() {
                wait.sent();
                return Poll::Ready(Ok(()));
            }
            if wait.join(cx.waker())? == Turn::Wait {
                // What it has asked for goes to who is in front.
                this.sent.as_mut().withdraw();
            }
        }
        if wait.turn(cx)? == Turn::Ask
            && let Poll::Ready(called) = this.sent.poll_called(cx, |_| wait.in_time())
        {
            match called {
                Ok(()) => wait.sent(),
                Err(_) => wait.leave(),
            }
            return Poll::Ready(called);
        }
        wait.poll_patience(cx).map(Err)
    }
}

impl<S, Req> Future for ResponseFuture<S, Req>
where
    S: Service<Req> + Clone,
    S::Error: Into<Failure>,
{
    type Output = Result<S::Response, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.as_mut().poll_wait(cx))?;
        let this = self.project();
        let polled = this.sent.poll_response(cx);
        if let (Poll::Ready(Ok(_)), Some(wait)) = (&polled, this.wait) {
            wait.answered();
        }
        polled
    }
}
