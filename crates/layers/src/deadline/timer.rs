//! The timer of a request under a limit.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};

use super::bound::Bound;

/// Runs until the deadline, with the response's future and then with its body. On the heap: most requests are under
/// no limit, and what they hand on is moved all the way up.
#[derive(Debug)]
pub(super) struct Timer(Pin<Box<Running>>);

pin_project! {
    #[derive(Debug)]
    struct Running {
        bound: Bound,
        #[pin]
        sleep: Sleep,
    }
}

impl Timer {
    pub(super) fn new(bound: Bound) -> Self {
        let sleep = sleep_until(bound.deadline.instant());
        Self(Box::pin(Running { bound, sleep }))
    }

    /// What it runs for.
    pub(super) fn bound(&self) -> Bound {
        self.0.bound
    }

    /// Ready once the deadline has passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().project().sleep.poll(cx)
    }
}
