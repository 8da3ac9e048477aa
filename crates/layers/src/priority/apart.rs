//! Places that exempt requests do not share with others.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Request;
use outrigger_gateway::Failure;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::Priority;
use crate::ready::{Readied, Sent};

/// Wraps services with [`Apart`].
#[derive(Clone, Copy, Debug)]
pub struct ApartLayer<L> {
    ordinary: L,
    exempt: L,
}

impl<L> ApartLayer<L> {
    /// Layers that bound ordinary requests, and the like for those that are exempt, with figures of their own.
    pub const fn new(ordinary: L, exempt: L) -> Self {
        Self { ordinary, exempt }
    }
}

impl<S: Clone, L: Layer<S>> Layer<S> for ApartLayer<L> {
    type Service = Apart<L::Service>;

    fn layer(&self, inner: S) -> Apart<L::Service> {
        Apart {
            ordinary: Readied::new(self.ordinary.layer(inner.clone())),
            exempt: self.exempt.layer(inner),
        }
    }
}

/// Sends exempt requests past what bounds the others. Is always ready; what has to wait does so in the response future.
#[derive(Clone, Debug)]
pub struct Apart<S> {
    ordinary: Readied<S>,
    exempt: S,
}

impl<S, A> Service<Request<A>> for Apart<S>
where
    S: Service<Request<A>> + Clone,
    S::Error: Into<Failure>,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = ResponseFuture<S, Request<A>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(self.ordinary.poll(cx).map_err(Into::into))
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let sent = if Priority::is_exempt(request.extensions()) {
            Sent::waiting(self.exempt.clone(), request)
        } else {
            self.ordinary.send(request)
        };
        ResponseFuture { sent }
    }
}

pin_project! {
    /// Response future of [`Apart`].
    pub struct ResponseFuture<S, Req>
    where
        S: Service<Req>,
    {
        #[pin]
        sent: Sent<S, Req>,
    }
}

impl<S: Service<Req>, Req> fmt::Debug for ResponseFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S, Req> Future for ResponseFuture<S, Req>
where
    S: Service<Req>,
    S::Error: Into<Failure>,
{
    type Output = Result<S::Response, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut sent = self.project().sent;
        ready!(sent.as_mut().poll_called(cx, |_| Ok(())))?;
        sent.poll_response(cx)
    }
}

#[cfg(test)]
mod tests {
    use http::Response;
    use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
    use tower_test::mock::Spawn;

    use super::*;
    use crate::{
        limit::{Limit, LimitLayer},
        testing::{self, Script},
    };
    use outrigger_gateway::Reason;

    fn request(priority: Priority) -> Request<()> {
        let mut request = Request::new(());
        request.extensions_mut().insert(priority);
        request
    }

    #[tokio::test]
    async fn exempt_requests_have_places_of_their_own_and_no_more_than_those() {
        let (ordinary, exempt) = (Limit::new(1), Limit::new(1));
        let layer = ApartLayer::new(
            LimitLayer::shared(ordinary.clone()),
            LimitLayer::shared(exempt.clone()),
        );
        let (service, mut handle) = testing::pair::<Script>();
        handle.allow(u64::MAX / 2);
        let mut service = Spawn::new(layer.layer(service));

        assert_ready_ok!(service.poll_ready());
        let mut served = task::spawn(service.call(request(Priority::Critical)));
        assert_pending!(served.poll());
        assert_ready_ok!(service.poll_ready());
        let mut waiting = task::spawn(service.call(request(Priority::Critical)));
        assert_pending!(waiting.poll());
        assert_ready_ok!(service.poll_ready());
        let mut first = task::spawn(service.call(request(Priority::Exempt)));
        assert_pending!(first.poll());
        let mut second = task::spawn(service.call(request(Priority::Exempt)));
        assert_pending!(second.poll());
        assert_eq!((ordinary.in_flight(), exempt.in_flight()), (1, 1));

        let (_, _kept) = handle.next_request().await.unwrap();
        let (asked, reply) = handle.next_request().await.unwrap();
        assert_eq!(Priority::of(asked.extensions()), Priority::Exempt);
        reply.send_response(Response::new(Script::default()));
        drop(assert_ready_ok!(first.poll()));
        assert!(second.is_woken());
        assert_pending!(second.poll());
        drop((served, waiting, second, service));
        assert_eq!((ordinary.in_flight(), exempt.in_flight()), (0, 0));
    }

    #[tokio::test]
    async fn errors_of_the_inner_service_pass_as_they_are() {
        let layer = ApartLayer::new(LimitLayer::new(1), LimitLayer::new(1));
        let (mut service, mut handle) = testing::spawn::<Script, _>(layer);
        handle.send_error(Failure::new(Reason::Draining));
        let mut response = task::spawn(service.call(request(Priority::Exempt)));
        assert_eq!(assert_ready_err!(response.poll()).reason(), Reason::Draining);
        handle.send_error(Failure::new(Reason::Draining));
        assert_eq!(assert_ready_err!(service.poll_ready()).reason(), Reason::Draining);
    }
}
