//! What the tests of several layers share: a mock below the layer whose errors are failures.

use std::{
    cell::Cell,
    collections::VecDeque,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use outrigger_gateway::Failure;
use tower::{ServiceExt, util::MapErr};
use tower_layer::Layer;
use tower_test::mock::{self, Spawn};

type Error = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Mock<B> = MapErr<mock::Mock<Request<()>, Response<B>>, fn(Error) -> Failure>;
pub(crate) type Handle<B> = mock::Handle<Request<()>, Response<B>>;

pub(crate) fn pair<B>() -> (Mock<B>, Handle<B>) {
    let (service, handle) = mock::pair();
    let classify: fn(Error) -> Failure = Failure::from_error;
    (ServiceExt::<Request<()>>::map_err(service, classify), handle)
}

pub(crate) fn spawn<B, L: Layer<Mock<B>>>(layer: L) -> (Spawn<L::Service>, Handle<B>) {
    let (service, handle) = pair();
    (Spawn::new(layer.layer(service)), handle)
}

/// A body that yields what it was given, is pending for every `None`, and counts how often it was polled.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) frames: VecDeque<Option<Result<Frame<Bytes>, Failure>>>,
    pub(crate) polls: Rc<Cell<usize>>,
}

impl Script {
    pub(crate) fn new(frames: impl IntoIterator<Item = Option<Result<Frame<Bytes>, Failure>>>) -> Self {
        Self {
            frames: frames.into_iter().collect(),
            polls: Rc::default(),
        }
    }

    /// One frame of data for each text; the end is told by `None`, not foretold.
    pub(crate) fn data(texts: impl IntoIterator<Item = &'static str>) -> Self {
        Self::new(texts.into_iter().map(data))
    }
}

/// One frame of data.
pub(crate) fn data(text: &'static str) -> Option<Result<Frame<Bytes>, Failure>> {
    Some(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))
}

impl Body for Script {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.polls.set(self.polls.get() + 1);
        match self.frames.pop_front() {
            Some(Some(frame)) => Poll::Ready(Some(frame)),
            Some(None) => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(7)
    }
}
