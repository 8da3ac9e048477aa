//! Whether a body is over.

use std::task::Poll;

use http_body::{Body, Frame};

/// What polling a body for a frame comes to.
pub(crate) type Polled<B> = Poll<Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>>;

/// Whether nothing follows what `body` has just come to. Whoever sees that may never poll again.
pub(crate) fn is_over<B: Body>(polled: &Polled<B>, body: &B) -> bool {
    match polled {
        Poll::Pending => false,
        Poll::Ready(Some(Ok(_))) => body.is_end_stream(),
        Poll::Ready(Some(Err(_)) | None) => true,
    }
}
