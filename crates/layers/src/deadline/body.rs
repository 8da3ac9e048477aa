//! A response body that must be over in time.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use outrigger_gateway::Failure;
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::{bound::Bound, timer::Timer};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pin_project! {
    /// A response body that fails once the deadline has passed and there is more to come.
    #[derive(Debug)]
    pub struct Bounded<B> {
        #[pin]
        body: B,
        timer: Option<Timer>,
        failed: bool,
    }
}

impl<B: Body> Bounded<B> {
    pub(super) fn new(body: B, timer: Option<Timer>) -> Self {
        let timer = timer.filter(|_| !body.is_end_stream());
        Self {
            body,
            timer,
            failed: false,
        }
    }
}

impl<B> Body for Bounded<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        if *this.failed {
            return Poll::Ready(None);
        }
        let polled = this.body.as_mut().poll_frame(cx).map_err(Into::into);
        let Some(timer) = this.timer else {
            return polled;
        };
        let bound = timer.bound();
        match polled {
            Poll::Pending => ready!(timer.poll(cx)),
            // A body that always has a frame at hand never lets the timer have its turn.
            Poll::Ready(Some(Ok(frame)))
                if frame.is_data()
                    && !this.body.is_end_stream()
                    && bound.deadline.instant() <= Instant::now() => {}
            finished => return finished,
        }
        *this.failed = true;
        Poll::Ready(Some(Err(late(bound).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn late(bound: Bound) -> Failure {
    bound.passed("response not whole")
}
