//! The two bodies of an exchange: what goes up is recorded, what comes down is watched.

mod tape;

use std::{
    error::Error as StdError,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use outrigger_gateway::{Failure, Reason};
use outrigger_layers::exchange::Exchange;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use self::tape::{Kept, Tape};
use crate::{
    classify::{Phase, Scene, find},
    connect::{Connect, Protocol},
    connection::Facts,
    pool::{Lease, Pool},
};

/// Any error, boxed.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// How far the upload of a request's body has come, seen from the attempt that waits for the response.
///
/// Over HTTP/2 the error of a request's body is lost on its way through hyper; here it is kept, so that a client
/// that fails is never taken for an upstream that does.
#[derive(Clone, Debug)]
pub(crate) struct Upload(Option<Arc<Progress>>);

#[derive(Debug)]
struct Progress {
    started: Instant,
    /// Milliseconds from the start, plus one; 0 = not yet.
    ended: AtomicU64,
    moved: AtomicU64,
    /// We asked the client for more and have not got it.
    starving: AtomicU64,
    failure: OnceLock<Failure>,
    tape: Mutex<Tape>,
}

impl Upload {
    /// Of a request without a body.
    pub(crate) const NONE: Self = Self(None);

    fn begin() -> Self {
        Self(Some(Arc::new(Progress {
            started: Instant::now(),
            ended: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            starving: AtomicU64::new(0),
            failure: OnceLock::new(),
            tape: Mutex::default(),
        })))
    }

    /// When the body had been sent whole; `None` while it is on its way.
    pub(crate) fn ended(&self, started: Instant) -> Option<Instant> {
        match &self.0 {
            None => Some(started),
            Some(progress) => progress.at(&progress.ended),
        }
    }

    /// When a part of the body last moved, or its upload began.
    pub(crate) fn moved(&self, started: Instant) -> Instant {
        self.0
            .as_ref()
            .and_then(|progress| progress.at(&progress.moved))
            .unwrap_or(started)
    }

    /// Whether it is the client that keeps the upload waiting.
    pub(crate) fn starving(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|progress| progress.starving.load(Relaxed) != 0)
    }

    fn end(&self) {
        if let Some(progress) = &self.0
            && progress.ended.load(Relaxed) == 0
        {
            progress.ended.store(progress.now(), Relaxed);
        }
    }

    /// The same body once more, if all of it has passed and was kept.
    pub(crate) fn again<B>(&self, exchange: Option<Exchange>) -> Option<RequestBody<B>> {
        let Some(progress) = &self.0 else {
            return Some(RequestBody::empty());
        };
        let kept = progress.tape().take()?;
        Some(RequestBody {
            inner: None,
            again: Some(Box::new(kept)),
            upload: Self::begin(),
            exchange,
        })
    }

    /// The body will not be needed again: what was kept of it is let go of.
    pub(crate) fn forget(&self) {
        if let Some(progress) = &self.0 {
            progress.tape().stop();
        }
    }

    /// How the client's side of the body failed, if it did.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.0.as_ref()?.failure.get().cloned()
    }
}

impl Progress {
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, mark: &AtomicU64) -> Option<Instant> {
        match mark.load(Relaxed) {
            0 => None,
            after => Some(self.started + Duration::from_millis(after - 1)),
        }
    }
}

pin_project! {
    /// A request's body on its way to an upstream.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        inner: Option<B>,
        // What there is in place of `inner` the second time.
        again: Option<Box<Kept>>,
        upload: Upload,
        exchange: Option<Exchange>,
    }

    impl<B> PinnedDrop for RequestBody<B> {
        fn drop(this: Pin<&mut Self>) {
            // Sent whole or given up: nothing more of it will move.
            this.upload.end();
        }
    }
}

impl<B: Body> RequestBody<B> {
    pub(crate) fn new(inner: B, exchange: Option<Exchange>) -> Self {
        let upload = if inner.is_end_stream() {
            Upload::NONE
        } else {
            Upload::begin()
        };
        Self {
            inner: Some(inner),
            again: None,
            upload,
            exchange,
        }
    }
}

impl<B> RequestBody<B> {
    /// Nothing to send.
    fn empty() -> Self {
        Self {
            inner: None,
            again: None,
            upload: Upload::NONE,
            exchange: None,
        }
    }

