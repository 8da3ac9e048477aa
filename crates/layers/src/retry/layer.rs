//! The layer: makes the attempts that [`policy`](super::policy) allows.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use outrigger_gateway::{Failure, grpc};
use pin_project_lite::pin_project;
use tokio::time::{Instant, sleep};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    policy::{ATTEMPT_COUNT, Attempt, Course, Outcome, PREVIOUS_ATTEMPTS, Refusal, Retries, is_idempotent},
    replay::{Repeats, Replay},
    spare::Spare,
    tally::Tally,
};
use crate::{deadline::Deadline, random::random};

/// So many frames of an answer that nobody gets are read, if they are there.
const FEW: usize = 8;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How requests are repeated.
#[derive(Clone, Debug)]
pub struct Config {
    /// What decides; one for all routes to the same upstream.
    pub retries: Retries,
    /// The most bytes of a request's body that are kept for its repeats.
    pub replay_bytes: usize,
    /// Where jitter and chances come from.
    pub random: fn() -> u64,
    /// What time it is, for dates in `Retry-After`.
    pub clock: fn() -> SystemTime,
}

impl Config {
    /// Keeps 64 KiB of a body.
    pub fn new(retries: Retries) -> Self {
        Self {
            retries,
            replay_bytes: 65_536,
            random,
            clock: SystemTime::now,
        }
    }
}

/// Wraps services with [`Retry`]. Services of one layer and its clones share budget and counts.
#[derive(Clone, Debug)]
pub struct RetryLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: Config,
    /// Decisions count time from here.
    epoch: Instant,
    tally: Tally,
}

impl RetryLayer {
    /// Repeats as `config` says.
    pub fn new(config: Config) -> Self {
        Self {
            shared: Arc::new(Shared {
                config,
                epoch: Instant::now(),
                tally: Tally::default(),
            }),
        }
    }

    /// What was repeated and what was not, to be watched.
    pub fn tally(&self) -> &Tally {
        &self.shared.tally
    }

    /// How many repeats successes have earned; `None` without a budget.
    pub fn balance(&self) -> Option<f64> {
        let budget = self.shared.config.retries.budget()?;
        Some(budget.balance(self.shared.now()))
    }
}

impl Shared {
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry {
            inner,
            shared: self.shared.clone(),
        }
    }
}

/// Asks again where that is safe and within the budget.
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, B, R> Service<Request<B>> for Retry<S>
where
    S: Service<Request<Replay<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<Failure>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body + Unpin + Send + 'static,
{
    type Response = Response<R>;
    type Error = Failure;
    type Future = ResponseFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.shared.config.retries.attempts() <= 1 {
            return ResponseFuture {
                state: State::First {
                    attempt: self.inner.call(request.map(Replay::through)),
                    rest: None,
                },
            };
        }
        let idempotent = is_idempotent(request.method(), request.headers());
        let deadline = request.extensions().get::<Deadline>().copied();
        let (head, body) = request.into_parts();
        let (body, repeats) = Replay::keeping(body, self.shared.config.replay_bytes);
        let request = Request::from_parts(head, body);
        // Boxed: it is moved with the future, and almost always thrown away.
        let rest = Box::new(Rest {
            spare: Spare::of(&request),
            repeats,
            idempotent,
            deadline,
            course: self.shared.config.retries.start(),
            service: self.inner.clone(),
            shared: self.shared.clone(),
        });
        ResponseFuture {
            state: State::First {
                attempt: self.inner.call(request),
                rest: Some(rest),
            },
        }
    }
}

pin_project! {
    /// Response future of [`Retry`].
    pub struct ResponseFuture<S, B, R>
    where
        S: Service<Request<Replay<B>>>,
    {
        #[pin]
        state: State<S, B, R>,
    }
}

/// The attempts behind the first.
type Further<R> = Pin<Box<dyn Future<Output = Result<Response<R>, Failure>> + Send>>;

pin_project! {
    #[project = StateProj]
    enum State<S, B, R>
    where
        S: Service<Request<Replay<B>>>,
    {
        First { #[pin] attempt: S::Future, rest: Option<Box<Rest<S, B>>> },
        Further { further: Further<R> },
    }
}

impl<S: Service<Request<Replay<B>>>, B, R> fmt::Debug for ResponseFuture<S, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S, B, R> Future for ResponseFuture<S, B, R>
where
    S: Service<Request<Replay<B>>, Response = Response<R>> + Send + 'static,
    S::Error: Into<Failure>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body + Unpin + Send + 'static,
{
    type Output = Result<Response<R>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let (further, result) = match state.as_mut().project() {
                StateProj::Further { further } => return further.as_mut().poll(cx),
                StateProj::First { attempt, rest } => {
                    let result = ready!(attempt.poll(cx)).map_err(Into::into);
                    match rest.take().and_then(|rest| rest.judge(&result)) {
                        None => return Poll::Ready(result),
                        Some(further) => (further, result),
                    }
                }
            };
            match further {
                Judged::Refused(rest, why) => return Poll::Ready(rest.give_up(result, why)),
                // First -> Further
                Judged::Again(rest, wait) => state.set(State::Further {
                    further: Box::pin(rest.repeat(result, wait)),
                }),
            }
        }
    }
}

/// What is needed for attempts behind the first.
struct Rest<S, B> {
    spare: Spare,
    repeats: Repeats<B>,
    idempotent: bool,
    deadline: Option<Deadline>,
    course: Course,
    service: S,
    shared: Arc<Shared>,
}

