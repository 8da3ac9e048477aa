//! The layer: refuses what an overloaded upstream could only queue.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use http_body::Body;
use outrigger_gateway::{Failure, grpc};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    body::{Counted, Stages, Upload},
    client::ClientLimit,
    law::{Answer, Law},
    place::{Passing, Turn},
    server::ServerLimit,
    state::State,
};
use crate::{priority::Priority, refusal::OrRefused};

/// A body of a known size up to this goes up at once.
const SMALL: u64 = 65_536;

/// Wraps services with [`Adaptive`]; all of them share one limit.
#[derive(Clone, Debug)]
pub struct AdaptiveLayer {
    state: Option<Arc<State>>,
}

impl AdaptiveLayer {
    /// Protects an app: [`ServerLimit`].
    pub fn server() -> Self {
        Self::new(Law::Server(ServerLimit::new()))
    }

    /// Keeps to one client's share of an upstream of others: [`ClientLimit`].
    pub fn client() -> Self {
        Self::new(Law::Client(ClientLimit::new()))
    }

    /// Measures nothing and never refuses.
    pub const fn off() -> Self {
        Self { state: None }
    }

    /// Calls what is behind by this name in sentences for operators; the first name stands.
    #[must_use]
    pub fn of_upstream(self, name: Arc<str>) -> Self {
        if let Some(state) = &self.state {
            state.call(name);
        }
        self
    }

    fn new(law: Law) -> Self {
        Self {
            state: Some(Arc::new(State::new(law))),
        }
    }

    /// The limit, to be watched; `None` if it is off.
    pub fn limit(&self) -> Option<AdaptiveLimit> {
        self.state.clone().map(AdaptiveLimit)
    }
}

/// A view of an adaptive limit.
#[derive(Clone, Debug)]
pub struct AdaptiveLimit(Arc<State>);

impl AdaptiveLimit {
    /// How many may be in flight; `None` while nothing binds.
    pub fn max(&self) -> Option<usize> {
        Some(self.0.law().limit()).filter(|limit| *limit != usize::MAX)
    }

    /// How many are, streams counted for their first second only.
    pub fn in_flight(&self) -> usize {
        self.0.in_flight(self.0.now())
    }

    /// The latency to the response's head that is usual, once that is known.
    pub fn usual(&self) -> Option<Duration> {
        self.0.law().usual()
    }

    /// The mean of those that were served last, if any were lately.
    pub fn recent(&self) -> Option<Duration> {
        self.0.law().recent()
    }
}

impl<S> Layer<S> for AdaptiveLayer {
    type Service = Adaptive<S>;

    fn layer(&self, inner: S) -> Adaptive<S> {
        Adaptive {
            inner,
            state: self.state.clone(),
        }
    }
}

/// Refuses requests that would only wait.
#[derive(Clone, Debug)]
pub struct Adaptive<S> {
    inner: S,
    state: Option<Arc<State>>,
}

impl<S, A, B> Service<Request<A>> for Adaptive<S>
where
    S: Service<Request<Upload<A>>, Response = Response<B>>,
    S::Error: Into<Failure>,
    A: Body,
    B: Body,
{
    type Response = Response<Counted<B>>;
    type Error = Failure;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let place = match &self.state {
            None => Ok(Place::None),
            Some(state) => Place::of(state, &request),
        };
        match place {
            Ok(place) => {
                let stages = place.stages();
                let request = request.map(|body| Upload::new(body, stages));
                ResponseFuture {
                    asked: OrRefused::asked(self.inner.call(request)),
                    place,
                }
            }
            Err(failure) => ResponseFuture {
                asked: OrRefused::refused(failure),
                place: Place::None,
            },
        }
    }
}

/// What a request holds until its response's head.
#[derive(Debug)]
enum Place {
    None,
    Turn(Turn),
    Upload(GivenUp),
}

impl Place {
    fn of<A: Body>(state: &Arc<State>, request: &Request<A>) -> Result<Self, Failure> {
        let is_exempt = || Priority::is_exempt(request.extensions());
        let size = request.body().size_hint().upper();
        if request.body().is_end_stream() || size.is_some_and(|size| size <= SMALL) {
            state.admit(is_exempt).map(Self::Turn)
        } else {
            let passing = state.admit_upload(is_exempt)?;
            Ok(Self::Upload(GivenUp(Stages::new(passing))))
        }
    }

    fn stages(&self) -> Option<Stages> {
        match self {
            Self::Upload(GivenUp(stages)) => Some(stages.clone()),
            Self::None | Self::Turn(_) => None,
        }
    }

    /// Gives it back for what came of it; what is to count of a body that follows.
    fn end(self, answer: Answer, body_follows: bool) -> Option<Passing> {
        match self {
            Self::None => None,
            Self::Turn(turn) => turn.end(answer, body_follows),
            Self::Upload(upload) => upload.0.end(answer, body_follows),
        }
    }
}

/// A request with an upload; nobody waits for it any longer once this is dropped.
#[derive(Debug)]
struct GivenUp(Stages);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

pin_project! {
    /// Response future of [`Adaptive`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        asked: OrRefused<F>,
        place: Place,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<Failure>,
    B: Body,
{
    type Output = Result<Response<Counted<B>>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.asked.poll(cx));
        let place = std::mem::replace(this.place, Place::None);
        Poll::Ready(match result {
            Ok(response) => {
                // Whoever sees that nothing is to come may never poll.
                let body_follows = !response.body().is_end_stream();
                let passing = place.end(answer(&response), body_follows);
                Ok(response.map(|body| Counted::new(body, passing)))
            }
            Err(failure) => {
                if let Some(answer) = verdict(&failure) {
                    place.end(answer, false);
                }
                Err(failure)
            }
        })
    }
}

/// What a response says of its upstream.
fn answer<B>(response: &Response<B>) -> Answer {
    let says_no = match response.status() {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::OK => {
            matches!(
                grpc::Code::of_head(response.headers()),
                Some(grpc::Code::Unavailable | grpc::Code::ResourceExhausted)
            )
        }
        _ => false,
    };
    match says_no {
        true => Answer::Refused,
        false => Answer::Served,
    }
}

/// What a failure says of it; nothing if it is the caller's, or ours.
fn verdict(failure: &Failure) -> Option<Answer> {
    let reason = failure.reason();
    (502..=504)
        .contains(&reason.row().status)
        .then_some(Answer::Failed(reason))
}
