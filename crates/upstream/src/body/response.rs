//! A response's body on its way down.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use outrigger_gateway::{Failure, Reason};
use outrigger_layers::hop::strip_response_trailers;
use pin_project_lite::pin_project;
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep_until},
};

use super::Upload;
use crate::{
    classify::{Phase, Scene},
    connect::{Connect, Protocol},
    connection::Facts,
    pool::{Lease, Pool},
};

/// What a response's body needs to know of the exchange it belongs to.
pub(crate) struct Origin<C, B> {
    pub(crate) pool: Arc<Pool<C, B>>,
    pub(crate) facts: Arc<Facts>,
    pub(crate) protocol: Protocol,
    pub(crate) reused: bool,
    pub(crate) lease: Lease<C, B>,
    pub(crate) upload: Upload,
}

impl<C: Connect, B> Origin<C, B> {
    /// A failure of ours, which no error had to name.
    fn failed(&self, failure: Failure) -> Failure {
        self.upload.abandon();
        failure.at_endpoint(self.pool.endpoint().label().clone())
    }
}

pin_project! {
    /// A response's body on its way down. At its end the connection goes back into the pool; dropped before, it is
    /// closed, or the stream reset.
    pub struct ResponseBody<C, B> {
        #[pin]
        inner: Incoming,
        // On the heap: a response is moved through every layer above.
        origin: Option<Box<Origin<C, B>>>,
        silence: Silence,
        // What came together with the head.
        first: Option<Frame<Bytes>>,
        // How long it is was said in its head.
        announced: bool,
        // Asking hyper costs a lock over HTTP/2, and every layer above asks.
        ended: bool,
        tunnel: Option<Box<Tunnelled>>,
    }

    impl<C, B> PinnedDrop for ResponseBody<C, B> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(origin) = &this.origin {
                origin.upload.abandon();
            }
        }
    }
}

/// How a tunnel behind a response ends, once it has.
type Tunnelled = oneshot::Receiver<Result<(), Failure>>;

impl<C, B> ResponseBody<C, B> {
    /// The body of a response that has none, and a tunnel behind it: it lasts as long as the tunnel, and fails as
    /// the tunnel fails.
    pub(crate) fn tunnelled(nothing: Incoming, tunnel: Tunnelled) -> Self {
        Self {
            inner: nothing,
            origin: None,
            silence: Silence::new(Duration::ZERO),
            first: None,
            announced: false,
            ended: false,
            tunnel: Some(Box::new(tunnel)),
        }
    }

    pub(crate) fn new(inner: Incoming, origin: Origin<C, B>, idle: Duration) -> Self {
        let silence = Silence::new(idle);
        let ended = inner.is_end_stream();
        let announced = inner.size_hint().exact().is_some();
        let origin = if ended {
            origin.lease.give_back();
            None
        } else {
            Some(Box::new(origin))
        };
        Self {
            inner,
            origin,
            silence,
            first: None,
            announced,
            ended,
            tunnel: None,
        }
    }
}

impl<C: Connect, B> ResponseBody<C, B> {
    fn failed(origin: Option<Box<Origin<C, B>>>, announced: bool, error: &hyper::Error) -> Failure {
        let Some(origin) = origin else {
            return Failure::new(Reason::ResponseIncomplete).with_detail(error);
        };
        // A client that breaks its upload off breaks the whole exchange.
        if let Some(failure) = origin.upload.failure() {
            return failure;
        }
        let scene = Scene {
            connector: origin.pool.connector(),
            endpoint: origin.pool.endpoint(),
            phase: Phase::Body { announced },
            reused: origin.reused,
            answered: origin.facts.received.bytes(),
            protocol: origin.protocol,
            received: &origin.facts.received,
        };
        scene.failure(error)
    }
}

fn is_http2<C, B>(origin: &Option<Box<Origin<C, B>>>) -> bool {
    origin
        .as_ref()
        .is_some_and(|origin| origin.protocol == Protocol::Http2)
}

impl<C: Connect, B> ResponseBody<C, B> {
    /// Looks whether the body begins with a failure; what has come of it is kept.
    pub(crate) fn begin(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        if self.ended {
            return Ok(());
        }
        if let Poll::Ready(Some(first)) = Pin::new(&mut *self).poll_inner(cx) {
            self.first = Some(first?);
        }
        Ok(())
    }

    fn poll_inner(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let mut this = self.project();
        if let Some(tunnel) = this.tunnel {
            let end = ready!(Pin::new(&mut **tunnel).poll(cx));
            (*this.tunnel, *this.ended) = (None, true);
            // Without a word it ends only with its runtime.
            let failure = end.unwrap_or_else(|_| Err(Reason::Internal.into())).err();
            return Poll::Ready(failure.map(Err));
        }
        let mut frame = match this.inner.as_mut().poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let silent = ready!(this.silence.poll(cx));
                return Poll::Ready(this.origin.take().map(|origin| Err(origin.failed(silent))));
            }
        };
        // A frame with nothing in it is no sign of life.
        if !matches!(&frame, Some(Ok(frame)) if frame.data_ref().is_some_and(Bytes::is_empty)) {
            this.silence.broken();
        }
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            strip_response_trailers(trailers);
        }
        let frame = frame
            .map(|frame| frame.map_err(|error| Self::failed(this.origin.take(), *this.announced, &error)));
        if frame.is_none() && !this.inner.is_end_stream() && is_http2(this.origin) {
            // hyper takes NO_ERROR for an end, though only END_STREAM is one (RFC 9113 §8.1).
            *this.ended = true;
            let text = "the upstream reset the stream in the body with NO_ERROR";
            let failure = Failure::new(Reason::ResponseIncomplete).with_detail(text);
            return Poll::Ready(this.origin.take().map(|origin| Err(origin.failed(failure))));
        }
        // hyper says of a body over HTTP/1.1 that trailers were its end only when it is asked for more.
        let in_trailers = matches!(&frame, Some(Ok(frame)) if frame.is_trailers());
        *this.ended = frame.is_none() || in_trailers || this.inner.is_end_stream();
        if *this.ended
            && let Some(origin) = this.origin.take()
        {
            origin.lease.give_back();
        }
        Poll::Ready(frame)
    }
}

impl<C: Connect, B> Body for ResponseBody<C, B> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match self.as_mut().project().first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => self.poll_inner(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.first.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.inner.size_hint();
        let Some(first) = self.first.as_ref().and_then(Frame::data_ref) else {
            return rest;
        };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + first.len() as u64);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + first.len() as u64);
        }
        hint
    }
}

/// How long the upstream has kept silent while we waited for it. A client that reads slowly is not its fault.
struct Silence {
    limit: Duration,
    since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Silence {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            since: None,
            sleep: None,
        }
    }

    fn broken(&mut self) {
        self.since = None;
    }

    /// Ready when the silence has lasted too long. The timer is kept and moved only when it fires, so that a
    /// stream of small waits costs none.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        let until = *self.since.get_or_insert_with(Instant::now) + self.limit;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        loop {
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= until {
                let text = format_args!("nothing of the body came for {:?}", self.limit);
                return Poll::Ready(Failure::new(Reason::ReadTimeout).with_detail(text));
            }
            sleep.as_mut().reset(until);
        }
    }
}
