//! Where requests of one connection enter the stack.

mod switching;

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{
    Method, Request, Response, StatusCode, Version,
    header::{CONTENT_LENGTH, UPGRADE},
};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use outrigger_gateway::Failure;
use outrigger_layers::hop;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{activity::Activity, strict::Framing};
use crate::{admit::Denied, ready::call_ready, stack::Stack};

/// The stack's response body.
type StackBody = <<Stack as Service<Request<Incoming>>>::Response as ResponseExt>::Body;

/// Names the body of a response type.
trait ResponseExt {
    type Body;
}

impl<B> ResponseExt for Response<B> {
    type Body = B;
}

/// The service of one connection: the stack, and what is known of the client.
#[derive(Debug)]
pub(super) struct Entry {
    stack: Stack,
    client: Arc<hop::Client>,
    denied: Option<Denied>,
    activity: Arc<Activity>,
}

impl Entry {
    pub(super) fn new(
        stack: Stack,
        client: Arc<hop::Client>,
        denied: Option<Denied>,
        activity: Arc<Activity>,
    ) -> Self {
        Self {
            stack,
            client,
            denied,
            activity,
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for Entry {
    type Response = Response<Tracked>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn call(&self, mut request: Request<Incoming>) -> ResponseFuture {
        request.extensions_mut().insert(self.client.clone());
        if let Some(denied) = &self.denied {
            request.extensions_mut().insert(denied.clone());
        }
        let running = Running::begin(&self.activity, framing(&request));
        ResponseFuture {
            http1: request.version() < Version::HTTP_2,
            sent: call_ready(self.stack.clone(), request),
            running: Some(running),
        }
    }
}

/// How hyper reads the request's body.
fn framing(request: &Request<Incoming>) -> Framing {
    let body = request.body();
    if request.headers().contains_key(UPGRADE) || request.method() == Method::CONNECT {
        return Framing::Upgrade;
    }
    if body.is_end_stream() {
        return Framing::Length(0);
    }
    body.size_hint().exact().map_or(Framing::Chunked, Framing::Length)
}

/// The same for HTTP/2, where each request becomes a task: a future on the heap is not copied on its way there.
#[derive(Debug)]
pub(super) struct StreamEntry(pub(super) Entry);

impl hyper::service::Service<Request<Incoming>> for StreamEntry {
    type Response = Response<Tracked>;
    type Error = Infallible;
    type Future = Pin<Box<ResponseFuture>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if request.method() == Method::CONNECT {
            switching::translate(&mut request);
        }
        Box::pin(self.0.call(request))
    }
}

/// A request in flight on this connection.
#[derive(Debug)]
struct Running(Arc<Activity>);

impl Running {
    fn begin(activity: &Arc<Activity>, framing: Framing) -> Self {
        activity.begin(framing);
        Self(activity.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.end();
    }
}

pin_project! {
    /// Response future of [`Entry`].
    pub(super) struct ResponseFuture {
        #[pin]
        sent: <Stack as Service<Request<Incoming>>>::Future,
        running: Option<Running>,
        http1: bool,
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Tracked>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.sent.poll(cx))?;
        let running = this.running.take();
        let measured = *this.http1
            && response.status() == StatusCode::NOT_MODIFIED
            && response.headers().contains_key(CONTENT_LENGTH);
        let response = response.map(|body| Tracked {
            body: Some(body),
            running,
            measured,
            offered: false,
        });
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Poll::Ready(Ok(switching::switch(response)));
        }
        Poll::Ready(Ok(response))
    }
}

pin_project! {
    #[project = TrackedProjection]
    /// A response body whose request counts as in flight until it is gone.
    pub(super) struct Tracked {
        // None: a switch of protocols has none.
        #[pin]
        body: Option<StackBody>,
        running: Option<Running>,
        // Of the length that a 304 tells of, hyper keeps nothing if it knows that no body follows.
        measured: bool,
        // What was given last has not been taken: nothing more was asked for.
        offered: bool,
    }

    impl PinnedDrop for Tracked {
        fn drop(this: Pin<&mut Self>) {
            this.project().taken();
        }
    }
}

impl TrackedProjection<'_> {
    fn taken(&mut self) {
        if let (true, Some(running)) = (std::mem::take(self.offered), &*self.running) {
            running.0.taken();
        }
    }
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let mut this = self.project();
        this.taken();
        let Some(mut body) = this.body.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(body.as_mut().poll_frame(cx));
        if let (Some(Ok(_)), Some(running)) = (&frame, &*this.running)
            // Over HTTP/2 even the last part waits for room with the client.
            && (!body.is_end_stream() || running.0.is_http2())
        {
            running.0.offer();
            *this.offered = true;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        !self.measured && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.body, self.measured) {
            (None, _) => SizeHint::with_exact(0),
            (Some(_), true) => SizeHint::default(),
            (Some(body), false) => body.size_hint(),
        }
    }
}
