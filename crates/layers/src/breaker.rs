//! Stops asking a service that fails, and comes back to it gently: [`BreakerLayer`], and the [`Breaker`] as a handle.
//!
//! [`state`] decides when it opens, holds and closes again; here is what counts. A failure is an error whose reason is
//! trouble of the upstream (refused, reset, timed out, TLS, garbage), an answer of 502 or 504, or of 503 without
//! `Retry-After`; in gRPC a trailers-only `UNAVAILABLE` without pushback, or `DEADLINE_EXCEEDED` before the caller's deadline. What only sheds load (503 with `Retry-After`, pushback, our own overload) is no failure, any other answer
//! a success. Faults of callers, requests that are dropped, and deadlines of callers say nothing.
//!
//! `poll_ready` passes through. Requests that it holds back fail with the status class of what opened it and
//! `Retry-After`, and say what that was: 502 ([`Reason::NoEndpointUnusable`]) behind connections that are refused, 503
//! ([`Reason::NoEndpointRefusing`]) behind answers of 503 and by order, 504 ([`Reason::NoEndpointSilent`]) behind
//! timeouts. Those that the ramp holds back fail with [`Reason::Overload`]. [`retry`](crate::retry) repeats neither; put
//! this below it, so that every attempt counts. Not covered: bodies that break off behind a good head.
//!
//! ```
//! # use http::{Request, Response};
//! # use outrigger_gateway::{Failure, Reason};
//! # use outrigger_layers::breaker::{BreakerLayer, state::{Config, View}};
//! # use tower::{Layer, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let dead = service_fn(async |_: Request<()>| Err::<Response<()>, _>(Failure::new(Reason::ConnectionRefused)));
//! let layer = BreakerLayer::new(Config { failures: 3, ..Config::default() });
//! let service = layer.layer(dead);
//!
//! for _ in 0..3 {
//!     let failure = service.clone().oneshot(Request::new(())).await.unwrap_err();
//!     assert_eq!(failure.reason(), Reason::ConnectionRefused);
//! }
//! // Nobody is asked any more, and callers are still told 502.
//! let failure = service.oneshot(Request::new(())).await.unwrap_err();
//! assert_eq!(failure.reason(), Reason::NoEndpointUnusable);
//! assert!(matches!(layer.breaker().look(), View::Open { cause: Reason::ConnectionRefused, .. }));
//! # }
//! ```
//!
//! [`Reason::NoEndpointUnusable`]: outrigger_gateway::Reason::NoEndpointUnusable
//! [`Reason::NoEndpointRefusing`]: outrigger_gateway::Reason::NoEndpointRefusing
//! [`Reason::NoEndpointSilent`]: outrigger_gateway::Reason::NoEndpointSilent
//! [`Reason::Overload`]: outrigger_gateway::Reason::Overload

mod handle;
mod layer;
pub mod state;
mod verdict;

pub use self::{
    handle::{Breaker, Pass},
    layer::{BreakerLayer, Breaking, ResponseFuture},
};
