//! The configuration: one TOML file, every key with a default.

mod direction;
mod duration;
mod endpoint;
mod identity;
mod name;
mod policy;
mod process;
mod route;
mod spiffe;
mod text;
mod upstream;
mod word;

use std::num::NonZeroUsize;

use serde::Serialize;

pub use self::{
    direction::{Destination, Inbound, Outbound},
    endpoint::Endpoint,
    identity::{Identity, IdentitySource},
    name::{HostName, Name, ServerName},
    policy::{Balance, BalancePolicy, Breaker, Health, Limit, Rate, RateUnit, Retry, Timeout},
    process::{AccessLog, Admin, Dns, Drain, Limits, Log, LogFormat, Probe},
    route::{HostPattern, PathPrefix, Route, normalize_host},
    spiffe::SpiffePattern,
    text::Fraction,
    upstream::{Protocol, TlsMode, Upstream, UpstreamTls},
};
use self::word::words;

/// A whole configuration, checked: what has this type can be run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// This deployment, as `Via` and `Proxy-Status` call it.
    pub name: Name,
    /// Worker threads.
    pub workers: Workers,
    /// Who may read sentences in error responses.
    pub details: Details,
    /// Who we are; `None` = plaintext only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Listeners for other services. Without any, `outbound` is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inbound: Vec<Inbound>,
    /// The listener for the app. Without it, `inbound` has one at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound: Option<Outbound>,
    /// What a client may ask of us.
    pub limits: Limits,
    /// Who resolves names.
    pub dns: Dns,
    /// The listener for people and tools on this host.
    pub admin: Admin,
    /// The read-only listener for kubelet and Prometheus.
    pub probe: Probe,
    /// The way out.
    pub drain: Drain,
    /// What is logged.
    pub log: Log,
}

/// How many worker threads run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Workers {
    /// As many as there are cores, 4 at most.
    Auto,
    /// So many, 1024 at most.
    #[serde(untagged)]
    Count(NonZeroUsize),
}

words! {
    /// Who may read sentences in error responses; status and token are for everybody.
    Details {
        /// mTLS peers and callers on loopback.
        Auto = "auto",
        /// Every caller.
        Always = "always",
        /// Nobody; they are in the log.
        Never = "never",
    }
}
