//! The mutual TLS sidecar assembled from Outrigger's layers.
//!
//! `stack.rs` is the product. [`Sidecar`] runs it in this process; the binary `outrigger` runs a [`Sidecar`].

mod admin;
mod admit;
mod checks;
pub mod cli;
pub mod config;
mod connector;
pub mod demo;
mod handshakes;
mod listener;
mod panics;
mod plan;
pub mod proxy_protocol;
mod ready;
mod route;
pub mod run;
mod server;
mod sidecar;
mod stack;
mod stream;
mod tcp;
pub mod telemetry;
mod worker;

pub use listener::BindError;
pub use outrigger_layers::observe::Direction;
pub use sidecar::{Sidecar, StartError};
