//! One upstream: a service we send requests to, be it the app beside us or one far away.

use std::net::IpAddr;

use outrigger_identity::{ServerName, SpiffePattern};
use serde::{Serialize, Serializer};
use toml::de::DeValue;

use super::{
    Balance, Breaker, Endpoint, Health, HostName, Limit, Name, Retry, Timeouts,
    policy::{self, WrittenBreaker, WrittenLimit, WrittenRetry, WrittenTimeouts},
    section::Section,
    text::{list, or_none},
    value::{self, Read, boolean, text, word},
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
    /// What becomes of the case of fields' names over HTTP/1.1.
    pub header_case: HeaderCase,
    /// Whether it is out of service by order.
    pub maintenance: bool,
    /// How the connection to it is secured.
    pub tls: UpstreamTls,
    /// How long things may take.
    #[serde(with = "WrittenTimeouts")]
    pub timeout: Timeouts,
    /// Repeating what is safe to repeat.
    #[serde(with = "WrittenRetry")]
    pub retry: Retry,
    /// How much it is given at once.
    #[serde(with = "WrittenLimit")]
    pub limit: Limit,
    /// When an endpoint is held back after failures.
    #[serde(with = "WrittenBreaker")]
    pub breaker: Breaker,
    /// Probing its endpoints; `None` = they are judged by real traffic alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// How requests are spread over its endpoints.
    pub balance: Balance,
}

/// What differs between the app beside us and a service far away.
#[derive(Debug)]
pub(super) struct UpstreamDefaults {
    /// Its name, if it has one without being named.
    pub(super) name: Option<Name>,
    pub(super) tls: TlsMode,
    pub(super) retry: Retry,
}

impl Upstream {
    pub(super) fn read(section: &mut Section<'_>, mut default: UpstreamDefaults) -> Option<Self> {
        let name = match default.name {
            Some(name) => Some(section.or("name", name, value::name)),
            None => section.required("name", value::name),
        };
        let endpoints = endpoints(section);
        let protocol = section.or("protocol", Protocol::Auto, word);
        let header_case = section.or("header_case", HeaderCase::Lower, word);
        if protocol == Protocol::Tcp {
            default.retry = Retry::never();
        }
        let maintenance = section.or("maintenance", false, boolean);
        let tls = UpstreamTls::read(section.section("tls"), default.tls);
        let timeout = policy::timeouts(section.section("timeout"));
        let retry = policy::retry(section.section("retry"), &default.retry);
        let total = timeout.total.filter(|_| protocol != Protocol::Tcp);
        let limit = policy::limit(section.section("limit"), total);
        policy::check_queue(section, &limit, total);
        let breaker = policy::breaker(section.section("breaker"));
        let health = Health::read(section.section("health"));
        let balance = Balance::read(section.section("balance"));
        let upstream = Self {
            name: name?,
            endpoints,
            protocol,
            header_case,
            maintenance,
            tls,
            timeout,
            retry,
            limit,
            breaker,
            health,
            balance,
        };
        if protocol == Protocol::Tcp {
            section.check_tcp(&upstream);
        }
        Some(upstream)
    }
}

/// At least one endpoint, none twice.
fn endpoints(section: &mut Section<'_>) -> Vec<Endpoint> {
    let endpoints = section.list("endpoints", |value| Endpoint::parse(text(value)?));
    if !section.has("endpoints") {
        section.missing("endpoints");
    } else if section.is_empty_list("endpoints") {
        section.fail("endpoints", "is empty; an upstream has at least one");
    }
    let repeated = endpoints
        .iter()
        .enumerate()
        .find(|(index, endpoint)| endpoints[..*index].contains(endpoint));
    if let Some((_, endpoint)) = repeated {
        section.fail("endpoints", format!("`{endpoint}` is there twice"));
    }
    endpoints
}

words! {
    /// What an upstream speaks.
    Protocol {
        /// What ALPN agrees on over TLS; without it HTTP/1.1, and h2c for gRPC.
        Auto = "auto",
        /// HTTP/1.1.
        Http1 = "http1",
        /// HTTP/2; without TLS by prior knowledge (h2c).
        Http2 = "http2",
        /// Whatever it is: bytes are carried as they are.
        Tcp = "tcp",
    }
}

words! {
    /// What becomes of the case of fields' names, which HTTP takes for the same.
    HeaderCase {
        /// They go on in lower case, as HTTP/2 has them.
        Lower = "lower",
        /// They go on as they came, where HTTP/1.1 is spoken on both sides.
        Kept = "kept",
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
    #[serde(serialize_with = "server_name_or_none")]
    pub server_name: Option<ServerName<'static>>,
    /// SPIFFE IDs, one of which its certificate must carry; none = any.
    #[serde(serialize_with = "list")]
    pub spiffe: Vec<SpiffePattern>,
}

impl UpstreamTls {
    fn read(mut section: Section<'_>, default: TlsMode) -> Self {
        let tls = Self {
            mode: TlsMode::read(&mut section, "mode", default),
            server_name: section.or("server_name", None, value::or_none(server_name)),
            spiffe: section.list("spiffe", spiffe),
        };
        let checked = [
            ("server_name", tls.server_name.is_some()),
            ("spiffe", !tls.spiffe.is_empty()),
        ];
        for (key, _) in checked
            .into_iter()
            .filter(|(_, is_set)| *is_set && tls.mode == TlsMode::Off)
        {
            section.clash(key, "is checked over TLS only, and `mode` is \"off\"");
        }
        tls
    }
}

impl TlsMode {
    /// Reads the key; what needs an identity is wrong without one.
    pub(super) fn read(section: &mut Section<'_>, key: &'static str, default: Self) -> Self {
        let mode = section.or(key, default, word);
        if mode != Self::Off && !section.reading.has_identity {
            section.clash(key, format!("\"{}\" needs [identity]", mode.word()));
        }
        mode
    }

    /// The default between services: as safe as the identity allows.
    pub(super) const fn strictest(has_identity: bool) -> Self {
        if has_identity { Self::Mutual } else { Self::Off }
    }
}

fn server_name(value: &DeValue<'_>) -> Read<ServerName<'static>> {
    let text = text(value)?;
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.into()),
        Err(_) => HostName::new(text)
            .map(|name| name.to_server_name())
            .ok_or_else(|| format!("\"{text}\" is neither a DNS name nor an IP address")),
    }
}

fn server_name_or_none<S: Serializer>(name: &Option<ServerName<'static>>, to: S) -> Result<S::Ok, S::Error> {
    or_none(&name.as_ref().map(ServerName::to_str), to)
}

/// A SPIFFE ID or a pattern of them.
pub(super) fn spiffe(value: &DeValue<'_>) -> Read<SpiffePattern> {
    let text = text(value)?;
    text.parse().map_err(|error| format!("\"{text}\": {error}"))
}
