//! Bounds the whole request, from `call` to the last frame of the response body, queueing below included.
//!
//! The limit is the route's, the caller's, or that of a deadline further out: the earliest counts, so that no caller gets
//! more time than the route has. Callers ask for one in `grpc-timeout` if the request is gRPC, in `x-request-timeout-ms`
//! (milliseconds) if it is not, whoever they are, since less time does no harm; Envoy's `x-envoy-expected-rq-timeout-ms`
//! counts from clients that have shown a certificate ([`Client`](crate::hop::Client)).
//! `poll_ready` is always ready, and time that the inner service takes to become so counts. What goes on carries a
//! [`Deadline`] in its extensions, and tells in the same field, gRPC's or not, how much time remains, rounded down.
//! A response that has come whole by the time anyone looks is passed on. Without a limit there is no timer.
//! Not covered: bodies of upgraded connections. Passing it fails with [`Reason::DeadlineExceeded`], 504, in the body
//! too; a timeout that cannot be read with [`Reason::BadRequest`], which a gRPC caller sees as code 13, but Envoy's is passed
//! over then; zero fails before the inner service is asked. Source: RFC 9110 §15.6.5; gRPC over HTTP/2, "Requests".
//!
//! ```
//! # use std::{convert::Infallible, time::Duration};
//! # use http::{Request, Response};
//! # use http_body_util::Empty;
//! # use outrigger_gateway::Reason;
//! # use outrigger_layers::deadline::DeadlineLayer;
//! # use tower::{Layer, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! type Reply = Result<Response<Empty<&'static [u8]>>, Infallible>;
//! let silent = service_fn(|_: Request<()>| std::future::pending::<Reply>());
//! let service = DeadlineLayer::new(Some(Duration::from_millis(5))).layer(silent);
//!
//! let failure = service.oneshot(Request::new(())).await.unwrap_err();
//! assert_eq!(failure.reason(), Reason::DeadlineExceeded);
//! # }
//! ```

mod body;
mod bound;
mod field;
#[cfg(test)]
mod tests;
mod timer;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use outrigger_gateway::{Failure, Reason};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

pub use self::{body::Bounded, field::REQUEST_TIMEOUT};
use self::{bound::Bound, timer::Timer};
use crate::ready::{Readied, Sent};

/// When a request must be over; found in its extensions if there is such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline at this time.
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// When it is.
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// What is left of it, if anything.
    pub fn remaining(self, now: Instant) -> Option<Duration> {
        self.0.checked_duration_since(now).filter(|left| !left.is_zero())
    }
}

/// Tells the next hop how much time remains: at the moment of sending, rounded down, in `grpc-timeout` if the request is
/// gRPC, else in [`REQUEST_TIMEOUT`].
///
/// # Errors
/// [`Reason::DeadlineExceeded`] if nothing remains: the next hop need not be asked.
pub fn set_remaining(headers: &mut HeaderMap, deadline: Deadline, now: Instant) -> Result<(), Failure> {
    match deadline.remaining(now) {
        Some(left) => field::tell(headers, left),
        None => Err(nothing_left()),
    }
}

fn nothing_left() -> Failure {
    Failure::new(Reason::DeadlineExceeded).with_detail("no time was left to ask the next hop")
}

/// Wraps services with [`WithDeadline`].
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    total: Option<Duration>,
}

impl DeadlineLayer {
    /// `total` is the route's limit; without it only what callers ask for counts.
    pub const fn new(total: Option<Duration>) -> Self {
        Self { total }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = WithDeadline<S>;

    fn layer(&self, inner: S) -> WithDeadline<S> {
        WithDeadline {
            inner: Readied::new(inner),
            total: self.total,
        }
    }
}

/// Fails requests that are not over at their deadline.
#[derive(Clone, Debug)]
pub struct WithDeadline<S> {
    inner: Readied<S>,
    total: Option<Duration>,
}

impl<S, A, B> Service<Request<A>> for WithDeadline<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    S::Error: Into<Failure>,
    B: Body,
{
    type Response = Response<Bounded<B>>;
    type Error = Failure;
    type Future = ResponseFuture<S, A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(self.inner.poll(cx).map_err(Into::into))
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        match Bound::impose(&mut request, self.total) {
            Ok(bound) => ResponseFuture {
                sent: self.inner.send(request),
                timer: bound.map(Timer::new),
            },
            Err(failure) => ResponseFuture {
                sent: Sent::failed(failure),
                timer: None,
            },
        }
    }
}

pin_project! {
    /// Response future of [`WithDeadline`].
    pub struct ResponseFuture<S, A>
    where
        S: Service<Request<A>>,
    {
        #[pin]
        sent: Sent<S, Request<A>>,
        timer: Option<Timer>,
    }
}

impl<S: Service<Request<A>>, A> fmt::Debug for ResponseFuture<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("timer", &self.timer)
            .finish_non_exhaustive()
    }
}

impl<S, A, B> ResponseFuture<S, A>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Error: Into<Failure>,
{
    /// The inner service's readiness, then its response.
    fn poll_inner(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Response<B>, Failure>> {
        let mut this = self.project();
        let timer = this.timer.as_ref();
        let on_leaving = |request: &mut Request<A>| match timer {
            Some(timer) => set_remaining(request.headers_mut(), timer.bound().deadline, Instant::now()),
            None => Ok(()),
        };
        ready!(this.sent.as_mut().poll_called(cx, on_leaving))?;
        this.sent.poll_response(cx)
    }
}

impl<S, A, B> Future for ResponseFuture<S, A>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Error: Into<Failure>,
    B: Body,
{
    type Output = Result<Response<Bounded<B>>, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Response first: work already done is never thrown away at the deadline.
        let polled = self.as_mut().poll_inner(cx);
        let timer = self.project().timer;
        if let Poll::Ready(result) = polled {
            return Poll::Ready(result.map(|response| {
                let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                let timer = timer.take().filter(|_| !switched);
                response.map(|body| Bounded::new(body, timer))
            }));
        }
        let Some(timer) = timer else {
            return Poll::Pending;
        };
        timer.poll(cx).map(|()| Err(timer.bound().passed("no response")))
    }
}
