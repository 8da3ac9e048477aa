//! The two directions: inbound, others reaching the app; outbound, the app reaching others.

use std::net::{Ipv4Addr, SocketAddr};

use outrigger_identity::SpiffePattern;
use serde::Serialize;

use super::{
    Name, Retry, Route, TlsMode, Upstream,
    claim::Claim,
    section::Section,
    text::{list, or_none},
    upstream::{UpstreamDefaults, spiffe},
    value::{self, address},
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
        let mut app = section.section("app");
        if !app.is_present() {
            section.missing("app");
            return None;
        }
        let read = Upstream::read(&mut app, app_defaults(index))?;
        app.claim("name", Claim::App(read.name.clone()));
        Some(Self {
            listen,
            tls,
            allow,
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
    /// Where to listen.
    pub listen: SocketAddr,
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
        let sections = section.sections("upstream");
        if sections.is_empty() {
            section.missing("upstream");
        }
        let upstreams = sections.into_iter().filter_map(Destination::read).collect();
        Some(Self { listen, upstreams })
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
    /// A listener of its own.
    #[serde(serialize_with = "or_none")]
    pub listen: Option<SocketAddr>,
}

impl Destination {
    fn read(mut section: Section<'_>) -> Option<Self> {
        let route = Route::read(&mut section);
        section.claim_route(&route);
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
        Some(Self {
            route,
            listen,
            upstream,
        })
    }
}