    pub(crate) fn upload(&self) -> Upload {
        self.upload.clone()
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            let frame = this.again.as_mut().and_then(|kept| kept.next());
            return Poll::Ready(frame.map(Ok));
        };
        let polled = inner.as_mut().poll_frame(cx);
        let Upload(Some(progress)) = &*this.upload else {
            return polled.map_err(|error| client_failure(&*error.into()));
        };
        progress.starving.store(u64::from(polled.is_pending()), Relaxed);
        let frame = match ready!(polled) {
            Some(Ok(frame)) => {
                progress.moved.store(progress.now(), Relaxed);
                if let (Some(exchange), Some(data)) = (this.exchange, frame.data_ref()) {
                    exchange.count_request_bytes(data.len());
                }
                progress.tape().keep(&frame);
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                let failure = client_failure(&*error.into());
                progress.tape().stop();
                Some(Err(progress.failure.get_or_init(|| failure).clone()))
            }
            None => None,
        };
        if frame.is_none() || inner.is_end_stream() {
            progress.tape().end();
            this.upload.end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
            && self.again.as_ref().is_none_or(|kept| kept.is_over())
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.inner, &self.again) {
            (Some(inner), _) => inner.size_hint(),
            (None, Some(kept)) => SizeHint::with_exact(kept.bytes()),
            (None, None) => SizeHint::with_exact(0),
        }
    }
}

/// What an error of the client's body means: what a layer of ours says, or the client went away, or what it sent is
/// no body.
fn client_failure(error: &(dyn StdError + 'static)) -> Failure {
    if let Some(named) = Failure::find(error) {
        return named.clone();
    }
    let malformed = find::<io::Error>(error).is_some_and(|io| {
        matches!(
            io.kind(),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
        )
    }) || find::<h2::Error>(error)
        .is_some_and(|h2| h2.is_library() || !h2.is_remote() && h2.is_reset());
    match malformed {
        true => Failure::new(Reason::BadRequest)
            .with_detail(format_args!("the request's body is broken: {error}")),
        false => Failure::new(Reason::ClientGone).with_detail("the client went away while it sent its body"),
    }
}

/// What a response's body needs to know of the exchange it belongs to.
pub(crate) struct Origin<C, B> {
    pub(crate) pool: Arc<Pool<C, B>>,
    pub(crate) facts: Facts,
    pub(crate) protocol: Protocol,
    pub(crate) reused: bool,
    pub(crate) lease: Lease<C, B>,
    pub(crate) upload: Upload,
}

impl<C: Connect, B> Origin<C, B> {
    /// A failure of ours, which no error had to name.
    fn failed(&self, failure: Failure) -> Failure {
        failure.at_endpoint(self.pool.endpoint().label().clone())
    }
}

pin_project! {
    /// A response's body on its way down. At its end the connection goes back into the pool; dropped before, it is
    /// closed, or the stream reset.
    pub struct ResponseBody<C, B> {
        #[pin]
        inner: Incoming,
        origin: Option<Origin<C, B>>,
        silence: Silence,
        // What came together with the head.
        first: Option<Frame<Bytes>>,
        // Asking hyper costs a lock over HTTP/2, and every layer above asks.
        ended: bool,
    }
}

impl<C, B> ResponseBody<C, B> {
    pub(crate) fn new(inner: Incoming, origin: Origin<C, B>, idle: Duration) -> Self {
        let silence = Silence {
            limit: idle,
            since: None,
            sleep: None,
        };
        let ended = inner.is_end_stream();
        let origin = if ended {
            origin.lease.give_back();
            None
        } else {
            Some(origin)
        };
        Self {
            inner,
            origin,
            silence,
            first: None,
            ended,
        }
    }
}

impl<C: Connect, B> ResponseBody<C, B> {
    fn failed(origin: Option<Origin<C, B>>, error: &hyper::Error) -> Failure {
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
            phase: Phase::Body,
            reused: origin.reused,
            answered: origin.facts.received.bytes(),
            protocol: origin.protocol,
            received: &origin.facts.received,
        };
        scene.failure(error)
    }
}

fn is_http2<C, B>(origin: &Option<Origin<C, B>>) -> bool {
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
        let frame = match this.inner.as_mut().poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let silent = ready!(this.silence.poll(cx));
                return Poll::Ready(this.origin.take().map(|origin| Err(origin.failed(silent))));
            }
        };
        this.silence.broken();
        let frame = frame.map(|frame| frame.map_err(|error| Self::failed(this.origin.take(), &error)));
        if frame.is_none() && !this.inner.is_end_stream() && is_http2(this.origin) {
            // hyper takes NO_ERROR for an end, though only END_STREAM is one (RFC 9113 §8.1).
            *this.ended = true;
            let text = "the upstream reset the stream in the body with NO_ERROR";
            let failure = Failure::new(Reason::ResponseIncomplete).with_detail(text);
            return Poll::Ready(this.origin.take().map(|origin| Err(origin.failed(failure))));
        }
        *this.ended = frame.is_none() || this.inner.is_end_stream();
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

#[cfg(test)]
mod tests;