/// What follows an attempt that was no success.
enum Judged<S, B> {
    Again(Box<Rest<S, B>>, Duration),
    Refused(Box<Rest<S, B>>, Refusal),
}

impl<S, B> Rest<S, B> {
    /// What follows; nothing if it was a success.
    fn judge<R>(mut self: Box<Self>, result: &Result<Response<R>, Failure>) -> Option<Judged<S, B>> {
        let Config {
            retries,
            random,
            clock,
            ..
        } = &self.shared.config;
        let now = self.shared.now();
        let attempt = match result {
            Err(failure) => Attempt::failed(failure),
            Ok(response) => {
                let status = meaning(response);
                if retries.is_success(Outcome::Answered(status)) {
                    retries.succeeded(now);
                    return None;
                }
                Attempt::answered(status, response.headers(), clock())
            }
        };
        let deadline = self.deadline.map(|deadline| {
            let deadline = deadline.instant();
            deadline.saturating_duration_since(self.shared.epoch)
        });
        let (course, idempotent) = (&mut self.course, self.idempotent);
        let judged = match self.repeats.is_possible() {
            true => retries.judge(course, &attempt, idempotent, now, deadline, random),
            false => Err(retries.judge_unkept(course, &attempt, idempotent)),
        };
        Some(match judged {
            Ok(wait) => Judged::Again(self, wait),
            Err(why) => Judged::Refused(self, why),
        })
    }

    /// The last result, with what was tried; the refusal is counted.
    fn give_up<R>(&self, result: Result<Response<R>, Failure>, why: Refusal) -> Result<Response<R>, Failure> {
        self.shared.tally.refuse(why);
        let tried = Tried {
            attempts: self.course.attempts(),
            why,
        };
        // That a single attempt was not repeated is for the metrics.
        if tried.attempts <= 1 {
            return result;
        }
        match result {
            Ok(mut response) => {
                response
                    .headers_mut()
                    .insert(ATTEMPT_COUNT, tried.attempts.into());
                response.extensions_mut().insert(tried);
                Ok(response)
            }
            Err(failure) => {
                let detail = match failure.detail() {
                    Some(detail) => format!("{detail}; {tried}"),
                    None => tried.to_string(),
                };
                Err(failure.with_detail(detail).with_attempts(tried.attempts))
            }
        }
    }

    /// The request for the next attempt, if all that has passed of its body was kept.
    fn request(&self) -> Option<Request<Replay<B>>> {
        let mut request = self.spare.request(self.repeats.next()?);
        let made = self.course.attempts();
        let is_grpc = grpc::is_grpc(request.headers());
        let headers = request.headers_mut();
        headers.insert(ATTEMPT_COUNT, HeaderValue::from(made + 1));
        if is_grpc {
            headers.insert(PREVIOUS_ATTEMPTS, HeaderValue::from(made));
        }
        Some(request)
    }
}

impl<S, B> Rest<S, B> {
    /// Makes the attempts that follow the one that came to `result`.
    async fn repeat<R>(
        self: Box<Self>,
        mut result: Result<Response<R>, Failure>,
        mut wait: Duration,
    ) -> Result<Response<R>, Failure>
    where
        S: Service<Request<Replay<B>>, Response = Response<R>>,
        S::Error: Into<Failure>,
        R: Body + Unpin,
    {
        let mut rest = self;
        loop {
            sleep(wait).await;
            let ready = poll_fn(|cx| Poll::Ready(rest.service.poll_ready(cx))).await;
            if ready.map_err(Into::into)?.is_pending() {
                return rest.give_up(result, Refusal::Room);
            }
            let Some(request) = rest.request() else {
                return rest.give_up(result, Refusal::Body);
            };
            if let Ok(response) = result {
                discard(response.into_body());
            }
            rest.shared.tally.repeat();
            result = rest.service.call(request).await.map_err(Into::into);
            (rest, wait) = match rest.judge(&result) {
                None => return result,
                Some(Judged::Refused(rest, why)) => return rest.give_up(result, why),
                Some(Judged::Again(rest, wait)) => (rest, wait),
            };
        }
    }
}

/// What an answer says in HTTP's words: gRPC says in a field of a trailers-only response what others say by status.
fn meaning<R>(response: &Response<R>) -> StatusCode {
    let code = response
        .headers()
        .get(grpc::STATUS)
        .and_then(grpc::Code::from_header);
    match code {
        Some(grpc::Code::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Some(grpc::Code::DeadlineExceeded) => StatusCode::GATEWAY_TIMEOUT,
        _ => response.status(),
    }
}

/// Reads what is there already of an answer that nobody gets: a connection that has nothing more to say is used again.
fn discard<R: Body + Unpin>(mut body: R) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut read = || Pin::new(&mut body).poll_frame(&mut cx);
    let _ = (0..FEW)
        .take_while(|_| matches!(read(), Poll::Ready(Some(Ok(_)))))
        .count();
}

/// What was tried, in the extensions of the answer that came of several attempts in the end.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    attempts: u32,
    why: Refusal,
}

impl Tried {
    /// How many attempts were made.
    pub const fn attempts(self) -> u32 {
        self.attempts
    }

    /// Why there was no other.
    pub const fn why(self) -> Refusal {
        self.why
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} attempts: {}", self.attempts, self.why)
    }
}

#[cfg(test)]
mod tests;
