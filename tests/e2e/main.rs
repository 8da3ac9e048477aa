//! End to end: the real binary, real sockets, real certificates, one module a behaviour.
//!
//! [`harness`] starts sidecars and what stands around them. Every wait is for an event and bounded; ports are the
//! system's choice; each test has processes, folders and certificates of its own.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(missing_docs, reason = "nobody imports a test")]

mod harness;

mod adaptive;
mod admin;
mod answers;
mod authorization;
mod bodies;
mod breaker;
mod callers;
mod client_certificates;
mod config_errors;
mod corners;
mod drain;
mod grpc;
mod grpc_drain;
mod grpc_endings;
mod grpc_metadata;
mod grpc_streams;
mod headers;
mod healthy;
mod herd;
mod hops;
mod hostile_clients;
mod http1;
mod http2;
mod limits;
mod listeners;
mod orders;
mod overload;
mod proxy_protocol;
mod retry;
mod smuggling;
mod soak;
mod tcp;
mod timeouts;
mod tls_faults;
mod tls_offer;
mod upgrade;
mod upstream_faults;
