//! Bodies of requests and responses, all of one type.

use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use tokio::sync::mpsc;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Any body.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Sends a body bit by bit; dropped before its end, it lets the body end.
///
/// Unlike `http_body_util::channel`, which loses frames if it is dropped on another thread just then.
#[derive(Debug)]
pub(crate) struct Sender(mpsc::Sender<Result<Frame<Bytes>, BoxError>>);

impl Sender {
    pub(crate) async fn send_data(&mut self, data: Bytes) -> Result<(), BoxError> {
        Ok(self.0.send(Ok(Frame::data(data))).await?)
    }

    pub(crate) async fn send_trailers(&mut self, trailers: HeaderMap) -> Result<(), BoxError> {
        Ok(self.0.send(Ok(Frame::trailers(trailers))).await?)
    }

    /// Lets the body fail after what was sent.
    pub(crate) fn abort(self, error: BoxError) {
        tokio::spawn(async move { self.0.send(Err(error)).await });
    }
}

pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body of unknown length, and what feeds it.
pub(crate) fn channel() -> (Sender, Body) {
    let (sender, mut frames) = mpsc::channel(4);
    let frames = stream::poll_fn(move |cx| frames.poll_recv(cx));
    (Sender(sender), StreamBody::new(frames).boxed_unsync())
}
