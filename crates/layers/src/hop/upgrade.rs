//! A request's wish to go on in another protocol on the same connection (RFC 9110 §7.8).
//!
//! `Upgrade` speaks to the next hop alone, so it leaves the fields like all that does; what is left of it is an
//! [`Upgrade`] in the request's extensions, for whoever sends the request on and can carry what follows.

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Version,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE},
};

use super::fields::elements;

/// The protocols that a request may be switched to, as it named them, the preferred one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade(HeaderValue);

impl Upgrade {
    /// To this protocol, as a token: what an extended CONNECT asks for (RFC 8441 §4). `None` if this hop does not
    /// carry it.
    pub fn to(protocol: &str) -> Option<Self> {
        HeaderName::from_bytes(protocol.as_bytes()).ok()?;
        let value = HeaderValue::from_str(protocol).ok()?;
        is_carried(protocol.as_bytes()).then_some(Self(value))
    }

    /// What a request over HTTP/1.1 asks for. One that has a body is not switched: it goes on without.
    pub(super) fn asked<A>(request: &Request<A>) -> Option<Self> {
        let headers = request.headers();
        let is_asked = request.version() == Version::HTTP_11
            && headers.contains_key(UPGRADE)
            && is_named(headers)
            && !has_body(headers);
        if !is_asked {
            return None;
        }
        let offered = headers.get_all(UPGRADE).iter().flat_map(elements);
        let carried: Vec<_> = offered.filter(|protocol| is_carried(protocol)).collect();
        if carried.is_empty() {
            return None;
        }
        HeaderValue::from_bytes(&carried.join(&b", "[..])).ok().map(Self)
    }

    /// The list, as the field `Upgrade` has it.
    pub fn protocols(&self) -> &HeaderValue {
        &self.0
    }

    /// The preferred protocol.
    pub fn preferred(&self) -> &str {
        let first = elements(&self.0).next().unwrap_or_default();
        std::str::from_utf8(first).unwrap_or_default()
    }

    /// Whether it was offered; names of protocols are compared without case.
    pub fn offers(&self, protocol: &[u8]) -> bool {
        elements(&self.0).any(|offered| offered.eq_ignore_ascii_case(protocol))
    }
}

/// A hop that took part in these would no longer see where requests begin and end: HTTP in another version hides
/// them, TLS all of them.
fn is_carried(protocol: &[u8]) -> bool {
    let name = protocol.split(|byte| *byte == b'/').next().unwrap_or_default();
    let spoken_by_hops = [&b"h2c"[..], b"h2", b"HTTP", b"TLS"];
    !name.is_empty()
        && !spoken_by_hops
            .iter()
            .any(|spoken| name.eq_ignore_ascii_case(spoken))
}

/// Without its name in `Connection` the field is not meant for this hop (RFC 9110 §7.8).
fn is_named(headers: &HeaderMap) -> bool {
    let mut named = headers.get_all(CONNECTION).iter().flat_map(elements);
    named.any(|name| name.eq_ignore_ascii_case(b"upgrade"))
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH);
    headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

/// Says of a response that switches protocols what connects it to the connection, in place of what was taken out.
pub(super) fn announce(headers: &mut HeaderMap, protocol: Option<HeaderValue>) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(protocol) = protocol {
        headers.insert(UPGRADE, protocol);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(&str, &str)]) -> Option<String> {
        let request = fields.iter().fold(Request::get("/"), |request, (name, value)| {
            request.header(*name, *value)
        });
        let asked = Upgrade::asked(&request.body(()).unwrap())?;
        Some(asked.protocols().to_str().unwrap().to_owned())
    }

    #[test]
    fn an_upgrade_is_asked_for_by_both_fields() {
        let websocket = asked(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
        assert_eq!(websocket.as_deref(), Some("websocket"));
        assert_eq!(asked(&[("upgrade", "websocket")]), None);
        assert_eq!(asked(&[("connection", "upgrade")]), None);
    }

    #[test]
    fn what_would_hide_requests_is_not_carried() {
        let upgrade = |protocols| asked(&[("connection", "upgrade"), ("upgrade", protocols)]);
        assert_eq!(upgrade("h2c"), None);
        assert_eq!(upgrade("HTTP/2.0, TLS/1.2"), None);
        assert_eq!(
            upgrade("H2C, foo/2 ,websocket").as_deref(),
            Some("foo/2, websocket")
        );
        assert_eq!(Upgrade::to("h2c"), None);
        assert_eq!(Upgrade::to("web socket"), None);
    }

    #[test]
    fn a_request_with_a_body_is_not_switched() {
        let with = |name, value| asked(&[("connection", "upgrade"), ("upgrade", "foo"), (name, value)]);
        assert_eq!(with("content-length", "5"), None);
        assert_eq!(with("transfer-encoding", "chunked"), None);
        assert_eq!(with("content-length", "0").as_deref(), Some("foo"));
    }

    #[test]
    fn http_1_0_knows_no_upgrade() {
        let request = Request::get("/").version(Version::HTTP_10);
        let request = request
            .header("connection", "upgrade")
            .header("upgrade", "websocket");
        assert_eq!(Upgrade::asked(&request.body(()).unwrap()), None);
    }

    #[test]
    fn a_protocol_is_offered_in_any_case() {
        let upgrade = Upgrade::to("websocket").unwrap();
        assert!(upgrade.offers(b"WebSocket") && !upgrade.offers(b"foo"));
        assert_eq!(upgrade.preferred(), "websocket");
    }
}
