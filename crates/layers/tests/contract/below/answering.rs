//! The future of one answer of the service below.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Response, Version};
use http_body::Body;
use outrigger_gateway::{Failure, Reason};

use super::{Number, Place, Point, Received, Trouble};
use crate::{BoxError, body::Scripted};

/// The response's future of [`Below`].
#[derive(Debug)]
pub(crate) struct Answering<B> {
    pub(super) place: Option<Place>,
    pub(super) reading: Option<B>,
    pub(super) received: Option<Received>,
    pub(super) hesitates: bool,
}

impl<B> Answering<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let received = self.received.as_mut().expect("polled after it was done");
        while let Some(body) = &mut self.reading {
            match ready!(Pin::new(body).poll_frame(cx)) {
                Some(frame) => received.frames.push(frame.map_err(Failure::from_error)?),
                None => self.reading = None,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<B> Future for Answering<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<Scripted>, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(
            self.place.is_some(),
            "a response's future was polled after it was done"
        );
        if std::mem::take(&mut self.hesitates) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Err(failure) = ready!(self.poll_request(cx)) {
            self.place = None;
            return Poll::Ready(Err(failure));
        }
        let place = self.place.take().expect("looked at above");
        match place.trouble(Point::Response, cx) {
            Some(Trouble::Pause) => {
                self.place = Some(place);
                Poll::Pending
            }
            Some(Trouble::Panic) => panic!("the service below panics in its future, as it was told to"),
            Some(Trouble::Failure(reason)) => Poll::Ready(Err(told(reason))),
            None => {
                let received = self.received.take().expect("taken with the place");
                let shared = place.0.clone();
                let mut answer = Response::new(shared.answer.body().holding(place));
                *answer.status_mut() = shared.status;
                *answer.version_mut() = Version::HTTP_2;
                answer
                    .headers_mut()
                    .insert("x-below", received.frames.len().into());
                if let Some(number) = received.head.extensions.get::<Number>() {
                    answer.extensions_mut().insert(*number);
                }
                shared.state().received.push(received);
                Poll::Ready(Ok(answer))
            }
        }
    }
}

/// A failure that says all that one may say.
fn told(reason: Reason) -> Failure {
    Failure::new(reason)
        .with_detail("the service below failed, as it was told to")
        .at_upstream("orders".into())
        .at_endpoint("10.0.0.7:8080".into())
        .with_source("its cause")
}
