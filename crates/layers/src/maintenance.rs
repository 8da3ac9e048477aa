//! Refuses requests by order, while something is out of service: 503 with `Retry-After`.
//!
//! The order is a [`Switch`] that may be turned at any time, by anyone who holds it; what is in flight then is not
//! touched. `poll_ready` passes through, and below a switch that is off nothing is added. Refusals fail with
//! [`Reason::Maintenance`]; how long callers are asked to stay away is spread by jitter.
//!
//! ```
//! # use std::convert::Infallible;
//! # use http::{Request, Response};
//! # use outrigger_gateway::Reason;
//! # use outrigger_layers::maintenance::{MaintenanceLayer, Switch};
//! # use tower::{Layer, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let switch = Switch::new(false);
//! let app = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
//! let service = MaintenanceLayer::new(switch.clone()).layer(app);
//!
//! service.clone().oneshot(Request::new(())).await.unwrap();
//! switch.turn(true);
//! let failure = service.oneshot(Request::new(())).await.unwrap_err();
//! assert_eq!(failure.reason(), Reason::Maintenance);
//! # }
//! ```
//!
//! [`Reason::Maintenance`]: outrigger_gateway::Reason::Maintenance

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use outrigger_gateway::{Failure, Reason, retry_after::jittered};
use tower_layer::Layer;
use tower_service::Service;

use crate::{priority::Priority, random::random, refusal::OrRefused};

/// How long callers are asked to stay away, at least and in jitter on top: an order lasts minutes, not moments.
const AWAY: Duration = Duration::from_secs(5);
const SPREAD: Duration = Duration::from_secs(10);

/// Whether something is out of service. Clones are handles to the same switch.
#[derive(Clone, Debug, Default)]
pub struct Switch(Arc<AtomicBool>);

impl Switch {
    /// Out of service from the start, or not.
    pub fn new(on: bool) -> Self {
        Self(Arc::new(on.into()))
    }

    /// Takes it out of service, or back in; returns what it was.
    pub fn turn(&self, on: bool) -> bool {
        self.0.swap(on, Relaxed)
    }

    /// Whether it is out of service.
    pub fn is_on(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Wraps services with [`Maintenance`].
#[derive(Clone, Debug)]
pub struct MaintenanceLayer {
    switch: Switch,
    upstream: Option<Arc<str>>,
}

impl MaintenanceLayer {
    /// Refuses while `switch` is on.
    pub const fn new(switch: Switch) -> Self {
        Self {
            switch,
            upstream: None,
        }
    }

    /// Names what is out of service, for the operator's sentence.
    #[must_use]
    pub fn of_upstream(mut self, name: Arc<str>) -> Self {
        self.upstream = Some(name);
        self
    }

    /// The switch, to be turned.
    pub const fn switch(&self) -> &Switch {
        &self.switch
    }
}

impl<S> Layer<S> for MaintenanceLayer {
    type Service = Maintenance<S>;

    fn layer(&self, inner: S) -> Maintenance<S> {
        Maintenance {
            inner,
            switch: self.switch.clone(),
            upstream: self.upstream.clone(),
        }
    }
}

/// Refuses requests while its switch is on.
#[derive(Clone, Debug)]
pub struct Maintenance<S> {
    inner: S,
    switch: Switch,
    upstream: Option<Arc<str>>,
}

impl<S, A> Service<Request<A>> for Maintenance<S>
where
    S: Service<Request<A>>,
    S::Error: Into<Failure>,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = OrRefused<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        if self.switch.is_on() && !Priority::is_exempt(request.extensions()) {
            return OrRefused::refused(self.refusal());
        }
        OrRefused::asked(self.inner.call(request))
    }
}

impl<S> Maintenance<S> {
    fn refusal(&self) -> Failure {
        Failure::new(Reason::Maintenance)
            .with_detail("out of service by order")
            .with_retry_after(jittered(AWAY, SPREAD, random()))
            .maybe_at_upstream(self.upstream.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};

    use super::*;
    use crate::testing::spawn;

    fn request() -> Request<()> {
        Request::new(())
    }

    #[tokio::test]
    async fn what_is_in_flight_is_not_touched() {
        let layer = MaintenanceLayer::new(Switch::new(false)).of_upstream("orders".into());
        let (mut service, mut handle) = spawn::<(), _>(layer.clone());
        handle.allow(2);
        assert_ready_ok!(service.poll_ready());
        let mut asked = task::spawn(service.call(request()));
        assert_pending!(asked.poll());
        assert!(!layer.switch().turn(true), "it was off");

        assert_ready_ok!(service.poll_ready());
        let mut refused = task::spawn(service.call(request()));
        let failure = assert_ready_err!(refused.poll());
        assert_eq!(failure.reason(), Reason::Maintenance);
        assert_eq!(failure.upstream().map(|name| &**name), Some("orders"));
        let away = failure.retry_after().unwrap();
        assert!((AWAY..AWAY + SPREAD).contains(&away), "{away:?}");

        let (_, respond) = handle.next_request().await.unwrap();
        respond.send_response(Response::new(()));
        assert_ready_ok!(asked.poll());
    }

    #[tokio::test]
    async fn readiness_passes_through() {
        let (mut service, mut handle) = spawn::<(), _>(MaintenanceLayer::new(Switch::new(true)));
        handle.allow(0);
        assert_pending!(service.poll_ready());
        handle.allow(1);
        assert_ready_ok!(service.poll_ready());
    }
}
