//! Bodies that tell when they are over: a request's begins the app's turn, a response's ends its count.

use std::{
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{
    law::Answer,
    place::{Passing, Turn},
};
use crate::ends::is_over;

/// Where a request is that goes up.
#[derive(Debug)]
enum Stage {
    Uploading(Passing),
    Waiting(Turn),
    Over,
}

/// The stage of one request, shared by its body and its response's future, both of one task: nobody waits for the lock.
#[derive(Clone, Debug)]
pub(super) struct Stages(Arc<Mutex<Stage>>);

impl Stages {
    pub(super) fn new(passing: Passing) -> Self {
        Self(Arc::new(Mutex::new(Stage::Uploading(passing))))
    }

    /// The whole of it has gone up, or no more of it will.
    fn uploaded(&self) {
        let mut stage = self.lock();
        if let Stage::Uploading(passing) = &*stage {
            let turn = passing.state().uploaded();
            *stage = Stage::Waiting(turn);
        }
    }

    /// The response's head is there, or will never come.
    pub(super) fn end(&self, answer: Answer, body_follows: bool) -> Option<Passing> {
        match mem::replace(&mut *self.lock(), Stage::Over) {
            Stage::Waiting(turn) => turn.end(answer, body_follows),
            // Both ways at once, or answered before all was said: that tells nothing of how long an answer takes.
            Stage::Uploading(passing) => body_follows.then(|| passing.renew()),
            Stage::Over => None,
        }
    }

    /// Nobody waits for the response any longer.
    pub(super) fn give_up(&self) {
        *self.lock() = Stage::Over;
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pin_project! {
    /// A request body; the time that it takes to go up is not the app's.
    #[derive(Debug)]
    pub struct Upload<B> {
        #[pin]
        body: B,
        told: Told,
    }
}

/// Tells once, at the latest when it is dropped.
#[derive(Debug)]
struct Told(Option<Stages>);

impl Told {
    fn tell(&mut self) {
        if let Some(stages) = self.0.take() {
            stages.uploaded();
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.tell();
    }
}

impl<B> Upload<B> {
    pub(super) const fn new(body: B, stages: Option<Stages>) -> Self {
        Self {
            body,
            told: Told(stages),
        }
    }
}

impl<B: Body> Body for Upload<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let polled = this.body.as_mut().poll_frame(cx);
        if this.told.0.is_some() && is_over(&polled, &*this.body) {
            this.told.tell();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pin_project! {
    /// A response body; a second of it counts.
    #[derive(Debug)]
    pub struct Counted<B> {
        #[pin]
        body: B,
        passing: Option<Passing>,
    }
}

impl<B> Counted<B> {
    pub(super) const fn new(body: B, passing: Option<Passing>) -> Self {
        Self { body, passing }
    }
}

impl<B: Body> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let polled = this.body.as_mut().poll_frame(cx);
        if this.passing.is_some() && is_over(&polled, &*this.body) {
            *this.passing = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
