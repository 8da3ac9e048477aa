//! The response future of a layer that may refuse a request before it asks the service below.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use outrigger_gateway::Failure;
use pin_project_lite::pin_project;

pin_project! {
    /// The future of the service below, or why it was not asked.
    #[derive(Debug)]
    pub struct OrRefused<F> {
        #[pin]
        asked: Option<F>,
        refused: Option<Failure>,
    }
}

impl<F> OrRefused<F> {
    /// The service below was asked.
    pub fn asked(future: F) -> Self {
        Self {
            asked: Some(future),
            refused: None,
        }
    }

    /// It was not.
    pub fn refused(failure: Failure) -> Self {
        Self {
            asked: None,
            refused: Some(failure),
        }
    }
}

impl<F, T, E> Future for OrRefused<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<Failure>,
{
    type Output = Result<T, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.asked.as_pin_mut() {
            Some(asked) => asked.poll(cx).map_err(Into::into),
            None => Poll::Ready(Err(this.refused.take().expect("no poll follows a failed one"))),
        }
    }
}
