//! Bounds how many requests are in flight at once, from `call` to the end of the response body.
//!
//! `poll_ready` is pending while the limit is reached, first come first served, and never fails for it; put
//! [`shed`](crate::shed) above to bound the waiting. A request leaves when its response body ends, fails or is
//! dropped, when its future fails or is dropped. Clones of a service and services of one layer share the limit.
//! An upgraded connection counts if its response's body lasts as long. The limit is inclusive; zero admits nothing.
//!
//! ```
//! # use std::convert::Infallible;
//! # use http::{Request, Response};
//! # use http_body_util::Full;
//! # use outrigger_layers::limit::LimitLayer;
//! # use tower::{Layer, Service, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let hello = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Full::new(&b"hello"[..]))));
//! let layer = LimitLayer::new(64);
//! let mut service = layer.layer(hello);
//!
//! let response = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
//! assert_eq!(layer.limit().in_flight(), 1); // the body has not been read
//! drop(response);
//! assert_eq!(layer.limit().in_flight(), 0);
//! # }
//! ```

pub mod adaptive;
mod body;
mod semaphore;
#[cfg(test)]
mod tests;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use outrigger_gateway::Failure;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

pub use self::body::Held;
use self::semaphore::{Claim, Permit, Semaphore};

/// A limit and how much of it is used; clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Limit(Arc<Semaphore>);

impl Limit {
    /// Admits `max` requests at once.
    pub fn new(max: usize) -> Self {
        Self(Semaphore::new(max))
    }

    /// How many requests may be in flight.
    pub fn max(&self) -> usize {
        self.0.max()
    }

    /// How many are, those counted that are ready to be called.
    pub fn in_flight(&self) -> usize {
        self.0.in_flight()
    }

    /// A place below the limit for something that is no request, if there is one now and nobody waits for it.
    pub fn try_enter(&self) -> Option<Place> {
        self.0.try_permit().map(Place)
    }
}

/// A place below a [`Limit`]; given back on drop.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held, and dropped")] Permit);

/// Wraps services with [`Limited`]; all of them share one [`Limit`].
#[derive(Clone, Debug)]
pub struct LimitLayer {
    limit: Limit,
}

impl LimitLayer {
    /// A limit of its own for `max` requests at once.
    pub fn new(max: usize) -> Self {
        Self::shared(Limit::new(max))
    }

    /// A limit that others use as well.
    pub const fn shared(limit: Limit) -> Self {
        Self { limit }
    }

    /// The limit, to be watched.
    pub const fn limit(&self) -> &Limit {
        &self.limit
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited {
            inner,
            claim: Claim::new(self.limit.0.clone()),
        }
    }
}

/// Is ready only while there is room below the limit.
#[derive(Clone, Debug)]
pub struct Limited<S> {
    inner: S,
    claim: Claim,
}

impl<S, Req, B> Service<Req> for Limited<S>
where
    S: Service<Req, Response = Response<B>>,
    S::Error: Into<Failure>,
    B: Body,
{
    type Response = Response<Held<B>>;
    type Error = Failure;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        ready!(self.claim.poll(cx));
        // A broken service below must not sit on a permit until it is dropped.
        self.inner.poll_ready(cx).map_err(|error| {
            self.claim.abandon();
            error.into()
        })
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let permit = self.claim.spend().expect("poll_ready acquires what call spends");
        ResponseFuture {
            response: self.inner.call(request),
            permit: Some(permit),
        }
    }
}

pin_project! {
    /// Response future of [`Limited`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        response: F,
        permit: Option<Permit>,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<Failure>,
    B: Body,
{
    type Output = Result<Response<Held<B>>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.response.poll(cx));
        let permit = this.permit.take();
        Poll::Ready(match result {
            Ok(response) => Ok(response.map(|body| Held::new(body, permit))),
            Err(error) => Err(error.into()),
        })
    }
}
