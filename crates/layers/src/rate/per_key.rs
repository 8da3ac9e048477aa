//! The layer: refuses callers that exceed their quota.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use outrigger_gateway::{Failure, Reason};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::{Key, Quota};
use crate::{priority::Priority, refusal::OrRefused};

/// Wraps services with [`Rationed`]; all of them share one [`Quota`].
#[derive(Clone)]
pub struct QuotaLayer<F> {
    shared: Arc<Shared>,
    key: F,
}

impl<F> fmt::Debug for QuotaLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuotaLayer")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Shared {
    quota: Quota,
    epoch: Instant,
}

impl<F> QuotaLayer<F> {
    /// Admits what `quota` does by the [`Key`] that is found; requests without one pass.
    pub fn new(quota: Quota, key: F) -> Self {
        Self {
            shared: Arc::new(Shared {
                quota,
                epoch: Instant::now(),
            }),
            key,
        }
    }
}

impl<S, F: Clone> Layer<S> for QuotaLayer<F> {
    type Service = Rationed<S, F>;

    fn layer(&self, inner: S) -> Rationed<S, F> {
        Rationed {
            inner,
            shared: self.shared.clone(),
            key: self.key.clone(),
        }
    }
}

/// Refuses requests of callers that ask more often than they may.
#[derive(Clone)]
pub struct Rationed<S, F> {
    inner: S,
    shared: Arc<Shared>,
    key: F,
}

impl<S: fmt::Debug, F> fmt::Debug for Rationed<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rationed")
            .field("inner", &self.inner)
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

impl<S, F, A> Service<Request<A>> for Rationed<S, F>
where
    S: Service<Request<A>>,
    S::Error: Into<Failure>,
    F: Key<A>,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = OrRefused<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        if !Priority::is_exempt(request.extensions())
            && let Some(key) = self.key.of(&request)
            && let Err(wait) = self.shared.quota.admit(&key, self.shared.epoch.elapsed())
        {
            return OrRefused::refused(exceeded(wait));
        }
        OrRefused::asked(self.inner.call(request))
    }
}

fn exceeded(wait: Duration) -> Failure {
    Failure::new(Reason::Quota)
        .with_detail("the caller asked more often than it may")
        // For this caller alone, so nobody comes back with it.
        .with_retry_after(wait)
}

#[cfg(test)]
mod tests {
    use http::Response;
    use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};

    use super::*;
    use crate::testing;

    fn request(key: &str) -> Request<()> {
        Request::get("/").header("x-tenant", key).body(()).unwrap()
    }

    fn tenant(request: &Request<()>) -> Option<Vec<u8>> {
        request
            .headers()
            .get("x-tenant")
            .map(|key| key.as_bytes().to_vec())
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_is_refused_beyond_its_quota_and_no_other() {
        let layer = QuotaLayer::new(Quota::try_new(2.0, 1).unwrap(), tenant);
        let (mut service, mut handle) = testing::spawn::<(), _>(layer);
        handle.allow(9);
        for (request, admitted) in [
            (request("a"), true),
            (request("a"), false),
            (request("b"), true),
            (Request::new(()), true),
            (Request::new(()), true),
        ] {
            assert_ready_ok!(service.poll_ready());
            let mut response = task::spawn(service.call(request));
            if admitted {
                assert_pending!(response.poll());
                let (_, reply) = handle.next_request().await.unwrap();
                reply.send_response(Response::new(()));
                assert_ready_ok!(response.poll());
            } else {
                let failure = assert_ready_err!(response.poll());
                assert_eq!(failure.reason(), Reason::Quota);
                assert_eq!(failure.retry_after(), Some(Duration::from_millis(500)));
            }
        }
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_ready_ok!(service.poll_ready());
        assert_pending!(task::spawn(service.call(request("a"))).poll());
    }

    #[tokio::test(start_paused = true)]
    async fn exempt_requests_pass_and_are_not_counted() {
        let layer = QuotaLayer::new(Quota::try_new(1.0, 1).unwrap(), tenant);
        let (mut service, mut handle) = testing::spawn::<(), _>(layer);
        handle.allow(9);
        for _ in 0..3 {
            let mut request = request("a");
            request.extensions_mut().insert(Priority::Exempt);
            assert_ready_ok!(service.poll_ready());
            assert_pending!(task::spawn(service.call(request)).poll());
        }
        assert_ready_ok!(service.poll_ready());
        assert_pending!(task::spawn(service.call(request("a"))).poll());
    }

    #[tokio::test]
    async fn readiness_passes_through() {
        let layer = QuotaLayer::new(Quota::try_new(1.0, 1).unwrap(), tenant);
        let (mut service, mut handle) = testing::spawn::<(), _>(layer);
        handle.allow(0);
        assert_pending!(service.poll_ready());
        handle.send_error(Failure::new(Reason::Draining));
        assert_eq!(assert_ready_err!(service.poll_ready()).reason(), Reason::Draining);
    }
}
