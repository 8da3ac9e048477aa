//! Turns every [`Failure`] below into the response it is told as; its own error type is [`Infallible`].
//!
//! HTTP callers get the status of the failure's row, `Proxy-Status` where this is a gateway, `Retry-After` where
//! it helps, and a body in the form they accept; gRPC callers get `grpc-status`, trailers-only. What fails after
//! the head was sent aborts the stream: a cut body is never made to look whole. A gRPC stream over HTTP/2 ends
//! with its status in trailers instead. An upstream's own 5xx is passed on, with a `Proxy-Status` member that
//! says so. Source: RFC 9110 §15.6, RFC 9209.
//!
//! ```
//! # use std::{convert::Infallible, time::Duration};
//! # use http::{Request, Response, StatusCode};
//! # use http_body_util::Empty;
//! # use bytes::Bytes;
//! # use outrigger_layers::{respond::RespondLayer, timeout::TimeoutLayer};
//! # use tower::{Layer, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! type Reply = Result<Response<Empty<Bytes>>, Infallible>;
//! let silent = service_fn(|_: Request<()>| std::future::pending::<Reply>());
//! let bounded = TimeoutLayer::new(Duration::from_millis(5)).layer(silent);
//! let service = RespondLayer::origin().layer(bounded);
//!
//! let response = service.oneshot(Request::new(())).await.unwrap();
//! assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
//! # }
//! ```

mod answer;
#[cfg(test)]
mod tests;

use std::{
    convert::Infallible,
    error::Error as StdError,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version, header};
use http_body::Body;
use outrigger_gateway::{
    Failure, Reason, Voice, grpc,
    proxy_status::{self, Member, PROXY_STATUS},
};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

pub use self::answer::Answer;
use crate::{
    exchange::Exchange,
    hop,
    retry::{Tried, policy::ATTEMPT_COUNT},
};

/// Who may read sentences, addresses and certificate names in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Details {
    /// Peers over mutual TLS, and callers on loopback.
    #[default]
    Auto,
    /// Everyone.
    Always,
    /// Nobody.
    Never,
}

/// Wraps services with [`Respond`].
#[derive(Clone, Debug)]
pub struct RespondLayer {
    speaker: Arc<Speaker>,
}

#[derive(Debug)]
struct Speaker {
    name: String,
    details: Details,
    gateway: bool,
}

impl RespondLayer {
    /// Answers as the gateway that `Proxy-Status` calls `name`.
    pub fn gateway(name: impl Into<String>, details: Details) -> Self {
        Self {
            speaker: Arc::new(Speaker {
                name: name.into(),
                details,
                gateway: true,
            }),
        }
    }

    /// Answers inside of an origin, which must not send `Proxy-Status` (RFC 9209 §2), without details.
    pub fn origin() -> Self {
        Self::origin_with(Details::Never)
    }

    /// Answers inside of an origin; `details` says who may read more than the reason.
    pub fn origin_with(details: Details) -> Self {
        Self {
            speaker: Arc::new(Speaker {
                name: String::new(),
                details,
                gateway: false,
            }),
        }
    }
}

impl<S> Layer<S> for RespondLayer {
    type Service = Respond<S>;

    fn layer(&self, inner: S) -> Respond<S> {
        Respond {
            inner,
            speaker: self.speaker.clone(),
            broken: None,
        }
    }
}

/// Answers failures of the inner service.
#[derive(Debug)]
pub struct Respond<S> {
    inner: S,
    speaker: Arc<Speaker>,
    /// The inner service failed to become ready: told to the next request.
    broken: Option<Failure>,
}

impl<S: Clone> Clone for Respond<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            speaker: self.speaker.clone(),
            broken: None,
        }
    }
}

impl<S, A, B> Service<Request<A>> for Respond<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Error: Into<Failure>,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Answer<B>>;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if let Err(error) = ready!(self.inner.poll_ready(cx)) {
            self.broken = Some(error.into());
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let caller = Some(Caller::of(&request, &self.speaker));
        match self.broken.take() {
            Some(failure) => ResponseFuture {
                inner: None,
                broken: Some(failure),
                caller,
            },
            None => ResponseFuture {
                inner: Some(self.inner.call(request)),
                broken: None,
                caller,
            },
        }
    }
}

/// What an answer depends on in the request, and the exchange it is told to.
#[derive(Debug)]
struct Caller {
    speaker: Arc<Speaker>,
    exchange: Option<Exchange>,
    accept: Option<HeaderValue>,
    head: bool,
    /// It came over HTTP/1, where the next request begins wherever this one is thought to end.
    http1: bool,
    connect: bool,
    grpc: bool,
    trailers: bool,
    detailed: bool,
}

