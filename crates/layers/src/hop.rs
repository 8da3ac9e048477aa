//! What every intermediary owes a message that it passes on (RFC 9110 §7.6).
//!
//! Requests, before the inner service is asked:
//! - one sane authority of `http` or `https`: afterwards it stands in `Host` and the target is in origin form (`*` for `OPTIONS *`), so
//!   that a sender of HTTP/1.1 has what it needs and one of HTTP/2 builds the URI from both. An absolute target
//!   wins over `Host`; only HTTP/1.0 may come without either, and leaves with an empty `Host`;
//! - one `Content-Length`, in plain digits; over HTTP/2, fields that could be fields of HTTP/1.1;
//! - hop-by-hop fields removed, with all that `Connection` names, save those that only an attacker would name;
//!   `te: trailers` is offered on if it was offered to us;
//! - `Via` appended; our own name seen in it is a loop;
//! - what strangers say about certificates and earlier hops removed, what [`Client`] says put in its place;
//!   `x-envoy-expected-rq-timeout-ms` removed unless the client has shown a certificate;
//! - `Max-Forwards` counted down, `Expect` consumed (the server above us answers it), cookie crumbs joined.
//!
//! Responses: hop-by-hop fields removed. They get no `Via`, which is optional there.
//! A request for another protocol leaves without `Upgrade`, and with an [`Upgrade`] in its extensions.
//! Not covered: carrying what follows an upgrade, and message framing, which are the sender's.
//! Fails with [`Reason::BadRequest`] (400), [`Reason::ExpectationFailed`] (417), [`Reason::Loop`] (502), and for
//! `CONNECT` and bodies coded otherwise than `chunked` with [`Reason::NotImplemented`] (501). A `TRACE` or `OPTIONS` that
//! has no `Max-Forwards` left fails with a [`LastRecipient`], which [`respond`](crate::respond) answers with 200.
//! Sources: RFC 9110 §7.2, §7.6, §10.1.1; RFC 9112 §3.2, §6.1; RFC 9113 §8.2, §8.3.1; RFC 7239; RFC 9440 §4.
//!
//! ```
//! # use std::convert::Infallible;
//! # use http::{Request, Response};
//! # use outrigger_layers::hop::{HopLayer, Name};
//! # use tower::{Layer, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let app = service_fn(async |request: Request<()>| {
//!     assert_eq!(request.uri(), "/cart");
//!     assert_eq!(request.headers()["host"], "shop.example");
//!     assert_eq!(request.headers()["via"], "1.1 shop-in-7f3a");
//!     assert!(!request.headers().contains_key("x-forwarded-client-cert"));
//!     Ok::<_, Infallible>(Response::new(()))
//! });
//! let service = HopLayer::new(Name::try_new("shop-in-7f3a").unwrap()).layer(app);
//!
//! let request = Request::get("http://shop.example/cart").header("host", "elsewhere");
//! let request = request.header("x-forwarded-client-cert", "URI=spiffe://shop/admin").body(()).unwrap();
//! service.oneshot(request).await.unwrap();
//! # }
//! ```
//!
//! [`Reason::BadRequest`]: outrigger_gateway::Reason::BadRequest
//! [`Reason::ExpectationFailed`]: outrigger_gateway::Reason::ExpectationFailed
//! [`Reason::Loop`]: outrigger_gateway::Reason::Loop
//! [`Reason::NotImplemented`]: outrigger_gateway::Reason::NotImplemented

mod authority;
mod client;
mod fields;
mod last;
mod request;
#[cfg(test)]
mod tests;
mod upgrade;
mod via;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, StatusCode, header::CONTENT_LENGTH};
use outrigger_gateway::Failure;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::refusal::OrRefused;

pub use self::{
    client::Client,
    fields::{oddity, strip_request_trailers, strip_response, strip_response_trailers},
    last::LastRecipient,
    request::receive,
    upgrade::Upgrade,
    via::{InvalidName, Name},
};

/// Wraps services with [`Hop`].
#[derive(Clone, Debug)]
pub struct HopLayer {
    name: Arc<Name>,
}

impl HopLayer {
    /// A hop that is known by this name in `Via`.
    pub fn new(name: Name) -> Self {
        Self { name: Arc::new(name) }
    }
}

impl<S> Layer<S> for HopLayer {
    type Service = Hop<S>;

    fn layer(&self, inner: S) -> Hop<S> {
        Hop {
            inner,
            name: self.name.clone(),
        }
    }
}

/// Takes out of messages what was meant for this hop only, and adds what the next one should know.
#[derive(Clone, Debug)]
pub struct Hop<S> {
    inner: S,
    name: Arc<Name>,
}

impl<S, A, B> Service<Request<A>> for Hop<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Error: Into<Failure>,
{
    type Response = Response<B>;
    type Error = Failure;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let response = match receive(&mut request, &self.name) {
            Ok(()) => OrRefused::asked(self.inner.call(request)),
            Err(failure) => OrRefused::refused(failure),
        };
        ResponseFuture { response }
    }
}

pin_project! {
    /// Response future of [`Hop`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        response: OrRefused<F>,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<Failure>,
{
    type Output = Result<Response<B>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut polled = self.project().response.poll(cx);
        // In place: a response's head is long to move.
        if let Poll::Ready(Ok(response)) = &mut polled {
            strip_response(response);
            if response.status() == StatusCode::NO_CONTENT {
                // RFC 9110 §8.6: not even of nothing.
                response.headers_mut().remove(CONTENT_LENGTH);
            }
        }
        polled
    }
}
