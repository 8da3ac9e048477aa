//! The service below a layer. It reads a request's body to the end and answers; at each [`Point`] of that it can be
//! told to meet with [`Trouble`]. It panics where it is called without having been ready, or polled after it is done.

mod answering;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request};
use http_body::{Body, Frame, SizeHint};
use outrigger_gateway::{Failure, Reason};
use tower_service::Service;

use self::answering::Answering;
use super::{
    BoxError, ROOM,
    body::{Script, Scripted},
};

/// Where something may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// In `poll_ready`.
    Ready,
    /// In `call`; there is only panicking there.
    Call,
    /// In the response's future, once the request's body has been read.
    Response,
    /// In the response's body, behind its first frame.
    Body,
}

impl Point {
    pub(crate) const ALL: [Self; 4] = [Self::Ready, Self::Call, Self::Response, Self::Body];
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is pending until the service is well again.
    Pause,
    Failure(Reason),
    Panic,
}

/// A number that goes with a request and comes back with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u32);

/// A request as it arrived here.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) head: request::Parts,
    /// What was said of the body before it was read.
    pub(crate) hint: SizeHint,
    pub(crate) foretold_end: bool,
    pub(crate) frames: Vec<Frame<Bytes>>,
}

/// Its clones are one service with places for [`ROOM`] requests, if nothing else is said; readiness, futures and bodies hold one each.
#[derive(Debug)]
pub(crate) struct Below {
    shared: Arc<Shared>,
    place: Option<Place>,
}

#[derive(Debug)]
struct Shared {
    places: usize,
    hesitates: bool,
    answer: Script,
    status: StatusCode,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: usize,
    calls: usize,
    /// What goes wrong where, and how often.
    troubles: Vec<(Point, Trouble, usize)>,
    waiting: Vec<Waker>,
    received: Vec<Received>,
}

impl Below {
    /// One that answers at once.
    pub(crate) fn new() -> Self {
        Self::answering(Script::SOME)
    }

    pub(crate) fn answering(answer: Script) -> Self {
        Self::with(answer, StatusCode::CREATED, false, ROOM)
    }

    pub(crate) fn with_places(places: usize) -> Self {
        Self::with(Script::SOME, StatusCode::CREATED, false, places)
    }

    pub(crate) fn answering_with(status: StatusCode) -> Self {
        Self::with(Script::SOME, status, false, ROOM)
    }

    /// One that is pending once at every step behind `call`.
    pub(crate) fn hesitant() -> Self {
        Self::with(Script::SOME, StatusCode::CREATED, true, ROOM)
    }

    fn with(answer: Script, status: StatusCode, hesitates: bool, places: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                places,
                hesitates,
                answer,
                status,
                state: Mutex::default(),
            }),
            place: None,
        }
    }

    /// From now on, this happens there.
    pub(crate) fn meets(&self, point: Point, trouble: Trouble) {
        self.meets_times(usize::MAX, point, trouble);
    }

    /// The next so many times, this happens there.
    pub(crate) fn meets_times(&self, times: usize, point: Point, trouble: Trouble) {
        self.shared.state().troubles.push((point, trouble, times));
    }

    /// From now on, all goes well.
    pub(crate) fn is_well(&self) {
        self.shared.state().troubles.clear();
        self.shared.wake();
    }

    /// How many places are held.
    pub(crate) fn held(&self) -> usize {
        self.shared.state().held
    }

    /// One of its places, for a body of a request: it then meets with what was planned for [`Point::Body`].
    pub(crate) fn place(&self) -> Place {
        let nobody = Context::from_waker(Waker::noop());
        Place::take(&self.shared, &nobody).expect("there is room")
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> usize {
        self.shared.state().calls
    }

    /// The request that arrived last.
    pub(crate) fn received(&self) -> Received {
        self.shared.state().received.pop().expect("a request has arrived")
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        let waiting = std::mem::take(&mut self.state().waiting);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn trouble(&self, point: Point, cx: &Context<'_>) -> Option<Trouble> {
        let mut state = self.state();
        let planned = state
            .troubles
            .iter_mut()
            .find(|(at, _, times)| *at == point && *times > 0)?;
        planned.2 -= 1;
        let trouble = planned.1;
        if trouble == Trouble::Pause {
            state.waiting.push(cx.waker().clone());
        }
        Some(trouble)
    }
}

impl Clone for Below {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            place: None,
        }
    }
}

/// One of the places; given back on drop, to whoever waits.
#[derive(Debug)]
pub(crate) struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>, cx: &Context<'_>) -> Option<Self> {
        let mut state = shared.state();
        if state.held == shared.places {
            state.waiting.push(cx.waker().clone());
            return None;
        }
        state.held += 1;
        Some(Self(shared.clone()))
    }

    pub(crate) fn hesitates(&self) -> bool {
        self.0.hesitates
    }

    pub(crate) fn trouble(&self, point: Point, cx: &Context<'_>) -> Option<Trouble> {
        self.0.trouble(point, cx)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.state().held -= 1;
        self.0.wake();
    }
}

impl<B> Service<Request<B>> for Below
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Response = Response<Scripted>;
    type Error = Failure;
    type Future = Answering<B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        match self.shared.trouble(Point::Ready, cx) {
            Some(Trouble::Pause) => return Poll::Pending,
            Some(Trouble::Failure(reason)) => return Poll::Ready(Err(reason.into())),
            Some(Trouble::Panic) => panic!("the service below panics in poll_ready, as it was told to"),
            None => {}
        }
        if self.place.is_none() {
            self.place = Place::take(&self.shared, cx);
        }
        match self.place {
            Some(_) => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }

    fn call(&mut self, request: Request<B>) -> Answering<B> {
        let place = self.place.take();
        let place = place.expect("the service below was called without having been ready");
        self.shared.state().calls += 1;
        let nobody = Context::from_waker(Waker::noop());
        if self.shared.trouble(Point::Call, &nobody).is_some() {
            panic!("the service below panics in call, as it was told to");
        }
        let (head, body) = request.into_parts();
        let received = Received {
            head,
            hint: body.size_hint(),
            foretold_end: body.is_end_stream(),
            frames: Vec::new(),
        };
        Answering {
            hesitates: place.hesitates(),
            place: Some(place),
            reading: Some(body),
            received: Some(received),
        }
    }
}
