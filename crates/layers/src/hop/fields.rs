//! Which fields end at this hop, and taking them out.

use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CONNECTION, TE, UPGRADE},
};
use outrigger_gateway::proxy_status::PROXY_STATUS;

use super::upgrade::announce;

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
    /// What is believed of those only who have shown a certificate.
    pub(super) const OF_PEERS: Self = Self(16);

    /// The kinds that occur: one look at each name, where most requests have none.
    pub(super) fn in_headers(headers: &HeaderMap) -> Self {
        Self(headers.keys().fold(0, |found, name| found | Self::of(name).0))
    }

    pub(super) const fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }

    fn of(name: &HeaderName) -> Self {
        let name = name.as_str().as_bytes();
        if may_be_listed(name)
            && let Some((_, kind)) = NAMES.iter().find(|(listed, _)| is_same(listed, name))
        {
            return *kind;
        }
        match name.get(..X_FORWARDED.len()) {
            Some(begin) if begin[0] == b'x' && is_same(X_FORWARDED, begin) => Self::FORWARDED,
            _ => Self::NONE,
        }
    }
}

/// Names that are of a kind, each of one.
const NAMES: [(&str, Kinds); 23] = [
    ("connection", Kinds::HOP_BY_HOP),
    ("proxy-connection", Kinds::HOP_BY_HOP),
    ("keep-alive", Kinds::HOP_BY_HOP),
    ("te", Kinds::HOP_BY_HOP),
    ("transfer-encoding", Kinds::HOP_BY_HOP),
    ("upgrade", Kinds::HOP_BY_HOP),
    ("http2-settings", Kinds::HOP_BY_HOP),
    ("proxy-authorization", Kinds::HOP_BY_HOP),
    ("proxy-authenticate", Kinds::HOP_BY_HOP),
    ("x-forwarded-client-cert", Kinds::IDENTITY),
    ("client-cert", Kinds::IDENTITY),
    ("client-cert-chain", Kinds::IDENTITY),
    ("proxy-status", Kinds::IDENTITY),
    ("forwarded", Kinds::FORWARDED),
    ("x-forwarded-for", Kinds::FORWARDED),
    ("x-forwarded-proto", Kinds::FORWARDED),
    ("x-forwarded-host", Kinds::FORWARDED),
    ("x-real-ip", Kinds::FORWARDED),
    ("via", Kinds::ACTED_ON),
    ("max-forwards", Kinds::ACTED_ON),
    ("expect", Kinds::ACTED_ON),
    ("cookie", Kinds::ACTED_ON),
    ("x-envoy-expected-rq-timeout-ms", Kinds::OF_PEERS),
];

/// Names that begin so are claims about earlier hops, but for the one that is listed as something else.
const X_FORWARDED: &str = "x-forwarded-";

/// What a sender has no reason to call hop-by-hop, but who wants to hide it from the next hop has; beside all that
/// is of a kind of its own.
const RELIED_ON: [&str; 9] = [
    "host",
    "authorization",
    "content-length",
    "content-type",
    "cache-control",
    "grpc-timeout",
    "x-request-timeout-ms",
    "traceparent",
    "tracestate",
];

/// What must be known before the body is, and so cannot be said behind it (RFC 9110 §6.5.1); beside all that is of a
/// kind of its own.
const NEVER_LATE: [&str; 9] = [
    "host",
    "authorization",
    "content-length",
    "content-type",
    "content-encoding",
    "content-range",
    "cache-control",
    "set-cookie",
    "trailer",
];

const LONGEST_NAME: usize = "x-envoy-expected-rq-timeout-ms".len();

/// The first letters of all listed names of each length. They tell most names of a request from the listed ones.
const FIRST_LETTERS: [u32; LONGEST_NAME + 1] = {
    let mut letters = [0; LONGEST_NAME + 1];
    let mut index = 0;
    while index < NAMES.len() {
        let name = NAMES[index].0.as_bytes();
        letters[name.len()] |= letter(name[0]);
        index += 1;
    }
    letters
};

