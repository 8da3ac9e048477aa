//! The layer: asks its breaker before each request, and tells it what came of that.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use outrigger_gateway::Failure;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    handle::{Breaker, Pass},
    state::Config,
};
use crate::{deadline::Deadline, refusal::OrRefused};

/// Wraps services with [`Breaking`]; all of them share one [`Breaker`].
#[derive(Clone, Debug)]
pub struct BreakerLayer {
    breaker: Breaker,
    upstream: Option<Arc<str>>,
}

impl BreakerLayer {
    /// A breaker of its own.
    pub fn new(config: Config) -> Self {
        Self::shared(Breaker::new(config))
    }

    /// One that others use as well.
    pub const fn shared(breaker: Breaker) -> Self {
        Self {
            breaker,
            upstream: None,
        }
    }

    /// Names what is held back, for the operator's sentence.
    #[must_use]
    pub fn of_upstream(mut self, name: Arc<str>) -> Self {
        self.upstream = Some(name);
        self
    }

    /// The breaker, to be watched and forced.
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = Breaking<S>;

    fn layer(&self, inner: S) -> Breaking<S> {
        Breaking {
            inner,
            breaker: self.breaker.clone(),
            upstream: self.upstream.clone(),
        }
    }
}

/// Holds requests back while its breaker says so.
#[derive(Clone, Debug)]
pub struct Breaking<S> {
    inner: S,
    breaker: Breaker,
    upstream: Option<Arc<str>>,
}

impl<S, B, R> Service<Request<B>> for Breaking<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<Failure>,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let deadline = request.extensions().get().copied();
        match Pass::of(self.breaker.clone()) {
            Ok(pass) => ResponseFuture {
                asked: OrRefused::asked(self.inner.call(request)),
                pass: Some(pass),
                deadline,
            },
            Err(view) => {
                let failure = self.breaker.refusal(view);
                ResponseFuture {
                    asked: OrRefused::refused(failure.maybe_at_upstream(self.upstream.as_ref())),
                    pass: None,
                    deadline,
                }
            }
        }
    }
}

pin_project! {
    /// Response future of [`Breaking`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        asked: OrRefused<F>,
        pass: Option<Pass>,
        deadline: Option<Deadline>,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<Failure>,
{
    type Output = Result<Response<R>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.asked.poll(cx));
        if let Some(pass) = this.pass.take() {
            match &result {
                Ok(response) => {
                    pass.answered(response.status(), response.headers(), *this.deadline);
                }
                Err(failure) => pass.failed(failure),
            }
        }
        Poll::Ready(result)
    }
}

#[cfg(test)]
mod tests;
