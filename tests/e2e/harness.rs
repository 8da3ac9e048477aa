//! What the tests are made of: sidecars, well-behaved apps, clients, certificates.

mod app;
mod body;
pub(crate) mod bytes;
mod certificates;
mod client;
pub(crate) mod grpc;
mod log;
mod metrics;
pub(crate) mod pair;
mod raw;
mod relay;
mod reply;
mod setting;
mod sidecar;
mod usage;
mod wait;

pub(crate) use app::{App, Seen, echo, ok};
pub(crate) use body::{Body, Sender, channel, empty, full};
pub(crate) use certificates::{Certificates, presenting};
pub(crate) use client::{Client, get, request};
pub(crate) use metrics::Metrics;
pub(crate) use pair::{Keys, Pair};
pub(crate) use raw::Raw;
pub(crate) use relay::Relay;
pub(crate) use reply::Reply;
pub(crate) use setting::setting;
pub(crate) use sidecar::{Sidecar, inbound_to, outbound_to, run_to_end};
pub(crate) use usage::{MIB, Usage};
pub(crate) use wait::{LONG, eventually, within};