/// One bit for each letter; what is no letter shares one.
const fn letter(byte: u8) -> u32 {
    1 << (byte % 32)
}

fn may_be_listed(name: &[u8]) -> bool {
    let letters = FIRST_LETTERS.get(name.len()).copied().unwrap_or_default();
    name.first().is_some_and(|first| letters & letter(*first) != 0)
}

fn is_same(listed: &str, name: &[u8]) -> bool {
    let dashed = |byte: &u8| if *byte == b'_' { b'-' } else { *byte };
    listed.len() == name.len() && name.iter().map(dashed).eq(listed.bytes())
}

/// Whether `Connection` may declare such a field hop-by-hop.
fn may_be_named(name: &HeaderName) -> bool {
    let relied_on = |listed: &&str| is_same(listed, name.as_str().as_bytes());
    matches!(Kinds::of(name), Kinds::NONE | Kinds::HOP_BY_HOP) && !RELIED_ON.iter().any(relied_on)
}

/// Takes the hop-by-hop fields out of a response's head, but for those that announce a switch of protocols.
pub fn strip_response<B>(response: &mut Response<B>) {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    if !Kinds::in_headers(headers).has(Kinds::HOP_BY_HOP) {
        return;
    }
    let protocol = headers.get(UPGRADE).filter(|_| switches).cloned();
    strip(headers);
    if switches {
        announce(headers, protocol);
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
    remove_where(headers, |name| Kinds::of(name).has(kind));
}

/// What of these fields HTTP/2's frames can carry and no field can be (RFC 9113 §8.2.1): a value that white space
/// surrounds, or a name that is no token; of those, `http` lets through what has a quote in it.
pub fn oddity(headers: &HeaderMap) -> Option<&'static str> {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    headers.iter().find_map(|(name, value)| {
        let value = value.as_bytes();
        if is_space(value.first()) || is_space(value.last()) {
            return Some("a field's value begins or ends with white space");
        }
        (!is_token(name)).then_some("a field's name is no token")
    })
}

fn is_token(name: &HeaderName) -> bool {
    !name.as_str().as_bytes().contains(&b'"')
}

/// Takes out of a request's trailers what would be believed, or acted on, if the next hop took it for a part of the
/// head.
pub fn strip_request_trailers(trailers: &mut HeaderMap) {
    remove_where(trailers, is_never_late);
}

/// The same for a response, which may say in the end how it went (RFC 9209 §2).
pub fn strip_response_trailers(trailers: &mut HeaderMap) {
    remove_where(trailers, |name| is_never_late(name) && name != PROXY_STATUS);
}

fn is_never_late(name: &HeaderName) -> bool {
    let never = |listed: &&str| is_same(listed, name.as_str().as_bytes());
    Kinds::of(name) != Kinds::NONE || !is_token(name) || NEVER_LATE.iter().any(never)
}

fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    while let Some(name) = headers.keys().find(|name| unwanted(name)).cloned() {
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
        for name in names.filter(|name| *name != CONNECTION && may_be_named(name)) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind_of(name: &str) -> Kinds {
        Kinds::of(&HeaderName::try_from(name).unwrap())
    }

    #[test]
    fn every_listed_name_is_known_with_dashes_and_with_underscores() {
        for (name, kind) in NAMES {
            assert_eq!(kind_of(name), kind, "{name}");
            assert_eq!(kind_of(&name.replace('-', "_")), kind, "{name}");
        }
    }

    #[test]
    fn whatever_is_said_to_have_been_forwarded_is_of_one_kind() {
        for name in ["x-forwarded-port", "x_forwarded_prefix", "x-forwarded-"] {
            assert_eq!(kind_of(name), Kinds::FORWARDED, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_other_name_is_of_no_kind(name in "[a-z0-9_!#.-]{1,40}") {
            let dashed = name.replace('_', "-");
            prop_assume!(NAMES.iter().all(|(listed, _)| *listed != dashed));
            prop_assume!(!dashed.starts_with(X_FORWARDED));
            prop_assert_eq!(kind_of(&name), Kinds::NONE);
        }
    }
}
