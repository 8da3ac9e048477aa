//! What may be sent again, when, and how often: decisions without sockets and without a clock of their own.
//!
//! Time is a [`Duration`](std::time::Duration) since an epoch that the caller chooses once for all that share a state;
//! randomness comes in as a number. So a simulation with virtual time runs the same code as a proxy.
//!
//! | module | decides |
//! |---|---|
//! | [`budget`] | whether there is a repeat to spend, of those that successes have earned |
//! | [`backoff`] | how long to wait before the next attempt |
//! | [`policy`] | whether this outcome of this request may be followed by another attempt at all |
//!
//! [`RetryLayer`] makes the attempts they allow: from `call` to the response's head, above what bounds one attempt
//! ([`timeout`](crate::timeout)) and below what bounds the request ([`deadline`](crate::deadline)). The body is kept as it
//! passes, up to a number of bytes; a larger one passes once. A repeat carries `x-envoy-attempt-count` and, for gRPC,
//! `grpc-previous-rpc-attempts`. With a [`Hedge`](crate::hedge::Hedge), one that is idempotent and late to be answered is asked
//! a second time beside the first; the first success counts, and the other attempt is dropped at once. If all is in vain the result of the last attempt is given, with what was tried: in the
//! [`Failure`](outrigger_gateway::Failure)'s sentence, or as [`Tried`] in the response's extensions. `poll_ready` passes
//! through; a repeat that finds the service below not ready gives up. Not covered: bodies that break later on.
//!
//! ```
//! # use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
//! # use bytes::Bytes;
//! # use http::{Request, Response};
//! # use http_body_util::Empty;
//! # use outrigger_gateway::{Failure, Reason};
//! # use outrigger_layers::retry::{self, Replay, RetryLayer, budget::Budget, policy::{Policy, Retries}};
//! # use tower::{Layer, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! type Body = Empty<Bytes>;
//! let upstream = service_fn(async |request: Request<Replay<Body>>| match request.uri().path() {
//!     "/" => Ok(Response::new(Body::new())),
//!     _ => Err(Failure::new(Reason::ConnectionRefused)),
//! });
//! let retries = Retries::new(Policy::default(), Budget::try_new(0.5).unwrap());
//! let layer = RetryLayer::new(retry::Config::new(retries));
//! let ask = async |path| layer.layer(upstream).oneshot(Request::get(path).body(Body::new()).unwrap()).await;
//!
//! ask("/").await.unwrap();
//! ask("/").await.unwrap();
//! ask("/down").await.unwrap_err();
//! assert_eq!(layer.tally().repeated(), 1); // two successes have paid for one repeat
//! # }
//! ```

pub mod backoff;
pub mod budget;
mod hedged;
mod layer;
pub mod policy;
mod replay;
mod rest;
mod tally;
mod tried;

pub use self::{
    layer::{Config, ResponseFuture, Retry, RetryLayer},
    replay::Replay,
    tally::Tally,
    tried::Tried,
};
