//! Waiting for a service inside of the response future, for layers that are always ready themselves.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use outrigger_gateway::Failure;
use pin_project_lite::pin_project;
use tower_service::Service;

/// A service of which `poll_ready` asks but does not wait.
#[derive(Debug)]
pub(crate) struct Readied<S> {
    inner: S,
    ready: bool,
}

impl<S> Readied<S> {
    pub(crate) const fn new(inner: S) -> Self {
        Self { inner, ready: false }
    }

    /// Fails if the service did; notes whether it is ready.
    pub(crate) fn poll<Req>(&mut self, cx: &mut Context<'_>) -> Result<(), S::Error>
    where
        S: Service<Req>,
    {
        self.ready = match self.inner.poll_ready(cx) {
            Poll::Ready(result) => result.map(|()| true)?,
            Poll::Pending => false,
        };
        Ok(())
    }

    /// Whether it was ready when it was asked.
    pub(crate) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// The request on its way: with the service itself if it was ready, else with one to wait for.
    pub(crate) fn send<Req>(&mut self, request: Req) -> Sent<S, Req>
    where
        S: Service<Req> + Clone,
    {
        if mem::take(&mut self.ready) {
            return Sent::Called {
                response: self.inner.call(request),
            };
        }
        // The instance that was asked goes with the request: it may hold a place in a queue.
        let clone = self.inner.clone();
        Sent::waiting(mem::replace(&mut self.inner, clone), request)
    }
}

impl<S: Clone> Clone for Readied<S> {
    /// A clone starts without readiness.
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

pin_project! {
    /// A request that waits for its service, its response future, or why it goes nowhere.
    #[project = SentProj]
    pub(crate) enum Sent<S, Req>
    where
        S: Service<Req>,
    {
        // On the heap: few requests wait, and all are moved.
        Waiting { waiting: Box<Waiting<S, Req>> },
        Called { #[pin] response: S::Future },
        Failed { failure: Option<Failure> },
    }
}

/// A request and the service it is for.
pub(crate) struct Waiting<S, Req> {
    service: S,
    request: Option<Req>,
}

impl<S, Req> Sent<S, Req>
where
    S: Service<Req>,
{
    /// A request that waits for this service to become ready.
    pub(crate) fn waiting(service: S, request: Req) -> Self {
        let request = Some(request);
        Self::Waiting {
            waiting: Box::new(Waiting { service, request }),
        }
    }
}

impl<S, Req> Sent<S, Req>
where
    S: Service<Req>,
    S::Error: Into<Failure>,
{
    pub(crate) const fn failed(failure: Failure) -> Self {
        Self::Failed {
            failure: Some(failure),
        }
    }

    /// Gives up whatever place the service keeps for the request; it will ask anew.
    pub(crate) fn withdraw(self: Pin<&mut Self>)
    where
        S: Clone,
    {
        if let SentProj::Waiting { waiting } = self.project() {
            waiting.service = waiting.service.clone();
        }
    }

    /// Ready once the service has been called; a request that had to wait is touched up just before.
    pub(crate) fn poll_called(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        touch_up: impl FnOnce(&mut Req) -> Result<(), Failure>,
    ) -> Poll<Result<(), Failure>> {
        // Waiting -> Called
        if let SentProj::Waiting { waiting } = self.as_mut().project() {
            ready!(waiting.service.poll_ready(cx)).map_err(Into::into)?;
            let mut request = waiting.request.take().expect("no poll follows a failed one");
            touch_up(&mut request)?;
            let response = waiting.service.call(request);
            self.set(Self::Called { response });
        }
        Poll::Ready(Ok(()))
    }

    /// The response; pending as well while the service has not been called.
    pub(crate) fn poll_response(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, Failure>> {
        match self.project() {
            SentProj::Waiting { .. } => Poll::Pending,
            SentProj::Called { response } => response.poll(cx).map_err(Into::into),
            SentProj::Failed { failure } => {
                Poll::Ready(Err(failure.take().expect("no poll follows a failed one")))
            }
        }
    }
}
