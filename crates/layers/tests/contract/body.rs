//! The body of a request or a response: yields what it was given, and panics if it is polled after its end.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use outrigger_gateway::Failure;

use super::below::{Place, Point, Trouble};

/// What bodies are made of here: texts, then at most one trailer field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    texts: &'static [&'static str],
    trailer: Option<&'static str>,
    /// Whether `is_end_stream` and `size_hint` tell what is to come, or only the end itself.
    foretold: bool,
}

impl Script {
    /// A usual one.
    pub(crate) const SOME: Self = Self {
        texts: &["hello, ", "world"],
        trailer: Some("7"),
        foretold: false,
    };

    /// Every kind.
    pub(crate) const KINDS: [Self; 7] = [
        Self::SOME,
        Self {
            trailer: None,
            ..Self::SOME
        },
        Self {
            foretold: true,
            ..Self::SOME
        },
        Self {
            trailer: None,
            foretold: true,
            ..Self::SOME
        },
        Self {
            texts: &[],
            foretold: true,
            ..Self::SOME
        },
        Self {
            texts: &[],
            trailer: None,
            foretold: false,
        },
        Self {
            texts: &[],
            trailer: None,
            foretold: true,
        },
    ];

    pub(crate) fn body(self) -> Scripted {
        let texts = self
            .texts
            .iter()
            .map(|text| Frame::data(Bytes::from_static(text.as_bytes())));
        let trailer = self.trailer.map(|value| {
            Frame::trailers(HeaderMap::from_iter([(
                http::HeaderName::from_static("x-trailer"),
                HeaderValue::from_static(value),
            )]))
        });
        Scripted {
            left: texts.chain(trailer).collect(),
            foretold: self.foretold,
            begun: false,
            over: false,
            hesitates: false,
            place: None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Scripted {
    left: VecDeque<Frame<Bytes>>,
    foretold: bool,
    begun: bool,
    over: bool,
    /// Pending before the next frame, if it is one that hesitates.
    hesitates: bool,
    /// The place at the service below that is held until the end.
    place: Option<Place>,
}

impl Scripted {
    /// A body that holds a place until its end, and meets there with what was planned.
    pub(crate) fn holding(mut self, place: Place) -> Self {
        self.hesitates = place.hesitates();
        self.place = Some(place).filter(|_| !self.is_end_stream());
        self
    }

    fn end(&mut self) {
        self.over = true;
        self.place = None;
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        assert!(!self.over, "a body was polled after its end");
        if std::mem::take(&mut self.hesitates) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let this = &mut *self;
        if let Some(place) = &this.place {
            this.hesitates = place.hesitates();
            match place.trouble(Point::Body, cx).filter(|_| this.begun) {
                Some(Trouble::Pause) => return Poll::Pending,
                Some(Trouble::Panic) => panic!("the body below panics, as it was told to"),
                Some(Trouble::Failure(reason)) => {
                    this.end();
                    return Poll::Ready(Some(Err(reason.into())));
                }
                None => {}
            }
        }
        self.begun = true;
        let frame = self.left.pop_front();
        if frame.is_none() {
            self.end();
        } else if self.is_end_stream() {
            self.place = None;
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.foretold && self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if !self.foretold {
            return SizeHint::new();
        }
        let bytes = self
            .left
            .iter()
            .filter_map(Frame::data_ref)
            .map(Bytes::len)
            .sum::<usize>();
        SizeHint::with_exact(bytes as u64)
    }
}
