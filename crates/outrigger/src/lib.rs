//! Composable tower layers for services that fail clearly.
//!
//! 502: I asked, got nothing usable. 503: I asked, was told no. 504: I asked, gave up waiting.
//!
//! Each layer bounds one thing and fails with a [`Failure`] that carries a [`Reason`]; [`respond`] turns that into
//! an answer in the caller's language, and has no error of its own, so that axum takes it bare. [`stack`] puts them in
//! their order:
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, routing::get};
//! use outrigger::stack::{Config, Limit, ServerLayer, Timeouts};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stack = ServerLayer::standard(&Config {
//!     timeout: Timeouts { total: Some(Duration::from_secs(10)), ..Timeouts::default() }, // 504, waiting included
//!     limit: Limit { in_flight: 512, ..Limit::default() }, // who waits in vain: 503 + Retry-After
//!     ..Config::default()
//! })?;
//! let app: Router = Router::new().route("/", get(async || "hello")).layer(stack);
//! # drop(app);
//! # Ok(())
//! # }
//! ```
//!
//! and each can be had by itself:
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, routing::get};
//! use outrigger::{
//!     deadline::DeadlineLayer,
//!     limit::{LimitLayer, adaptive::AdaptiveLayer},
//!     respond::RespondLayer,
//!     shed::ShedLayer,
//! };
//! use tower::ServiceBuilder;
//!
//! let app: Router = Router::new().route("/", get(async || "hello")).layer(
//!     ServiceBuilder::new()
//!         .layer(RespondLayer::origin()) // below, failures are values; above, responses
//!         .layer(DeadlineLayer::new(Some(Duration::from_secs(10)))) // 504, waiting included
//!         .layer(ShedLayer::new(128, Duration::from_millis(250))) // 503 + Retry-After for who waits in vain
//!         .layer(LimitLayer::new(512)) // in flight at once, to the end of the response's body
//!         .layer(AdaptiveLayer::server()), // 503 for who would only make a standing queue longer
//! );
//! ```
//!
//! `Router::layer` wraps every route on its own; a limit and a queue are shared by all that one layer wraps, so the
//! figures hold for the app as a whole. Any `tower::Service` that fails with a [`Failure`] is answered like our own
//! layers; [`classify`] makes one of any other error.
//!
//! | module | bounds or decides | fails with |
//! |---|---|---|
//! | [`stack`] | all of it in the right order, from one configuration | |
//! | [`respond`] | how a failure is told: HTTP, `Proxy-Status`, gRPC | nothing |
//! | [`deadline`] | the whole request, waiting and body included; `grpc-timeout`, `x-request-timeout-ms` | 504 |
//! | [`timeout`] | one attempt, to the response head | 504 |
//! | [`shed`] | how many wait, for how long, and who goes first | 503 + `Retry-After` |
//! | [`priority`] | what matters more where not all can be served | nothing |
//! | [`limit`] | how many are in flight, to the end of the body | nothing: it waits |
//! | [`limit::adaptive`] | how many are asked of who cannot keep up; nothing while all is well | 503 + `Retry-After` |
//! | [`retry`] | what is sent again, within a budget that successes fund | what the last attempt failed with |
//! | [`hedge`] | when `retry` asks a second time beside a first attempt that is late | the same |
//! | [`throttle`] | what is not even sent, by what was accepted lately | 503 |
//! | [`breaker`] | whether a service that fails is asked at all | 502, 503 or 504, as it failed |
//! | [`rate`] | how many begin in a span of time, of all or of each caller | 503 or 429 + `Retry-After` |
//! | [`maintenance`] | nothing, until it is ordered | 503 + `Retry-After` |
//! | [`classify`] | nothing: it makes failures of the errors of others | the same |
//! | [`hop`] | what an intermediary must take out and put in: `Via`, `Forwarded`, hop-by-hop fields | 400, 502 |
//! | [`observe`] | metrics, access log, trace context | nothing |
//!
//! [`gateway`] has the vocabulary and the one table behind it; [`exchange`] is what the layers of one request share.
//!
//! A feature each picks layers; `default` is all of them and [`stack`]. Others add what is dearer to build:
//!
//! | feature | adds |
//! |---|---|
//! | `client` | `client`: what errors of hyper-util's `Client` mean; with `identity`, its connector over mutual TLS |
//! | `tonic` | `tonic`: the stack around a `Channel`, and what tonic's errors mean |
//! | `identity` | `identity`: mutual TLS from PEM files, SPIFFE IDs, expiry |
//! | `upstream` | `upstream`: endpoints, connections, pools |

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "tonic")]
pub mod tonic;

pub use outrigger_gateway::{self as gateway, Failure, Reason};
#[cfg(feature = "identity")]
pub use outrigger_identity as identity;
#[cfg(feature = "breaker")]
pub use outrigger_layers::breaker;
#[cfg(feature = "classify")]
pub use outrigger_layers::classify;
#[cfg(feature = "deadline")]
pub use outrigger_layers::deadline;
#[cfg(feature = "hedge")]
pub use outrigger_layers::hedge;
#[cfg(feature = "hop")]
pub use outrigger_layers::hop;
#[cfg(feature = "limit")]
pub use outrigger_layers::limit;
#[cfg(feature = "maintenance")]
pub use outrigger_layers::maintenance;
#[cfg(feature = "observe")]
pub use outrigger_layers::observe;
#[cfg(feature = "priority")]
pub use outrigger_layers::priority;
#[cfg(feature = "rate")]
pub use outrigger_layers::rate;
#[cfg(feature = "respond")]
pub use outrigger_layers::respond;
#[cfg(feature = "retry")]
pub use outrigger_layers::retry;
#[cfg(feature = "shed")]
pub use outrigger_layers::shed;
#[cfg(feature = "stack")]
pub use outrigger_layers::stack;
#[cfg(feature = "throttle")]
pub use outrigger_layers::throttle;
#[cfg(feature = "timeout")]
pub use outrigger_layers::timeout;
pub use outrigger_layers::{exchange, trace};
#[cfg(feature = "upstream")]
pub use outrigger_upstream as upstream;

/// The code that the project's README shows must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
