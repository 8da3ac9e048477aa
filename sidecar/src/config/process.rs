//! What concerns the process as a whole: limits for clients, DNS, operator listeners, drain, logs.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use serde::Serialize;

use super::{
    text::{duration, list, or_none},
    word::words,
};

/// What a client may ask of us; the same for every listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Connections at once, per listener.
    pub connections: NonZeroUsize,
    /// The header section of a request; 431 beyond. At least 8192.
    pub header_bytes: u32,
    /// Fields of a request's header section; 431 beyond. 1 to 4096.
    pub header_fields: NonZeroU32,
    /// The target of a request; 414 beyond. 256 to 65534.
    pub target_bytes: u32,
    /// From the first byte of a request to the end of its head; closed then.
    #[serde(serialize_with = "duration")]
    pub header_time: Duration,
    /// From accepting a connection to the end of its TLS handshake; closed then.
    #[serde(serialize_with = "duration")]
    pub handshake_time: Duration,
    /// How long a connection may stay open without a request.
    #[serde(serialize_with = "duration")]
    pub idle_time: Duration,
    /// HTTP/2 streams at once on one connection.
    pub streams: NonZeroU32,
}

/// Who resolves names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dns {
    /// Resolvers to ask; none = those of resolv.conf.
    #[serde(serialize_with = "list")]
    pub servers: Vec<SocketAddr>,
}

/// The listener for people and tools on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Admin {
    /// Where to listen.
    pub listen: SocketAddr,
}

/// The read-only listener for kubelet and Prometheus: `/livez`, `/readyz`, `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Where to listen; `None` = not at all.
    #[serde(serialize_with = "or_none")]
    pub listen: Option<SocketAddr>,
}

/// The way out, from SIGTERM on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drain {
    /// How long readiness says no while traffic is still served.
    #[serde(serialize_with = "duration")]
    pub delay: Duration,
    /// When everything ends, `delay` included; never below it.
    #[serde(serialize_with = "duration")]
    pub grace: Duration,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Which exchanges get a line.
    pub access: AccessLog,
}

words! {
    /// How a log line looks.
    LogFormat {
        /// One JSON object.
        Json = "json",
        /// Text for people.
        Text = "text",
    }
}

words! {
    /// Which exchanges get a line.
    AccessLog {
        /// Every one.
        All = "all",
        /// Those that failed.
        Failures = "failures",
        /// None.
        Off = "off",
    }
}
