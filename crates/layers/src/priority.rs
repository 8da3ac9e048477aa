//! How much a request matters when not all can be served: a [`Priority`] in its extensions, `Normal` without one.
//!
//! What is refused first, and what never, is decided by the layers that refuse:
//!
//! | priority | [`shed`](crate::shed) | [`maintenance`](crate::maintenance), [`rate`](crate::rate) |
//! |---|---|---|
//! | `Exempt` | first in the line; in places of its own by [`ApartLayer`] | passes |
//! | `Critical` | before what is below it, and takes its place in a full line | as everyone |
//! | `Normal` | | as everyone |
//! | `Sheddable` | goes last, gives way first | as everyone |
//!
//! [`PriorityLayer`] asks a function of yours. No field of a request is believed in: whoever may send one could call
//! itself critical, so a function that reads fields has to know whom they are from. Exempt is meant for health checks
//! and for those who must get in to repair things, on their own paths: a limiter that fails them has healthy instances
//! restarted. They should be few and quick; [`ApartLayer`] bounds them all the same.
//!
//! ```
//! # use std::{convert::Infallible, time::Duration};
//! # use http::{Request, Response};
//! # use http_body_util::Empty;
//! # use outrigger_layers::{limit::LimitLayer, priority::{ApartLayer, Priority, PriorityLayer}, shed::ShedLayer};
//! # use tower::{ServiceBuilder, ServiceExt, layer::util::Stack, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # let app = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new())));
//! let room = |places, queue| Stack::new(LimitLayer::new(places), ShedLayer::new(queue, Duration::from_millis(250)));
//! let service = ServiceBuilder::new()
//!     .layer(PriorityLayer::new(|request: &Request<_>| match request.uri().path() {
//!         "/healthz" => Priority::Exempt,
//!         path if path.starts_with("/export/") => Priority::Sheddable,
//!         _ => Priority::Normal,
//!     }))
//!     .layer(ApartLayer::new(room(0, 0), room(16, 16))) // 0: the app is full
//!     .service(app);
//!
//! assert!(service.clone().oneshot(Request::get("/cart").body(()).unwrap()).await.is_err());
//! assert!(service.oneshot(Request::get("/healthz").body(()).unwrap()).await.is_ok());
//! # }
//! ```

mod apart;

use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Extensions, Request};
use tower_layer::Layer;
use tower_service::Service;

pub use self::apart::{Apart, ApartLayer, ResponseFuture};

/// How much a request matters; the greater matters more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Nobody waits for it, or can do without: exports, prefetching, crawlers.
    Sheddable,
    /// Everything that nothing was said of.
    #[default]
    Normal,
    /// Served before all others that wait.
    Critical,
    /// Never refused for the sake of others: health checks, and what operators need.
    Exempt,
}

impl Priority {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Sheddable, Self::Normal, Self::Critical, Self::Exempt];

    /// What is said of a request in its extensions.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_default()
    }

    /// Whether limits are for others.
    pub(crate) fn is_exempt(extensions: &Extensions) -> bool {
        Self::of(extensions) == Self::Exempt
    }
}

/// Wraps services with [`Prioritized`].
#[derive(Clone, Copy)]
pub struct PriorityLayer<F> {
    of: F,
}

impl<F> fmt::Debug for PriorityLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PriorityLayer").finish_non_exhaustive()
    }
}

impl<F> PriorityLayer<F> {
    /// Asks `of` about each request: `Fn(&Request<B>) -> Priority`.
    pub const fn new(of: F) -> Self {
        Self { of }
    }
}

impl<S, F: Clone> Layer<S> for PriorityLayer<F> {
    type Service = Prioritized<S, F>;

    fn layer(&self, inner: S) -> Prioritized<S, F> {
        Prioritized {
            inner,
            of: self.of.clone(),
        }
    }
}

/// Says in each request's extensions how much it matters.
#[derive(Clone, Copy)]
pub struct Prioritized<S, F> {
    inner: S,
    of: F,
}

impl<S: fmt::Debug, F> fmt::Debug for Prioritized<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prioritized")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, F, A> Service<Request<A>> for Prioritized<S, F>
where
    S: Service<Request<A>>,
    F: Fn(&Request<A>) -> Priority,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> S::Future {
        let priority = (self.of)(&request);
        // Most requests are normal, which need not be said, unless something else was said before.
        if priority != Priority::of(request.extensions()) {
            request.extensions_mut().insert(priority);
        }
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok};

    use super::*;
    use crate::testing;
    use outrigger_gateway::{Failure, Reason};

    fn request(path: &str) -> Request<()> {
        Request::get(path).body(()).unwrap()
    }

    #[tokio::test]
    async fn what_the_function_says_counts_and_normal_is_not_written_down() {
        let layer = PriorityLayer::new(|request: &Request<()>| match request.uri().path() {
            "/healthz" => Priority::Exempt,
            _ => Priority::Normal,
        });
        let (mut service, mut handle) = testing::spawn::<(), _>(layer);
        for (path, said) in [("/healthz", Some(Priority::Exempt)), ("/", None)] {
            assert_ready_ok!(service.poll_ready());
            let _response = service.call(request(path));
            let (sent, _) = handle.next_request().await.unwrap();
            assert_eq!(sent.extensions().get(), said.as_ref(), "{path}");
        }
        let mut claimed = request("/");
        claimed.extensions_mut().insert(Priority::Exempt);
        assert_ready_ok!(service.poll_ready());
        let _response = service.call(claimed);
        let (sent, _) = handle.next_request().await.unwrap();
        assert_eq!(Priority::of(sent.extensions()), Priority::Normal);
    }

    #[tokio::test]
    async fn readiness_and_errors_of_the_inner_service_pass() {
        let (mut service, mut handle) =
            testing::spawn::<(), _>(PriorityLayer::new(|_: &Request<()>| Priority::Normal));
        handle.allow(0);
        assert_pending!(service.poll_ready());
        handle.send_error(Failure::new(Reason::Draining));
        assert_eq!(assert_ready_err!(service.poll_ready()).reason(), Reason::Draining);
    }

    #[test]
    fn they_are_in_order() {
        assert!(Priority::ALL.is_sorted());
        assert_eq!(Priority::default(), Priority::Normal);
    }
}
