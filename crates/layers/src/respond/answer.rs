//! The body of an answer: the inner service's, cut where it is cut, or ours.

use std::{
    error::Error as StdError,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use outrigger_gateway::{Failure, grpc};
use pin_project_lite::pin_project;

use super::Caller;

pin_project! {
    /// Response body of [`Respond`]: the inner service's, or ours.
    #[derive(Debug)]
    #[project = AnswerProj]
    #[allow(missing_docs)]
    pub enum Answer<B> {
        #[doc(hidden)]
        Passed { #[pin] body: B, caller: Option<Caller>, broken: Option<Failure> },
        #[doc(hidden)]
        Ours { body: Option<Bytes> },
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match self.project() {
            AnswerProj::Ours { body } => Poll::Ready(
                body.take()
                    .filter(|body| !body.is_empty())
                    .map(|body| Ok(Frame::data(body))),
            ),
            AnswerProj::Passed { body, caller, broken } => {
                if let Some(failure) = broken.take() {
                    let caller = caller.take().expect("a stream breaks once");
                    return Poll::Ready(Some(cut(&caller, failure)));
                }
                // The stream has ended with an error, or with trailers that told of one.
                if caller.is_none() {
                    return Poll::Ready(None);
                }
                match ready!(body.poll_frame(cx)) {
                    Some(Err(error)) => {
                        // hyper throws away what it has not written yet when a body fails, the head included, and
                        // writes it while a body is pending.
                        *broken = Some(Failure::from_error(error));
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }
                    Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
                    None => Poll::Ready(None),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Ours { body } => body.as_ref().is_none_or(Bytes::is_empty),
            Self::Passed { body, caller, broken } => {
                broken.is_none() && (caller.is_none() || body.is_end_stream())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Ours { body } => SizeHint::with_exact(body.as_ref().map_or(0, Bytes::len) as u64),
            Self::Passed { body, .. } => body.size_hint(),
        }
    }
}

/// A body cut after its head was sent on: gRPC is told in trailers, everyone else sees the stream break.
fn cut(caller: &Caller, failure: Failure) -> Result<Frame<Bytes>, Failure> {
    caller.note(&failure);
    if caller.grpc && caller.trailers {
        return Ok(Frame::trailers(grpc::trailers(&failure, caller.detailed)));
    }
    Err(failure)
}
