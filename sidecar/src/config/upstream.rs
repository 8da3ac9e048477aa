//! One upstream: a service we send requests to, be it the app beside us or one far away.

use serde::Serialize;

use super::{
    Balance, Breaker, Endpoint, Health, Limit, Name, Retry, ServerName, SpiffePattern, Timeout,
    text::{list, or_none},
    word::words,
};

/// A service we send requests to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Upstream {
    /// What metrics, logs and answers call it; no other upstream of the same direction has it.
    pub name: Name,
    /// Where it is; at least one, none twice.
    #[serde(serialize_with = "list")]
    pub endpoints: Vec<Endpoint>,
    /// What it speaks.
    pub protocol: Protocol,
    /// Whether it is out of service by order.
    pub maintenance: bool,
    /// How the connection to it is secured.
    pub tls: UpstreamTls,
    /// How long things may take.
    pub timeout: Timeout,
    /// Repeating what is safe to repeat.
    pub retry: Retry,
    /// How much it is given at once.
    pub limit: Limit,
    /// When an endpoint is held back after failures.
    pub breaker: Breaker,
    /// Probing its endpoints; `None` = they are judged by real traffic alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// How requests are spread over its endpoints.
    pub balance: Balance,
}

words! {
    /// What an upstream speaks.
    Protocol {
        /// What ALPN agrees on over TLS; HTTP/1.1 or, for HTTP/2 requests, h2c without it.
        Auto = "auto",
        /// HTTP/1.1.
        Http1 = "http1",
        /// HTTP/2; without TLS by prior knowledge (h2c).
        Http2 = "http2",
    }
}

words! {
    /// How a connection is secured.
    TlsMode {
        /// Both sides show a certificate.
        Mutual = "mutual",
        /// Only the server shows one.
        Server = "server",
        /// Plaintext.
        Off = "off",
    }
}

/// How the connection to an upstream is secured. Names are given only where the mode is not `off`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UpstreamTls {
    /// Who shows a certificate.
    pub mode: TlsMode,
    /// The name its certificate must carry; `None` = the host of the endpoint connected to, unless `spiffe` says
    /// who it must be.
    #[serde(serialize_with = "or_none")]
    pub server_name: Option<ServerName>,
    /// SPIFFE IDs, one of which its certificate must carry; none = any.
    #[serde(serialize_with = "list")]
    pub spiffe: Vec<SpiffePattern>,
}
