//! Tells of every request: metrics, one access line, and the trace it belongs to.
//!
//! It makes the [`Exchange`] that the layers below write into, and tells from it once, when the response's BODY
//! has ended, was cut, or was given up because the client went away (`client_gone`, 499, which nobody but the log
//! is told). Nothing is looked up by name while a request runs: metric handles are bound once an upstream.
//!
//! It decides nothing about the request, and must stand above every layer that may fail.

mod access;
mod endpoints;
mod metrics;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use outrigger_gateway::{Failure, Reason, grpc};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

pub use self::{
    access::{Access, Line},
    endpoints::EndpointGauges,
    metrics::{Bound, Direction, Metrics},
};
use crate::{exchange::Exchange, hop, trace::TraceId};

/// Wraps services with [`Observe`].
#[derive(Clone, Debug)]
pub struct ObserveLayer {
    observer: Arc<Observer>,
}

/// Where one direction's requests are told of.
#[derive(Debug)]
struct Observer {
    access: Access,
    /// For requests that never got as far as an upstream.
    unrouted: Arc<Bound>,
}

impl ObserveLayer {
    /// Tells of requests in `metrics` and, as far as `access` says, in the log.
    pub fn new(metrics: &Metrics, access: Access) -> Self {
        let unrouted = metrics.bind("");
        Self {
            observer: Arc::new(Observer { access, unrouted }),
        }
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe {
            inner,
            observer: self.observer.clone(),
        }
    }
}

/// Observes each request from its head to the end of its response's body.
#[derive(Clone, Debug)]
pub struct Observe<S> {
    inner: S,
    observer: Arc<Observer>,
}

impl<S, B, R> Service<Request<B>> for Observe<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<ObservedBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let trace = TraceId::take_up(request.headers_mut());
        let exchange = Exchange::new(Instant::now(), trace, grpc::is_grpc(request.headers()));
        let line = self
            .observer
            .access
            .wants_any()
            .then(|| Box::new(Line::of(&request)));
        request.extensions_mut().insert(exchange.clone());
        let end = End {
            exchange,
            observer: self.observer.clone(),
            line,
            status: None,
            bytes: 0,
            told: false,
        };
        ResponseFuture {
            inner: self.inner.call(request),
            end: Some(end),
        }
    }
}

pin_project! {
    /// Response future of [`Observe`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        end: Option<End>,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<ObservedBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let mut end = this
            .end
            .take()
            .expect("a response future is not polled after it is done");
        end.status = Some(response.status());
        let whole = response.body().size_hint().exact();
        Poll::Ready(Ok(response.map(|inner| ObservedBody { inner, end, whole })))
    }
}

pin_project! {
    /// Response body that tells of the exchange when it ends.
    #[derive(Debug)]
    pub struct ObservedBody<R: Body> {
        #[pin]
        inner: R,
        end: End,
        whole: Option<u64>,
    }

    impl<R: Body> PinnedDrop for ObservedBody<R> {
        fn drop(this: Pin<&mut Self>) {
            // A server need not ask for the end of a body that it knows has ended.
            if this.inner.is_end_stream() || this.whole == Some(this.end.bytes) {
                this.project().end.tell();
            }
        }
    }
}

impl<R: Body> Body for ObservedBody<R> {
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, R::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => this.end.bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64),
            Some(Err(_)) | None => this.end.tell(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What is told once, at the end of an exchange.
#[derive(Debug)]
struct End {
    exchange: Exchange,
    observer: Arc<Observer>,
    /// On the heap, as it is long to move.
    line: Option<Box<Line>>,
    status: Option<StatusCode>,
    bytes: u64,
    told: bool,
}

impl End {
    fn tell(&mut self) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let failure = self.exchange.failure();
        let reason = failure.as_ref().map_or(Reason::UpstreamStatus, Failure::reason);
        let status = match self.status {
            Some(status) if reason != Reason::ClientGone => status.as_u16(),
            _ => reason.row().status,
        };
        let took = self.exchange.started().elapsed();
        match self.exchange.upstream() {
            Some(bound) => bound.end(status, reason, took),
            None => self.observer.unrouted.count(status, reason, took),
        }
        let failed = reason != Reason::UpstreamStatus || status >= 500;
        if let Some(line) = &self.line
            && (failed || self.observer.access.wants_all())
        {
            let direction = self.observer.unrouted.direction();
            line.write(
                direction,
                &self.exchange,
                status,
                reason,
                failure.as_ref(),
                self.bytes + self.exchange.tunnelled_bytes(),
                took,
            );
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.told {
            let failure = if std::thread::panicking() {
                Failure::new(Reason::Internal).with_detail("a fault of the gateway's own ended it")
            } else {
                Failure::new(Reason::ClientGone).with_detail("the client went away")
            };
            self.exchange.fail(&failure);
            self.tell();
        }
    }
}

/// The peer's identity, as the server side noted it for this request.
fn peer_of<B>(request: &Request<B>) -> Option<&Arc<hop::Client>> {
    request.extensions().get()
}
