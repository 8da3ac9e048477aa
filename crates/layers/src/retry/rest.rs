//! What is needed for attempts behind the first, and what follows each of them.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use outrigger_gateway::{Failure, grpc};
use tokio::time::sleep;
use tower_service::Service;

use super::{
    layer::{Config, Shared},
    policy::{ATTEMPT_COUNT, Attempt, Course, Outcome, PREVIOUS_ATTEMPTS, Refusal, tells_of_repeats},
    replay::{Repeats, Replay},
    tried::Tried,
};
use crate::{deadline::Deadline, spare::Spare};

/// So many frames of an answer that nobody gets are read, if they are there.
const FEW: usize = 8;

/// What is needed for attempts behind the first.
pub(super) struct Rest<S, B> {
    pub(super) spare: Spare,
    pub(super) repeats: Repeats<B>,
    pub(super) idempotent: bool,
    pub(super) is_grpc: bool,
    pub(super) deadline: Option<Deadline>,
    pub(super) course: Course,
    pub(super) service: S,
    pub(super) shared: Arc<Shared>,
}

/// What follows an attempt that was no success.
pub(super) enum Judged<S, B> {
    Again(Box<Rest<S, B>>, Duration),
    Refused(Box<Rest<S, B>>, Refusal),
}

impl<S, B> Rest<S, B> {
    /// Whether it is what was asked for.
    pub(super) fn is_success<R>(&self, result: &Result<Response<R>, Failure>) -> bool {
        let retries = &self.shared.config.retries;
        let success = |response| retries.is_success(Outcome::Answered(self.status(response)));
        result.as_ref().is_ok_and(success)
    }

    fn status<R>(&self, response: &Response<R>) -> StatusCode {
        match self.is_grpc {
            true => meaning(response),
            false => response.status(),
        }
    }

    /// What follows; nothing if it was a success.
    pub(super) fn judge<R>(
        mut self: Box<Self>,
        result: &Result<Response<R>, Failure>,
    ) -> Option<Judged<S, B>> {
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
                let status = self.status(response);
                if retries.is_success(Outcome::Answered(status)) {
                    retries.succeeded(now);
                    return None;
                }
                Attempt::answered(status, response.headers(), clock())
            }
        };
        look_back(&mut self.course, &self.spare);
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
    pub(super) fn give_up<R>(
        &self,
        result: Result<Response<R>, Failure>,
        why: Refusal,
    ) -> Result<Response<R>, Failure> {
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
    pub(super) fn request(&self) -> Option<Request<Replay<B>>> {
        let mut request = self.spare.request(self.repeats.next()?);
        let made = self.course.attempts();
        let headers = request.headers_mut();
        headers.insert(ATTEMPT_COUNT, HeaderValue::from(made + 1));
        if self.is_grpc {
            headers.insert(PREVIOUS_ATTEMPTS, HeaderValue::from(made));
        }
        Some(request)
    }
}

impl<S, B> Rest<S, B> {
    /// Makes the attempts that follow the one that came to `result`.
    pub(super) async fn repeat<R>(
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

/// Notes if the request is a repeat itself: looked for only when it matters.
pub(super) fn look_back(course: &mut Course, spare: &Spare) {
    if tells_of_repeats(spare.field(&ATTEMPT_COUNT)) {
        course.repeats_before();
    }
}

/// What an answer says in HTTP's words: gRPC says in a field of a trailers-only response what others say by status.
fn meaning<R>(response: &Response<R>) -> StatusCode {
    match grpc::Code::of_head(response.headers()) {
        Some(grpc::Code::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Some(grpc::Code::DeadlineExceeded) => StatusCode::GATEWAY_TIMEOUT,
        _ => response.status(),
    }
}

/// Reads what is there already of an answer that nobody gets: a connection that has nothing more to say is used again.
pub(super) fn discard<R: Body + Unpin>(mut body: R) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut read = || Pin::new(&mut body).poll_frame(&mut cx);
    let _ = (0..FEW)
        .take_while(|_| matches!(read(), Poll::Ready(Some(Ok(_)))))
        .count();
}
