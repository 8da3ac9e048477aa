//! Which fields end at this hop, and taking them out.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, TE},
};

/// A set of kinds of fields. Names are compared with `_` taken for `-`, as CGI and its heirs do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    const NONE: Self = Self(0);
    /// Meant for this connection (RFC 9110 §7.6.1), or for this proxy (§11.7.1).
    pub(super) const HOP_BY_HOP: Self = Self(1);
    /// Claims about the client's certificate, and what only responses say.
    pub(super) const IDENTITY: Self = Self(2);
    /// Claims about earlier hops.
    pub(super) const FORWARDED: Self = Self(4);
    /// Acted on at this hop: `Expect`, `Max-Forwards`, `Cookie`, `Via`.
    pub(super) const ACTED_ON: Self = Self(8);
    /// What a sender has no reason to call hop-by-hop, but who wants to hide it from the next hop has.
    const RELIED_ON: Self = Self(16);

    /// The kinds that occur: one look at each name, where most requests have none.
    pub(super) fn in_headers(headers: &HeaderMap) -> Self {
        Self(headers.keys().fold(0, |found, name| found | Self::of(name).0))
    }

    pub(super) const fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }

    fn of(name: &HeaderName) -> Self {
        let name = name.as_str();
        let mut dashed = [0; LONGEST_NAME];
        if !name.contains('_') {
            return Self::of_str(name);
        }
        let Some(dashed) = dashed.get_mut(..name.len()) else {
            return Self::NONE;
        };
        for (to, from) in dashed.iter_mut().zip(name.bytes()) {
            *to = if from == b'_' { b'-' } else { from };
        }
        str::from_utf8(dashed).map_or(Self::NONE, Self::of_str)
    }

    fn of_str(name: &str) -> Self {
        match name {
            "connection"
            | "proxy-connection"
            | "keep-alive"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
            | "proxy-authorization"
            | "proxy-authenticate" => Self::HOP_BY_HOP,
            "x-forwarded-client-cert" | "client-cert" | "client-cert-chain" | "proxy-status" => {
                Self::IDENTITY
            }
            "forwarded" | "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host" => Self::FORWARDED,
            "via" | "max-forwards" | "expect" | "cookie" => Self::ACTED_ON,
            "host" | "authorization" | "content-length" | "content-type" | "cache-control"
            | "grpc-timeout" | "traceparent" | "tracestate" => Self::RELIED_ON,
            _ => Self::NONE,
        }
    }

    /// Whether `Connection` may declare such a field hop-by-hop.
    const fn may_be_named(self) -> bool {
        !self.has(Self(
            Self::RELIED_ON.0 | Self::IDENTITY.0 | Self::FORWARDED.0 | Self::ACTED_ON.0,
        ))
    }
}

const LONGEST_NAME: usize = "x-forwarded-client-cert".len();

/// Takes the hop-by-hop fields out of a response's head.
pub fn strip_response(headers: &mut HeaderMap) {
    if Kinds::in_headers(headers).has(Kinds::HOP_BY_HOP) {
        strip(headers);
    }
}

/// Takes the hop-by-hop fields out of a request's head, and offers trailers on if they were offered to us.
pub(super) fn strip_request(headers: &mut HeaderMap) {
    let trailers = offers_trailers(headers);
    strip(headers);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

fn strip(headers: &mut HeaderMap) {
    remove_named(headers);
    remove(headers, Kinds::HOP_BY_HOP);
}

/// Removes every field of this kind, however it is spelled.
pub(super) fn remove(headers: &mut HeaderMap, kind: Kinds) {
    while let Some(name) = headers.keys().find(|name| Kinds::of(name).has(kind)).cloned() {
        headers.remove(name);
    }
}

/// Removes what `Connection` names; must come before `Connection` itself goes.
fn remove_named(headers: &mut HeaderMap) {
    let lists = headers.get_all(CONNECTION).iter().count();
    for index in 0..lists {
        // None of these removals touches Connection; a value's clone is a count, not a copy.
        let Some(list) = headers.get_all(CONNECTION).iter().nth(index).cloned() else {
            return;
        };
        let names = elements(&list).filter_map(|name| HeaderName::from_bytes(name).ok());
        for name in names.filter(|name| *name != CONNECTION && Kinds::of(name).may_be_named()) {
            headers.remove(name);
        }
    }
}

fn offers_trailers(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(TE).iter().flat_map(elements);
    codings.into_iter().any(|coding| {
        let name = coding.split(|byte| *byte == b';').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"trailers")
    })
}

/// The elements of a list field, trimmed, the empty ones left out.
pub(super) fn elements(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let elements = value.as_bytes().split(|byte| *byte == b',');
    elements
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}
