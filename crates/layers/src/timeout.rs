//! Bounds one attempt: the time from `call` to the response head.
//!
//! Not covered: waiting in `poll_ready` (see [`shed`](crate::shed)), the response body, and the request as a whole
//! (see [`deadline`](crate::deadline)). A response that is ready at the limit still counts; the timer's grain is
//! one millisecond. Expiry fails with [`Reason::ResponseTimeout`]: 504 (RFC 9110 §15.6.5).
//!
//! ```
//! # use std::{convert::Infallible, time::Duration};
//! # use http::{Request, Response};
//! # use outrigger_gateway::Reason;
//! # use outrigger_layers::timeout::TimeoutLayer;
//! # use tower::{Layer, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let silent = service_fn(|_: Request<()>| std::future::pending::<Result<Response<()>, Infallible>>());
//! let service = TimeoutLayer::new(Duration::from_millis(5)).layer(silent);
//!
//! let failure = service.oneshot(Request::new(())).await.unwrap_err();
//! assert_eq!(failure.reason(), Reason::ResponseTimeout);
//! # }
//! ```

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use outrigger_gateway::{Failure, Reason};
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_layer::Layer;
use tower_service::Service;

/// Wraps services with [`Timeout`].
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer {
    limit: Duration,
}

impl TimeoutLayer {
    /// `limit` runs from `call`; zero fails every response not ready at once.
    pub const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout {
            inner,
            limit: self.limit,
        }
    }
}

/// Fails responses that take longer than the limit.
#[derive(Clone, Copy, Debug)]
pub struct Timeout<S> {
    inner: S,
    limit: Duration,
}

impl<S, Req> Service<Req> for Timeout<S>
where
    S: Service<Req>,
    S::Error: Into<Failure>,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        ResponseFuture {
            response: self.inner.call(request),
            sleep: tokio::time::sleep(self.limit),
            limit: self.limit,
        }
    }
}

pin_project! {
    /// Response future of [`Timeout`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        response: F,
        #[pin]
        sleep: Sleep,
        limit: Duration,
    }
}

impl<F, T, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<Failure>,
{
    type Output = Result<T, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Response first: work already done is never thrown away at the limit.
        if let Poll::Ready(result) = this.response.poll(cx) {
            return Poll::Ready(result.map_err(Into::into));
        }
        this.sleep.poll(cx).map(|()| Err(expired(*this.limit)))
    }
}

fn expired(limit: Duration) -> Failure {
    Failure::new(Reason::ResponseTimeout).with_detail(format_args!("no response within {limit:?}"))
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use outrigger_gateway::Reason;
    use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};

    use super::*;
    use crate::testing;

    const LIMIT: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn fails_at_the_limit_and_not_before() {
        let (mut service, mut handle) = testing::spawn::<(), _>(TimeoutLayer::new(LIMIT));
        assert_ready_ok!(service.poll_ready());
        let mut response = task::spawn(service.call(Request::new(())));
        let _held = handle.next_request().await;

        assert_pending!(response.poll());
        tokio::time::advance(LIMIT - Duration::from_millis(1)).await;
        assert_pending!(response.poll());
        tokio::time::advance(Duration::from_millis(1)).await;
        let failure = assert_ready_err!(response.poll());
        assert_eq!(failure.reason(), Reason::ResponseTimeout);
        assert_eq!(failure.detail(), Some("no response within 100ms"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_that_is_there_at_the_limit_counts() {
        let (mut service, mut handle) = testing::spawn::<(), _>(TimeoutLayer::new(LIMIT));
        assert_ready_ok!(service.poll_ready());
        let mut response = task::spawn(service.call(Request::new(())));
        let (_, reply) = handle.next_request().await.unwrap();
        assert_pending!(response.poll());

        tokio::time::advance(2 * LIMIT).await;
        reply.send_response(Response::new(()));
        assert_ready_ok!(response.poll());
    }

    #[tokio::test(start_paused = true)]
    async fn zero_still_passes_what_is_ready_at_once() {
        let (mut service, mut handle) = testing::spawn::<(), _>(TimeoutLayer::new(Duration::ZERO));
        assert_ready_ok!(service.poll_ready());
        let mut response = task::spawn(service.call(Request::new(())));
        let (_, reply) = handle.next_request().await.unwrap();
        reply.send_response(Response::new(()));
        assert_ready_ok!(response.poll());
    }

    #[tokio::test(start_paused = true)]
    async fn time_spent_waiting_for_readiness_does_not_count() {
        let (mut service, mut handle) = testing::spawn::<(), _>(TimeoutLayer::new(LIMIT));
        handle.allow(0);
        assert_pending!(service.poll_ready());
        tokio::time::advance(2 * LIMIT).await;
        assert_pending!(service.poll_ready());
        handle.allow(1);
        assert_ready_ok!(service.poll_ready());
        let mut response = task::spawn(service.call(Request::new(())));
        assert_pending!(response.poll());
    }

    #[tokio::test(start_paused = true)]
    async fn errors_of_the_inner_service_pass_as_they_are() {
        let (mut service, mut handle) = testing::spawn::<(), _>(TimeoutLayer::new(LIMIT));
        assert_ready_ok!(service.poll_ready());
        let mut response = task::spawn(service.call(Request::new(())));
        let (_, reply) = handle.next_request().await.unwrap();
        reply.send_error(Failure::new(Reason::ConnectionRefused));
        assert_eq!(
            assert_ready_err!(response.poll()).reason(),
            Reason::ConnectionRefused
        );

        handle.send_error(Failure::new(Reason::Draining));
        assert_eq!(assert_ready_err!(service.poll_ready()).reason(), Reason::Draining);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clone_has_the_same_limit_and_a_timer_of_its_own() {
        let (service, mut handle) = testing::pair::<()>();
        let mut first = task::spawn(TimeoutLayer::new(LIMIT).layer(service));
        let mut second = first.enter(|_, service| service.clone());
        let ready = first.enter(|cx, mut service| service.poll_ready(cx));
        assert_ready_ok!(ready);
        let mut early = task::spawn(first.call(Request::new(())));
        assert_pending!(early.poll());
        tokio::time::advance(LIMIT / 2).await;

        let ready = first.enter(|cx, _| second.poll_ready(cx));
        assert_ready_ok!(ready);
        let mut late = task::spawn(second.call(Request::new(())));
        assert_pending!(late.poll());
        tokio::time::advance(LIMIT / 2).await;
        assert_ready_err!(early.poll());
        assert_pending!(late.poll());
        drop((handle.next_request().await, handle.next_request().await));
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_the_future_drops_the_attempt() {
        let (mut service, mut handle) = testing::spawn::<(), _>(TimeoutLayer::new(LIMIT));
        assert_ready_ok!(service.poll_ready());
        let mut response = task::spawn(service.call(Request::new(())));
        assert_pending!(response.poll());
        let (_, reply) = handle.next_request().await.unwrap();
        drop(response);
        // The mock's sender learns of the drop only by sending into the void; it must not panic.
        reply.send_response(Response::new(()));
    }
}
