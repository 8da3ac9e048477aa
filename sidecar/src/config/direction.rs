//! The two directions: inbound, others reaching the app; outbound, the app reaching others.

use std::net::SocketAddr;

use serde::Serialize;

use super::{
    Route, SpiffePattern, TlsMode, Upstream,
    text::{list, or_none},
};

/// A listener for other services; what arrives goes to the app.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inbound {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How connections to us are secured.
    pub tls: TlsMode,
    /// SPIFFE IDs that may call; none = anyone with a certificate from the bundle. Only with `mutual`.
    #[serde(serialize_with = "list")]
    pub allow: Vec<SpiffePattern>,
    /// The app.
    pub app: Upstream,
}

/// A listener for the app; what arrives goes to the upstream it is for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outbound {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where requests can go; at least one.
    #[serde(rename = "upstream")]
    pub upstreams: Vec<Destination>,
}

/// An upstream and the requests that go to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Destination {
    /// Which requests.
    #[serde(flatten)]
    pub route: Route,
    /// A listener of its own.
    #[serde(serialize_with = "or_none")]
    pub listen: Option<SocketAddr>,
    /// Where they go.
    #[serde(flatten)]
    pub upstream: Upstream,
}
