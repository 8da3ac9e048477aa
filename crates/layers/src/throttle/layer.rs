//! The layer: does not send what would be refused.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Response, StatusCode};
use outrigger_gateway::{Failure, Reason, grpc};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::Throttle;
use crate::{random::random, refusal::OrRefused};

/// Wraps services with [`Throttled`]; all of them share one [`Throttle`].
#[derive(Clone, Debug)]
pub struct ThrottleLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    throttle: Throttle,
    /// Decisions count time from here.
    epoch: Instant,
    random: fn() -> u64,
}

impl Default for ThrottleLayer {
    /// K = 2.
    fn default() -> Self {
        Self::new(Throttle::default())
    }
}

impl ThrottleLayer {
    /// Holds back what `throttle` says.
    pub fn new(throttle: Throttle) -> Self {
        Self::with_random(throttle, random)
    }

    /// The same, with chances from this.
    pub fn with_random(throttle: Throttle, random: fn() -> u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                throttle,
                epoch: Instant::now(),
                random,
            }),
        }
    }

    /// The share of requests that is not sent now, from 0 to 1.
    pub fn refused_share(&self) -> f64 {
        self.shared.throttle.refused_share(self.shared.now())
    }
}

impl<S> Layer<S> for ThrottleLayer {
    type Service = Throttled<S>;

    fn layer(&self, inner: S) -> Throttled<S> {
        Throttled {
            inner,
            shared: self.shared.clone(),
        }
    }
}

/// Refuses requests in proportion to what the service below refused lately.
#[derive(Clone, Debug)]
pub struct Throttled<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, Req, B> Service<Req> for Throttled<S>
where
    S: Service<Req, Response = Response<B>>,
    S::Error: Into<Failure>,
{
    type Response = Response<B>;
    type Error = Failure;
    type Future = OrRefused<ResponseFuture<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        match self.shared.admit() {
            Ok(()) => OrRefused::asked(ResponseFuture {
                response: self.inner.call(request),
                shared: self.shared.clone(),
            }),
            Err(failure) => OrRefused::refused(failure),
        }
    }
}

impl Shared {
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn admit(&self) -> Result<(), Failure> {
        let now = self.now();
        if self.throttle.admit(now, (self.random)()) {
            return Ok(());
        }
        let share = self.throttle.refused_share(now);
        Err(Failure::new(Reason::Overload).with_detail(format_args!(
            "not sent: the upstream accepted so little lately that {:.0} % of all requests are held back",
            share * 100.0
        )))
    }
}

pin_project! {
    /// Response future of [`Throttled`]. Dropped, it tells nothing.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        response: F,
        shared: Arc<Shared>,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<Failure>,
{
    type Output = Result<Response<B>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.response.poll(cx)).map_err(Into::into);
        let accepted = result.as_ref().is_ok_and(is_accepted);
        this.shared.throttle.report(accepted, this.shared.now());
        Poll::Ready(result)
    }
}

/// Any answer but one that says there is no room; gRPC says so in a field of a trailers-only response.
fn is_accepted<B>(response: &Response<B>) -> bool {
    use grpc::Code::{ResourceExhausted, Unavailable};
    let refused = matches!(
        response.status(),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
    );
    let code = grpc::Code::of_head(response.headers());
    !refused && !matches!(code, Some(Unavailable | ResourceExhausted))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tower::{ServiceExt, service_fn};

    use super::*;

    type Answered = Result<Response<()>, Failure>;

    fn layer() -> ThrottleLayer {
        ThrottleLayer::with_random(Throttle::default(), || u64::MAX / 4)
    }

    async fn ask(layer: &ThrottleLayer, answer: fn() -> Answered) -> Answered {
        let upstream = service_fn(move |(): ()| std::future::ready(answer()));
        layer.layer(upstream).oneshot(()).await
    }

    fn status(status: u16) -> Answered {
        Ok(Response::builder().status(status).body(()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_often_enough_is_not_sent() {
        let layer = layer();
        for _ in 0..10 {
            let failed = ask(&layer, || Err(Reason::ConnectionRefused.into())).await;
            assert!(failed.is_err());
        }
        let failure = ask(&layer.clone(), || status(200)).await.unwrap_err();
        assert_eq!(failure.reason(), Reason::Overload);
        let told = "not sent: the upstream accepted so little lately that 92 % of all requests are held back";
        assert_eq!(failure.detail(), Some(told));
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_minute_later_all_are_sent_again() {
        let layer = layer();
        for _ in 0..10 {
            let _ = ask(&layer, || status(503)).await;
        }
        assert!(layer.refused_share() > 0.5);
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(ask(&layer, || status(200)).await.unwrap().status(), 200);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_accepted_whatever_it_says_unless_it_says_there_is_no_room() {
        for (answer, accepted) in [
            (status as fn(u16) -> Answered, true),
            (|_| status(404), true),
            (|_| status(500), true),
            (|_| status(503), false),
            (|_| status(429), false),
            (|_| Err(Reason::ResponseTimeout.into()), false),
        ] {
            let layer = layer();
            let upstream = service_fn(move |(): ()| std::future::ready(answer(200)));
            for _ in 0..3 {
                let _ = layer.layer(upstream).oneshot(()).await;
            }
            assert_eq!(layer.refused_share() <= 0.0, accepted);
        }
        let grpc = layer();
        for _ in 0..3 {
            let unavailable = || Ok(Response::builder().header("grpc-status", "14").body(()).unwrap());
            let _ = ask(&grpc, unavailable).await;
        }
        assert!(grpc.refused_share() > 0.5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_given_up_tells_nothing() {
        let layer = layer();
        let silent = service_fn(|(): ()| std::future::pending::<Answered>());
        {
            let mut asked = pin!(layer.layer(silent).oneshot(()));
            assert!(futures_poll(asked.as_mut()).await.is_pending());
        }
        let (requests, _) = layer.shared.throttle.lately.sum(layer.shared.now());
        assert_eq!(requests, 0);
    }

    async fn futures_poll<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
        std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
    }
}
