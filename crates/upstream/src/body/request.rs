//! A request's body on its way up.

use std::{
    error::Error as StdError,
    io,
    pin::Pin,
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use outrigger_gateway::{Failure, Reason, find_cause};
use outrigger_layers::{exchange::Exchange, hop::strip_request_trailers};
use pin_project_lite::pin_project;

use super::{BoxError, Upload, tape::Kept};

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
    /// A body that was kept, to be sent again.
    pub(super) fn again(kept: Kept, exchange: Option<Exchange>) -> Self {
        Self {
            inner: None,
            again: Some(Box::new(kept)),
            upload: Upload::begin(),
            exchange,
        }
    }

    /// Nothing to send.
    pub(super) fn empty() -> Self {
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
        if polled.is_pending() {
            progress.waiting.register(cx.waker());
        }
        if let Some(failure) = progress.abandoned() {
            this.upload.end();
            return Poll::Ready(Some(Err(failure)));
        }
        let frame = match ready!(polled) {
            Some(Ok(mut frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    strip_request_trailers(trailers);
                }
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
pub(crate) fn client_failure(error: &(dyn StdError + 'static)) -> Failure {
    if let Some(named) = Failure::find(error) {
        return named.clone();
    }
    let malformed = find_cause::<io::Error>(error).is_some_and(|io| {
        matches!(
            io.kind(),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
        )
    }) || find_cause::<h2::Error>(error)
        .is_some_and(|h2| h2.is_library() || !h2.is_remote() && h2.is_reset());
    match malformed {
        true => Failure::new(Reason::BadRequest)
            .with_detail(format_args!("the request's body is broken: {error}")),
        false => Failure::new(Reason::ClientGone).with_detail("the client went away while it sent its body"),
    }
}
