//! Who is at the other end of the connection, and what the next hop is told of them.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};

use super::fields::{Kinds, remove};

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// What a server knows of a connection's client; it goes into each request's extensions as an `Arc<Client>`.
///
/// Made once a connection, so that its requests need not format anything. A request without one comes from a
/// client that is unknown and not trusted.
#[derive(Clone, Debug)]
pub struct Client {
    addr: Option<SocketAddr>,
    trusted: bool,
    identity: Option<Arc<str>>,
    xfcc: Option<HeaderValue>,
    forwarded: HeaderValue,
    forwarded_for: Option<HeaderValue>,
    proto: HeaderValue,
}

impl Client {
    /// A client at this address, not trusted, who came by TLS or not.
    pub fn new(addr: Option<SocketAddr>, tls: bool) -> Self {
        let proto = if tls { "https" } else { "http" };
        let ip = addr.map(|addr| addr.ip().to_canonical());
        let node = match ip {
            Some(IpAddr::V4(ip)) => ip.to_string(),
            // RFC 7239 §6: brackets around IPv6, quotes around anything with a colon.
            Some(IpAddr::V6(ip)) => format!("\"[{ip}]\""),
            None => "unknown".to_owned(),
        };
        Self {
            addr,
            trusted: false,
            identity: None,
            xfcc: None,
            forwarded: visible(&format!("for={node};proto={proto}")),
            forwarded_for: ip.map(|ip| visible(&ip.to_string())),
            proto: HeaderValue::from_static(proto),
        }
    }

    /// A trusted client's word on earlier hops is kept.
    #[must_use]
    pub fn with_trust(mut self, trusted: bool) -> Self {
        self.trusted = trusted;
        self
    }

    /// Who it is, by its verified certificate: a SPIFFE ID, or another name.
    #[must_use]
    pub fn with_identity(mut self, identity: Arc<str>) -> Self {
        self.identity = Some(identity);
        self
    }

    /// What the next hop is told of the client's certificate, as `X-Forwarded-Client-Cert`.
    #[must_use]
    pub fn with_certificate(mut self, xfcc: HeaderValue) -> Self {
        self.xfcc = Some(xfcc);
        self
    }

    /// Where it connects from.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.addr
    }

    /// Whether its word on earlier hops is kept.
    pub fn trusted(&self) -> bool {
        self.trusted
    }

    /// Whether it has shown a certificate.
    pub fn is_peer(&self) -> bool {
        self.identity.is_some() || self.xfcc.is_some()
    }

    /// Who it is, by its verified certificate.
    pub fn identity(&self) -> Option<&Arc<str>> {
        self.identity.as_ref()
    }

    /// What the next hop is told of its certificate.
    pub fn certificate(&self) -> Option<&HeaderValue> {
        self.xfcc.as_ref()
    }

    /// Replaces what nobody but us may say, and adds the client to the hops; `host` is what it asked for.
    pub(super) fn introduce(&self, headers: &mut HeaderMap, found: Kinds, host: HeaderValue) {
        if found.has(Kinds::IDENTITY) {
            remove(headers, Kinds::IDENTITY);
        }
        if found.has(Kinds::OF_PEERS) && !self.is_peer() {
            remove(headers, Kinds::OF_PEERS);
        }
        if let Some(xfcc) = &self.xfcc {
            headers.insert(X_FORWARDED_CLIENT_CERT, xfcc.clone());
        }
        let host = Some(host).filter(|host| !host.is_empty());
        if found.has(Kinds::FORWARDED) {
            if self.trusted {
                return self.join_hops(headers, host);
            }
            remove(headers, Kinds::FORWARDED);
        }
        self.begin_hops(headers, host);
    }

    /// Adds the client to the hops that it tells of.
    fn join_hops(&self, headers: &mut HeaderMap, host: Option<HeaderValue>) {
        headers.append(FORWARDED, self.forwarded.clone());
        if let Some(ip) = &self.forwarded_for {
            append_to_line(headers, X_FORWARDED_FOR, ip);
        }
        headers
            .entry(X_FORWARDED_PROTO)
            .or_insert_with(|| self.proto.clone());
        if let Some(host) = host {
            headers.entry(X_FORWARDED_HOST).or_insert(host);
        }
    }

    /// Makes the client the first hop; nothing of earlier ones is in the headers.
    fn begin_hops(&self, headers: &mut HeaderMap, host: Option<HeaderValue>) {
        headers.insert(FORWARDED, self.forwarded.clone());
        if let Some(ip) = &self.forwarded_for {
            headers.insert(X_FORWARDED_FOR, ip.clone());
        }
        headers.insert(X_FORWARDED_PROTO, self.proto.clone());
        if let Some(host) = host {
            headers.insert(X_FORWARDED_HOST, host);
        }
    }
}

impl Default for Client {
    /// Nobody we know.
    fn default() -> Self {
        Self::new(None, false)
    }
}

/// Keeps the list on one line: many readers of `X-Forwarded-For` look at one line only.
fn append_to_line(headers: &mut HeaderMap, name: HeaderName, last: &HeaderValue) {
    let line = join(headers.get_all(&name).iter().chain([last]), b", ");
    headers.insert(name, line.unwrap_or_else(|| last.clone()));
}

/// Several values in one, if there are several.
pub(super) fn join<'a>(
    mut values: impl Iterator<Item = &'a HeaderValue>,
    separator: &[u8],
) -> Option<HeaderValue> {
    let (first, second) = (values.next()?, values.next()?);
    let mut line = first.as_bytes().to_vec();
    let mut sensitive = first.is_sensitive();
    for value in std::iter::once(second).chain(values) {
        line.extend_from_slice(separator);
        line.extend_from_slice(value.as_bytes());
        sensitive |= value.is_sensitive();
    }
    let mut joined = HeaderValue::from_bytes(&line).expect("values stay one behind visible separators");
    joined.set_sensitive(sensitive);
    Some(joined)
}

fn visible(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("addresses and ports are visible ASCII")
}