impl Caller {
    fn of<A>(request: &Request<A>, speaker: &Arc<Speaker>) -> Self {
        let exchange = Exchange::of(request.extensions()).cloned();
        Self {
            accept: request.headers().get(header::ACCEPT).cloned(),
            head: request.method() == Method::HEAD,
            http1: request.version() <= Version::HTTP_11,
            connect: request.method() == Method::CONNECT,
            grpc: exchange
                .as_ref()
                .map_or_else(|| grpc::is_grpc(request.headers()), Exchange::is_grpc),
            trailers: request.version() == Version::HTTP_2,
            detailed: match speaker.details {
                Details::Always => true,
                Details::Never => false,
                Details::Auto => request
                    .extensions()
                    .get::<Arc<hop::Client>>()
                    .is_some_and(|client| client.trusted()),
            },
            speaker: speaker.clone(),
            exchange,
        }
    }

    /// The response that tells of `failure`.
    fn answer(&self, failure: &Failure) -> Response<Bytes> {
        if let Some(last) = hop::LastRecipient::of(failure) {
            return last.response();
        }
        let id = self
            .exchange
            .as_ref()
            .map(|exchange| exchange.trace().to_string());
        let voice = Voice {
            name: &self.speaker.name,
            detailed: self.detailed,
            proxy_status: self.speaker.gateway,
            grpc: self.grpc,
            accept: self.accept.as_ref(),
            request_id: id.as_deref(),
            head: self.head,
        };
        self.note(failure);
        let mut answer = voice.answer(failure);
        if failure.attempts() > 1 {
            let count = HeaderValue::from(failure.attempts());
            answer.headers_mut().insert(ATTEMPT_COUNT, count);
        }
        if self.is_last(failure) {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(header::CONNECTION, close);
        }
        answer
    }

    /// What follows a refused CONNECT on its connection was meant for the tunnel, and what follows a request that is
    /// wrong may be a part of it: neither must be taken for a request.
    fn is_last(&self, failure: &Failure) -> bool {
        self.http1 && (self.connect || failure.reason() == Reason::BadRequest)
    }

    /// Says of an upstream's own 5xx that it is its own; what hops behind us say in sentences is for the same
    /// readers as what we say.
    fn sign<B>(&self, response: &mut Response<B>) {
        if !self.speaker.gateway {
            return;
        }
        if !self.detailed && response.headers().contains_key(PROXY_STATUS) {
            withhold_details(response.headers_mut());
        }
        if response.status().is_server_error() {
            let endpoint = self.exchange.as_ref().filter(|_| self.detailed);
            let endpoint = endpoint.and_then(Exchange::endpoint);
            let mut member =
                Member::for_upstream_status(&self.speaker.name, response.status(), endpoint.as_deref());
            let tried = response.extensions().get::<Tried>().filter(|_| self.detailed);
            member.details = tried.map(Tried::to_string);
            proxy_status::append(response.headers_mut(), &member);
        }
    }

    fn note(&self, failure: &Failure) {
        if let Some(exchange) = &self.exchange {
            exchange.fail(failure);
        }
    }
}

/// Keeps who spoke and with which token, and takes out sentences and addresses.
fn withhold_details(headers: &mut HeaderMap) {
    let members = proxy_status::members(headers);
    headers.remove(PROXY_STATUS);
    for mut member in members {
        (member.details, member.next_hop) = (None, None);
        proxy_status::append(headers, &member);
    }
}

pin_project! {
    /// Response future of [`Respond`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Option<F>,
        broken: Option<Failure>,
        caller: Option<Caller>,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<Failure>,
{
    type Output = Result<Response<Answer<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = match this.inner.as_pin_mut() {
            Some(inner) => ready!(inner.poll(cx)).map_err(Into::into),
            None => Err(this
                .broken
                .take()
                .expect("a response future is not polled after it is done")),
        };
        let caller = this
            .caller
            .take()
            .expect("a response future is not polled after it is done");
        Poll::Ready(Ok(match result {
            Ok(mut response) => {
                caller.sign(&mut response);
                response.map(|body| Answer::Passed {
                    body,
                    caller: Some(caller),
                    broken: None,
                })
            }
            Err(failure) => caller
                .answer(&failure)
                .map(|body| Answer::Ours { body: Some(body) }),
        }))
    }
}
