//! What all layers wrap, and how it is asked.

use std::{
    cell::RefCell,
    fmt::Debug,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::Full;
use outrigger_gateway::Failure;
use tower::{Service, ServiceExt};

#[path = "../../crates/layers/benches/stacks/mod.rs"]
#[allow(
    dead_code,
    reason = "what its own benches measure; here only its request and response are used"
)]
mod stacks;

pub(crate) type Question = Request<Full<Bytes>>;
pub(crate) type Answer = Response<Full<Bytes>>;

thread_local! {
    /// Made beforehand: making them is not measured.
    static ANSWERS: RefCell<Vec<Answer>> = const { RefCell::new(Vec::new()) };
}

/// A POST with some bytes, or a GET without any; the same fields and extensions. Its answer waits in the app.
pub(crate) fn question(method: &Method) -> Question {
    let (mut head, answer) = stacks::question(&stacks::client()).into_parts();
    ANSWERS.with_borrow_mut(|answers| answers.push(*answer));
    head.method = method.clone();
    let body = if method == Method::POST {
        "[4711, 4712]"
    } else {
        ""
    };
    Request::from_parts(head, Full::from(body))
}

/// Reads the request's body, is pending once, as an app that asks others over a network, and answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct App;

impl<B> Service<Request<B>> for App
where
    B: Body + Unpin,
{
    type Response = Answer;
    type Error = Failure;
    type Future = Answering<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering<B> {
        Answering {
            body: request.into_body(),
            waited: false,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Answering<B> {
    body: B,
    waited: bool,
}

impl<B: Body + Unpin> Future for Answering<B> {
    type Output = Result<Answer, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !std::mem::replace(&mut self.waited, true) {
            while let Poll::Ready(Some(_)) = Pin::new(&mut self.body).poll_frame(cx) {}
            return Poll::Pending;
        }
        let answer = ANSWERS.with_borrow_mut(Vec::pop);
        Poll::Ready(Ok(answer.expect("each question comes with an answer")))
    }
}

/// Asks once and reads the answer to its end. Nobody waits: what is pending is polled again at once.
pub(crate) fn ask<S, B>(service: S, question: Question)
where
    S: Service<Question, Response = Response<B>, Error: Debug>,
    B: Body<Data = Bytes>,
{
    let mut asked = pin!(async {
        let response = service.oneshot(question).await;
        let mut body = pin!(response.expect("nothing here may fail").into_body());
        while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            assert!(frame.is_ok(), "the app's body does not fail");
        }
    });
    let mut context = Context::from_waker(Waker::noop());
    while asked.as_mut().poll(&mut context).is_pending() {}
}
