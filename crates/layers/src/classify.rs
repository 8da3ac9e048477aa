//! Turns the errors of a service that is not ours into [`Failure`]s, so that our layers go around it.
//!
//! A [`Failure`] in the error's chain is taken out, whoever has wrapped it; what else becomes of an error is up to a function
//! of yours, without one [`Reason::Internal`]. Requests, responses and readiness pass untouched.
//!
//! ```
//! # use std::io;
//! # use http::{Request, Response};
//! # use outrigger_gateway::{Failure, Reason};
//! # use outrigger_layers::classify::ClassifyLayer;
//! # use tower::{Layer, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let client = service_fn(async |_: Request<()>| Err::<Response<()>, _>(io::Error::from(io::ErrorKind::TimedOut)));
//! let classify = ClassifyLayer::by(|error| match error.downcast_ref::<io::Error>().map(io::Error::kind) {
//!     Some(io::ErrorKind::TimedOut) => Failure::new(Reason::ReadTimeout).with_source(error),
//!     _ => Failure::from_error(error),
//! });
//!
//! let failure = classify.layer(client).oneshot(Request::new(())).await.unwrap_err();
//! assert_eq!(failure.reason(), Reason::ReadTimeout);
//! # }
//! ```
//!
//! [`Reason::Internal`]: outrigger_gateway::Reason::Internal

use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use outrigger_gateway::Failure;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// An error of anyone.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Wraps services with [`Classify`].
#[derive(Clone, Copy)]
pub struct ClassifyLayer<F = fn(BoxError) -> Failure> {
    by: F,
}

impl<F: Fn(BoxError) -> Failure> ClassifyLayer<F> {
    /// Classifies by this function; it sees every error, those that carry a failure of ours included.
    pub const fn by(classify: F) -> Self {
        Self { by: classify }
    }
}

impl Default for ClassifyLayer {
    /// Knows none but our own.
    fn default() -> Self {
        Self::by(Failure::from_error)
    }
}

impl<F> fmt::Debug for ClassifyLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClassifyLayer").finish_non_exhaustive()
    }
}

impl<S, F: Clone> Layer<S> for ClassifyLayer<F> {
    type Service = Classify<S, F>;

    fn layer(&self, inner: S) -> Classify<S, F> {
        Classify {
            inner,
            by: self.by.clone(),
        }
    }
}

/// Fails with a [`Failure`] where the inner service fails with anything.
#[derive(Clone, Copy)]
pub struct Classify<S, F = fn(BoxError) -> Failure> {
    inner: S,
    by: F,
}

impl<S: fmt::Debug, F> fmt::Debug for Classify<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classify")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, F, Req> Service<Req> for Classify<S, F>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    F: Fn(BoxError) -> Failure + Clone,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = ResponseFuture<S::Future, F>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(|error| (self.by)(error.into()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        ResponseFuture {
            response: self.inner.call(request),
            by: self.by.clone(),
        }
    }
}

pin_project! {
    /// Response future of [`Classify`].
    pub struct ResponseFuture<R, F> {
        #[pin]
        response: R,
        by: F,
    }
}

impl<R, F> fmt::Debug for ResponseFuture<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<R, F, T, E> Future for ResponseFuture<R, F>
where
    R: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
    F: Fn(BoxError) -> Failure,
{
    type Output = Result<T, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.response.poll(cx).map_err(|error| (this.by)(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use outrigger_gateway::Reason;
    use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
    use tower_test::mock;

    use super::*;

    #[tokio::test]
    async fn a_failure_comes_out_of_whatever_has_wrapped_it() {
        let (mut service, mut handle) = mock::spawn_layer::<(), (), _>(ClassifyLayer::default());
        assert_ready_ok!(service.poll_ready());
        let mut response = task::spawn(service.call(()));
        let (_, answer) = handle.next_request().await.expect("it was called");
        answer.send_error(io::Error::other(Failure::new(Reason::ConnectionRefused)));
        assert_eq!(
            assert_ready_err!(response.poll()).reason(),
            Reason::ConnectionRefused
        );
    }

    #[tokio::test]
    async fn any_other_error_is_internal_and_kept_as_the_source() {
        let (mut service, mut handle) = mock::spawn_layer::<(), (), _>(ClassifyLayer::default());
        assert_ready_ok!(service.poll_ready());
        let mut response = task::spawn(service.call(()));
        let (_, answer) = handle.next_request().await.expect("it was called");
        answer.send_error(io::Error::from(io::ErrorKind::TimedOut));
        let failure = assert_ready_err!(response.poll());
        assert_eq!(failure.reason(), Reason::Internal);
        let source = failure.source().and_then(|source| source.downcast_ref());
        assert_eq!(source.map(io::Error::kind), Some(io::ErrorKind::TimedOut));
    }

    #[tokio::test]
    async fn not_ready_passes_and_so_does_a_broken_service() {
        let (mut service, mut handle) = mock::spawn_layer::<(), (), _>(ClassifyLayer::default());
        handle.allow(0);
        assert_pending!(service.poll_ready());
        handle.send_error(Failure::new(Reason::Draining));
        assert_eq!(assert_ready_err!(service.poll_ready()).reason(), Reason::Draining);
    }
}
