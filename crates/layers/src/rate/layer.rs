//! The layer: refuses what exceeds a rate.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use outrigger_gateway::{Failure, Reason, retry_after::jittered};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::Rate;
use crate::{priority::Priority, random::random, refusal::OrRefused};

/// Wraps services with [`Limited`]; all of them share one [`Rate`].
#[derive(Clone, Debug)]
pub struct RateLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rate: Rate,
    epoch: Instant,
    upstream: Option<Arc<str>>,
}

impl RateLayer {
    /// Admits what `rate` does.
    pub fn new(rate: Rate) -> Self {
        Self::with_upstream(rate, None)
    }

    /// The same, and names what it protects in the operator's sentence.
    pub fn of_upstream(rate: Rate, name: Arc<str>) -> Self {
        Self::with_upstream(rate, Some(name))
    }

    fn with_upstream(rate: Rate, upstream: Option<Arc<str>>) -> Self {
        let epoch = Instant::now();
        Self {
            shared: Arc::new(Shared {
                rate,
                epoch,
                upstream,
            }),
        }
    }
}

impl<S> Layer<S> for RateLayer {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited {
            inner,
            shared: self.shared.clone(),
        }
    }
}

/// Refuses requests that come faster than its rate.
#[derive(Clone, Debug)]
pub struct Limited<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, A> Service<Request<A>> for Limited<S>
where
    S: Service<Request<A>>,
    S::Error: Into<Failure>,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = OrRefused<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        if Priority::is_exempt(request.extensions()) {
            return OrRefused::asked(self.inner.call(request));
        }
        match self.shared.admit() {
            Ok(()) => OrRefused::asked(self.inner.call(request)),
            Err(failure) => OrRefused::refused(failure),
        }
    }
}

impl Shared {
    fn admit(&self) -> Result<(), Failure> {
        self.rate.admit(self.epoch.elapsed()).map_err(|wait| {
            Failure::new(Reason::RateLimited)
                .with_detail("more requests came than the rate allows")
                // All that were refused in one moment would come back in one.
                .with_retry_after(jittered(wait, wait, random()))
                .maybe_at_upstream(self.upstream.as_ref())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use tower::{ServiceExt, service_fn};

    use super::*;

    async fn send(layer: &RateLayer, request: Request<()>) -> Result<&'static str, Failure> {
        let app = service_fn(async |_: Request<()>| Ok::<_, Infallible>("served"));
        layer.layer(app).oneshot(request).await
    }

    async fn ask(layer: &RateLayer) -> Result<&'static str, Failure> {
        send(layer, Request::new(())).await
    }

    #[tokio::test(start_paused = true)]
    async fn exempt_requests_pass_and_are_not_counted() {
        let layer = RateLayer::new(Rate::try_new(10.0, 1).unwrap());
        for _ in 0..3 {
            let mut request = Request::new(());
            request.extensions_mut().insert(Priority::Exempt);
            assert!(send(&layer, request).await.is_ok());
        }
        assert!(ask(&layer).await.is_ok() && ask(&layer).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn services_of_one_layer_share_its_rate() {
        let layer = RateLayer::of_upstream(Rate::try_new(10.0, 2).unwrap(), "orders".into());
        assert!(ask(&layer).await.is_ok() && ask(&layer.clone()).await.is_ok());
        let failure = ask(&layer).await.unwrap_err();
        assert_eq!(failure.reason(), Reason::RateLimited);
        assert_eq!(failure.upstream().map(|name| &**name), Some("orders"));
        assert!(failure.retry_after() >= Some(Duration::from_millis(100)));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(ask(&layer).await.unwrap(), "served");
    }
}
