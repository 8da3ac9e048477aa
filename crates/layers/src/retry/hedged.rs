//! A second attempt beside the first, where the first is late.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use outrigger_gateway::Failure;
use tokio::time::{Instant, timeout};
use tower_service::Service;

use super::{
    replay::Replay,
    rest::{Judged, Rest, discard, look_back},
};
use crate::hedge::Hedge;

impl<S, B> Rest<S, B> {
    /// The first attempt, alone for `delay`, then with another beside it; then repeats, as without.
    pub(super) async fn hedged<R>(
        mut self: Box<Self>,
        hedge: Hedge,
        first: S::Future,
        delay: Option<Duration>,
    ) -> Result<Response<R>, Failure>
    where
        S: Service<Request<Replay<B>>, Response = Response<R>>,
        S::Error: Into<Failure>,
        B: Body,
        R: Body + Unpin,
    {
        let begun = Instant::now();
        let result = {
            let mut first = pin!(first);
            let alone = match delay {
                // An answer that has come is looked at first.
                Some(delay) => timeout(delay, first.as_mut()).await.ok().map(failing),
                None => Some(failing(first.as_mut().await)),
            };
            match alone {
                Some(result) => result,
                None => self.race(first).await,
            }
        };
        if self.is_success(&result) {
            hedge.answered(begun.elapsed());
        }
        match self.judge(&result) {
            None => result,
            Some(Judged::Refused(rest, why)) => rest.give_up(result, why),
            Some(Judged::Again(rest, wait)) => rest.repeat(result, wait).await,
        }
    }

    /// Whichever is a success first; the other is dropped with that. If none is, what came last.
    async fn race<R>(&mut self, mut first: Pin<&mut S::Future>) -> Result<Response<R>, Failure>
    where
        S: Service<Request<Replay<B>>, Response = Response<R>>,
        S::Error: Into<Failure>,
        B: Body,
        R: Body + Unpin,
    {
        let Some(request) = self.beside().await else {
            self.shared.tally.refuse_hedge();
            return failing(first.await);
        };
        self.shared.tally.hedge();
        let mut second = pin!(self.service.call(request));
        let (is_first, result) = poll_fn(|cx| {
            if let Poll::Ready(result) = first.as_mut().poll(cx) {
                return Poll::Ready((true, failing(result)));
            }
            second.as_mut().poll(cx).map(|result| (false, failing(result)))
        })
        .await;
        if self.is_success(&result) {
            if !is_first {
                self.shared.tally.win_hedge();
            }
            return result;
        }
        let other = match is_first {
            true => failing(second.await),
            false => failing(first.await),
        };
        if is_first && self.is_success(&other) {
            self.shared.tally.win_hedge();
        }
        if let Ok(response) = result {
            discard(response.into_body());
        }
        other
    }

    /// The request for an attempt beside the first, if there may be one: its body is all there, there is room for it at
    /// once, and successes have paid for it.
    async fn beside<R>(&mut self) -> Option<Request<Replay<B>>>
    where
        S: Service<Request<Replay<B>>, Response = Response<R>>,
        S::Error: Into<Failure>,
        B: Body,
    {
        if !self.repeats.is_whole() {
            return None;
        }
        let ready = poll_fn(|cx| Poll::Ready(self.service.poll_ready(cx))).await;
        if !matches!(ready, Poll::Ready(Ok(()))) {
            return None;
        }
        look_back(&mut self.course, &self.spare);
        let config = &self.shared.config;
        let allowed = config
            .retries
            .may_hedge(&mut self.course, self.shared.now(), (config.random)());
        if !allowed {
            return None;
        }
        self.request()
    }
}

/// The error as a failure, before anything else is waited for.
fn failing<R, E: Into<Failure>>(result: Result<R, E>) -> Result<R, Failure> {
    result.map_err(Into::into)
}

#[cfg(test)]
mod tests;
