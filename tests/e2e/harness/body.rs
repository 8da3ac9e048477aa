//! Bodies of requests and responses, all of one type.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, channel::Channel, combinators::UnsyncBoxBody};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Any body.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Sends a body bit by bit; dropped before its end, it lets the body end.
pub(crate) type Sender = http_body_util::channel::Sender<Bytes, BoxError>;

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
    let (sender, body) = Channel::new(4);
    (sender, body.boxed_unsync())
}
