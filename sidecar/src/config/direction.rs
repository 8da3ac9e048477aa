//! The two directions: inbound, others reaching the app; outbound, the app reaching others.

use std::net::{Ipv4Addr, SocketAddr};

use outrigger_identity::SpiffePattern;
use serde::Serialize;

use super::{
    Endpoint, Name, Protocol, Retry, Route, TlsMode, Upstream,
    claim::Claim,
    section::Section,
    text::{list, or_none},
    upstream::{UpstreamDefaults, spiffe},
    value::{self, address, word},
    word::words,
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
    /// Whether each connection begins with a PROXY header.
    pub proxy_protocol: ProxyProtocol,
    /// The app.
    pub app: Upstream,
}

impl Inbound {
    /// Reads the listener of this index.
    pub(super) fn read(mut section: Section<'_>, index: usize) -> Option<Self> {
        let listen = section.listen(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 15_006)), address);
        let default = TlsMode::strictest(section.reading.has_identity);
        let tls = TlsMode::read(&mut section, "tls", default);
        let allow = section.list("allow", spiffe);
        if tls != TlsMode::Mutual && !allow.is_empty() {
            section.clash("allow", "is checked with tls = \"mutual\" only");
        }
        let proxy_protocol = section.or("proxy_protocol", ProxyProtocol::Off, word);
        let mut app = section.section("app");
        if !app.is_present() {
            section.missing("app");
            return None;
        }
        let read = Upstream::read(&mut app, app_defaults(index))?;
        check_circle(&app, listen, &read.endpoints);
        app.claim("name", Claim::App(read.name.clone()));
        Some(Self {
            listen,
            tls,
            allow,
            proxy_protocol,
            app: read,
        })
    }
}

/// The app is beside us: in plaintext, and others do the repeating.
fn app_defaults(index: usize) -> UpstreamDefaults {
    let name = if index == 0 {
        "app".to_owned()
    } else {
        format!("app-{}", index + 1)
    };
    UpstreamDefaults {
        name: Name::new(&name),
        tls: TlsMode::Off,
        retry: Retry::never(),
    }
}

/// A listener for the app; what arrives goes to the upstream it is for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outbound {
    /// Where to listen for requests to every upstream that is not reached through a listener of its own alone.
    pub listen: SocketAddr,
    /// Whether each connection begins with a PROXY header, those to listeners of upstreams' own included.
    pub proxy_protocol: ProxyProtocol,
    /// Where requests can go; at least one.
    #[serde(rename = "upstream")]
    pub upstreams: Vec<Destination>,
}

impl Outbound {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let listen = section.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 15_001)), address);
        let proxy_protocol = section.or("proxy_protocol", ProxyProtocol::Off, word);
        let sections = section.sections("upstream");
        if sections.is_empty() {
            section.missing("upstream");
        }
        let upstreams = sections.into_iter().filter_map(Destination::read).collect();
        Some(Self {
            listen,
            proxy_protocol,
            upstreams,
        })
    }
}

words! {
    /// Whether each connection to a listener begins with a PROXY header. There is no third way: where one may be
    /// left out, any client can say that it is another.
    ProxyProtocol {
        /// It begins with what the client says.
        Off = "off",
        /// It does, in version 1 or 2, or it is closed.
        Required = "required",
    }
}

/// An upstream and the requests that go to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Destination {
    /// Where they go.
    #[serde(flatten)]
    pub upstream: Upstream,
    /// Which requests.
    #[serde(flatten)]
    pub route: Route,
    /// A listener of its own: what arrives there goes to this upstream, whatever it is for.
    #[serde(serialize_with = "or_none")]
    pub listen: Option<SocketAddr>,
}

impl Destination {
    /// Whether requests that arrive at the listener for all may go there.
    ///
    /// One that has a listener of its own and says nothing of hosts and paths does not mean every request.
    pub fn is_routed(&self) -> bool {
        let says = !self.route.hosts.is_empty() || !self.route.paths.is_empty();
        self.upstream.protocol != Protocol::Tcp && (says || self.listen.is_none())
    }

    fn read(mut section: Section<'_>) -> Option<Self> {
        let route = Route::read(&mut section);
        let listen = section.listen(None, value::or_none(address));
        let tls = TlsMode::strictest(section.reading.has_identity);
        let upstream = Upstream::read(
            &mut section,
            UpstreamDefaults {
                name: None,
                tls,
                retry: Retry::default(),
            },
        )?;
        section.claim("name", Claim::Upstream(upstream.name.clone()));
        let destination = Self {
            route,
            listen,
            upstream,
        };
        destination.check(&section);
        Some(destination)
    }

    fn check(&self, section: &Section<'_>) {
        let Self {
            route,
            listen,
            upstream,
        } = self;
        if upstream.protocol == Protocol::Tcp {
            section.check_tcp_route(!route.hosts.is_empty(), !route.paths.is_empty(), listen.is_some());
        }
        if self.is_routed() {
            section.claim_route(route);
        }
        if let Some(listen) = listen {
            check_circle(section, *listen, &upstream.endpoints);
        }
    }
}

/// Notes if what arrives at the listener would be sent to it again.
fn check_circle(section: &Section<'_>, listen: SocketAddr, endpoints: &[Endpoint]) {
    let is_listener = |endpoint: &&Endpoint| match endpoint {
        Endpoint::Address(address) => {
            let same_ip =
                address.ip() == listen.ip() || listen.ip().is_unspecified() && address.ip().is_loopback();
            address.port() == listen.port() && same_ip
        }
        Endpoint::Dns { .. } => false,
    };
    if let Some(endpoint) = endpoints.iter().find(is_listener) {
        section.clash(
            "endpoints",
            format!("`{endpoint}` is where this upstream is listened for: it would go round in circles"),
        );
    }
}
