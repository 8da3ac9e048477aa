//! Calling a service that is always ready, without a future around it that waits for it to become so.

use std::task::{Context, Poll, Waker};

use tower_service::Service;

/// Calls a service whose `poll_ready` never waits: the stack and all it routes to, since what waits in there (shed)
/// does so inside of the response future.
pub(crate) fn call_ready<S, R>(mut service: S, request: R) -> S::Future
where
    S: Service<R>,
{
    let ready = service.poll_ready(&mut Context::from_waker(Waker::noop()));
    // An error comes again from the future of a call; there is no other way to be not ready.
    debug_assert!(!matches!(ready, Poll::Pending), "the service is always ready");
    service.call(request)
}
