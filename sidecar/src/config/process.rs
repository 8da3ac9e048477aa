//! What concerns the process as a whole: limits for clients, DNS, operator listeners, drain, logs.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use serde::Serialize;

use super::{
    section::Section,
    text::{duration, list, or_none},
    value::{self, address, at_least_one, positive, whole, word},
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

impl Default for Limits {
    fn default() -> Self {
        const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(10_000).expect("10000 is not zero");
        const FIELDS: NonZeroU32 = NonZeroU32::new(100).expect("100 is not zero");
        const STREAMS: NonZeroU32 = NonZeroU32::new(200).expect("200 is not zero");
        Self {
            connections: CONNECTIONS,
            header_bytes: 65_536,
            header_fields: FIELDS,
            target_bytes: 16_384,
            header_time: Duration::from_secs(10),
            handshake_time: Duration::from_secs(5),
            idle_time: Duration::from_secs(300),
            streams: STREAMS,
        }
    }
}

impl Limits {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        Self {
            connections: section.or("connections", default.connections, at_least_one),
            header_bytes: section.or("header_bytes", default.header_bytes, whole(8_192..=16_777_216)),
            header_fields: section.or("header_fields", default.header_fields, whole(1..=4_096)),
            target_bytes: section.or("target_bytes", default.target_bytes, whole(256..=65_534)),
            header_time: section.or("header_time", default.header_time, positive),
            handshake_time: section.or("handshake_time", default.handshake_time, positive),
            idle_time: section.or("idle_time", default.idle_time, positive),
            streams: section.or("streams", default.streams, at_least_one),
        }
    }
}

/// Who resolves names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dns {
    /// Resolvers to ask; none = those of resolv.conf.
    #[serde(serialize_with = "list")]
    pub servers: Vec<SocketAddr>,
}

impl Dns {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        Self {
            servers: section.list("servers", address),
        }
    }
}

/// The listener for people and tools on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Admin {
    /// Where to listen.
    pub listen: SocketAddr,
}

impl Admin {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 15_000));
        Self {
            listen: section.listen(default, address),
        }
    }
}

/// The read-only listener for kubelet and Prometheus: `/livez`, `/readyz`, `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Where to listen; `None` = not at all.
    #[serde(serialize_with = "or_none")]
    pub listen: Option<SocketAddr>,
}

impl Probe {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 15_020));
        Self {
            listen: section.listen(Some(default), value::or_none(address)),
        }
    }
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

impl Default for Drain {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(5),
            grace: Duration::from_secs(25),
        }
    }
}

impl Drain {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let drain = Self {
            delay: section.or("delay", default.delay, value::duration),
            grace: section.or("grace", default.grace, value::duration),
        };
        section.ordered(("delay", drain.delay), ("grace", drain.grace));
        drain
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Which exchanges get a line.
    pub access: AccessLog,
}

impl Log {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        Self {
            format: section.or("format", LogFormat::Json, word),
            access: section.or("access", AccessLog::Failures, word),
        }
    }
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
