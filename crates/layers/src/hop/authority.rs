//! One request, one authority: where it may stand, what it may look like, and where it stands afterwards.

use std::net::Ipv6Addr;

use http::{
    HeaderValue, Request, Uri, Version,
    header::HOST,
    uri::{Authority, PathAndQuery, Scheme},
};
use outrigger_gateway::{Failure, Reason};

/// Leaves the authority in `Host` and the target in origin form; returns what `Host` says then.
pub(super) fn settle<A>(request: &mut Request<A>) -> Result<HeaderValue, Failure> {
    let host = the_host(request)?;
    let Some(authority) = request.uri().authority() else {
        return settle_without(request, host);
    };
    if request.uri().scheme().is_none() {
        return Err(bad("only CONNECT may have an authority alone as its target"));
    }
    if !matches!(request.uri().scheme(), Some(scheme) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS)
    {
        return Err(bad("the request's target is neither http nor https"));
    }
    if !is_host(authority.as_str().as_bytes()) {
        return Err(bad("the request's target names no host and port"));
    }
    if let Some(host) = host.filter(|_| request.version() >= Version::HTTP_2) {
        check_agreement(authority, request.uri().scheme(), &host)?;
    }
    let host = HeaderValue::from_str(authority.as_str()).expect("is_host allows visible ASCII only");
    request.headers_mut().insert(HOST, host.clone());
    *request.uri_mut() = origin_form(request);
    Ok(host)
}

/// RFC 9112 §3.2: several `Host` fields, an invalid one, or none in HTTP/1.1, are refused whatever the target says.
fn the_host<A>(request: &Request<A>) -> Result<Option<HeaderValue>, Failure> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), second) = (hosts.next(), hosts.next()) else {
        return match request.version() {
            Version::HTTP_11 => Err(bad("the request has no Host field")),
            _ => Ok(None),
        };
    };
    if second.is_some() {
        return Err(bad("the request has more than one Host field"));
    }
    if !is_host(host.as_bytes()) {
        return Err(bad("the Host field is no host and port"));
    }
    Ok(Some(host.clone()))
}

/// The target has no authority: `Host` is all there is.
fn settle_without<A>(request: &mut Request<A>, host: Option<HeaderValue>) -> Result<HeaderValue, Failure> {
    if let Some(host) = host {
        return Ok(host);
    }
    if request.version() >= Version::HTTP_2 {
        return Err(bad("the request has neither :authority nor Host"));
    }
    // RFC 9110 §7.2: without an authority the field is sent empty.
    let empty = HeaderValue::from_static("");
    request.headers_mut().insert(HOST, empty.clone());
    Ok(empty)
}

/// RFC 9113 §8.3.1: `Host` may repeat `:authority`, not contradict it.
fn check_agreement(
    authority: &Authority,
    scheme: Option<&Scheme>,
    host: &HeaderValue,
) -> Result<(), Failure> {
    let default_port: &[u8] = if scheme == Some(&Scheme::HTTPS) {
        b"443"
    } else {
        b"80"
    };
    let normal = |bytes| {
        let (host, port) = split_port(bytes);
        (host, if port.is_empty() { default_port } else { port })
    };
    let (ours, our_port) = normal(authority.as_str().as_bytes());
    let (theirs, their_port) = normal(host.as_bytes());
    if ours.eq_ignore_ascii_case(theirs) && our_port == their_port {
        return Ok(());
    }
    Err(bad("Host says other than :authority"))
}

/// The target without scheme and authority. `Uri` cannot tell a bare authority from one with the path `/`, so an
/// absolute `OPTIONS` asks about `/`, never `*` (RFC 9112 §3.2.4). In HTTP/2 the path is said apart, and stays.
fn origin_form<A>(request: &Request<A>) -> Uri {
    match request.uri().path_and_query() {
        // `http://host?q`: what has a query only is at the root.
        Some(query) if query.as_str().starts_with('?') && request.version() < Version::HTTP_2 => {
            PathAndQuery::try_from(format!("/{query}", query = query.as_str()))
                .expect("a query stays one behind a slash")
                .into()
        }
        Some(target) => target.clone().into(),
        None => Uri::from_static("/"),
    }
}

fn is_host(bytes: &[u8]) -> bool {
    let (host, port) = split_port(bytes);
    let port_fits = port.iter().try_fold(0_u16, |sum, digit| match digit {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u16::from(digit - b'0')),
        _ => None,
    });
    port_fits.is_some() && (is_ip_literal(host) || is_name(host))
}

/// Host and port; the port is empty if there is none.
fn split_port(bytes: &[u8]) -> (&[u8], &[u8]) {
    let after_literal = match bytes.first() {
        Some(b'[') => bytes.iter().rposition(|byte| *byte == b']').unwrap_or(0),
        _ => 0,
    };
    match bytes[after_literal..].iter().position(|byte| *byte == b':') {
        Some(colon) => (
            &bytes[..after_literal + colon],
            &bytes[after_literal + colon + 1..],
        ),
        None => (bytes, b""),
    }
}

fn is_ip_literal(host: &[u8]) -> bool {
    let inside = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    inside
        .and_then(|inside| str::from_utf8(inside).ok())
        .is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// A reg-name or an IPv4 address (RFC 3986 §3.2.2), not empty.
fn is_name(host: &[u8]) -> bool {
    !host.is_empty() && host.iter().all(|byte| IN_NAMES[usize::from(*byte)]) && escapes_are_whole(host)
}

/// Whether two digits follow each `%` (RFC 3986 §2.1).
fn escapes_are_whole(host: &[u8]) -> bool {
    let mut escapes = host.split(|byte| *byte == b'%').skip(1);
    escapes.all(|after| after.len() >= 2 && after[..2].iter().all(u8::is_ascii_hexdigit))
}

/// Which bytes a reg-name may consist of. Each byte of each request's host is looked at.
const IN_NAMES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        allowed[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-._~%!$&'()*+,;=";
    let mut index = 0;
    while index < others.len() {
        allowed[others[index] as usize] = true;
        index += 1;
    }
    allowed
};

pub(super) fn bad(detail: &str) -> Failure {
    Failure::new(Reason::BadRequest).with_detail(detail)
}
