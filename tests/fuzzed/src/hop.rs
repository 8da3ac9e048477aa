//! Requests that pass a hop: `layers::hop`.

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header};
use outrigger_gateway::Reason;
use outrigger_layers::hop::{self, Client, Name};

use crate::lines;

/// What must not be there afterwards, by either spelling; `te` may, with one value.
const ENDS_HERE: [&str; 11] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "proxy-authorization",
    "client-cert",
    "client-cert-chain",
    "proxy-status",
    "expect",
];

/// A head: `METHOD target version` on the first line, where a `!` behind the version makes the client a trusted one;
/// then its fields.
pub(crate) fn hop(bytes: &[u8]) {
    let Some((mut request, trusted)) = request(bytes) else {
        return;
    };
    let before = request.headers().clone();
    let name = Name::try_new("shop-in-1").expect("a token");
    if hop::receive(&mut request, &name).is_err() {
        return;
    }
    check_target(&request);
    check_fields(&request, trusted);
    check_named(&before, request.headers());
    assert!(
        hop::receive(&mut copy(&request), &name).is_err(),
        "a request that was here before is a loop"
    );
    // An empty Host is what HTTP/1.0 may leave with; the next hop wants one that says something.
    if !request.headers()[header::HOST].is_empty() {
        check_next(request);
    }
}

fn request(bytes: &[u8]) -> Option<(Request<()>, bool)> {
    let mut lines = lines(bytes);
    let mut words = lines.next()?.split(|byte| *byte == b' ');
    let method = Method::from_bytes(words.next()?).ok()?;
    let target = Uri::try_from(words.next()?).ok()?;
    let version = words.next().unwrap_or_default();
    let (version, trusted) = match version.strip_suffix(b"!") {
        Some(version) => (version, true),
        None => (version, false),
    };
    let version = match version {
        b"1.0" => Version::HTTP_10,
        b"2" => Version::HTTP_2,
        _ => Version::HTTP_11,
    };
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = target;
    *request.version_mut() = version;
    for line in lines {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let name = HeaderName::from_bytes(halves.next()?).ok()?;
        let value = HeaderValue::from_bytes(halves.next()?.trim_ascii()).ok()?;
        // More than this the servers above do not let in.
        if request.headers().len() < 100 {
            request.headers_mut().append(name, value);
        }
    }
    let client = Client::new(Some(SocketAddr::from(([192, 0, 2, 7], 4711))), true).with_trust(trusted);
    request.extensions_mut().insert(Arc::new(client));
    Some((request, trusted))
}

fn copy(request: &Request<()>) -> Request<()> {
    let mut copy = Request::new(());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Origin form, and nothing in it that could end a request line.
fn check_target(request: &Request<()>) {
    let target = request.uri();
    assert!(target.scheme().is_none() && target.authority().is_none());
    let text = target.to_string();
    let asterisk = text == "*" && request.method() == Method::OPTIONS;
    assert!(asterisk || text.starts_with('/'), "{text}");
    assert!(!text.bytes().any(|byte| byte <= b' ' || byte == 0x7f), "{text:?}");
}

fn check_fields(request: &Request<()>, trusted: bool) {
    let headers = request.headers();
    assert_eq!(headers.get_all(header::HOST).iter().count(), 1);
    let host = headers[header::HOST].to_str().expect("visible ASCII");
    assert!(!host.contains([' ', '/', '@', '?', '#', '\t']), "{host:?}");
    if host.is_empty() {
        assert_eq!(request.version(), Version::HTTP_10);
    }
    for (name, value) in headers {
        let dashed = name.as_str().replace('_', "-");
        assert!(!ENDS_HERE.contains(&&*dashed), "{name} was sent on");
        assert!(dashed != "x-forwarded-client-cert", "a stranger's certificate");
        assert!(dashed != "te" || (name == header::TE && value == "trailers"));
        assert!(
            !value
                .as_bytes()
                .iter()
                .any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
        );
    }
    let via: Vec<_> = headers.get_all(header::VIA).iter().collect();
    let ours = via.last().expect("we passed it on").to_str().expect("ASCII");
    assert!(ours.ends_with(" shop-in-1"), "{ours}");
    let forwarded: Vec<_> = headers.get_all(header::FORWARDED).iter().collect();
    assert_eq!(
        forwarded.last().copied(),
        Some(&HeaderValue::from_static("for=192.0.2.7;proto=https"))
    );
    let last_for = headers.get_all("x-forwarded-for").iter().collect::<Vec<_>>();
    assert_eq!(last_for.len(), 1);
    assert!(last_for[0].as_bytes().ends_with(b"192.0.2.7"));
    if !trusted {
        assert_eq!(forwarded.len(), 1, "a stranger's word on earlier hops was kept");
        assert_eq!(last_for[0], "192.0.2.7");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(
            headers
                .get("x-forwarded-host")
                .map_or("", |host| host.to_str().expect("ASCII")),
            host
        );
        for name in headers.keys().filter(|name| name.as_str().contains('_')) {
            let dashed = name.as_str().replace('_', "-");
            assert!(!["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"].contains(&&*dashed));
        }
    }
}

/// What `Connection` named is gone, unless it is one that only an attacker would name, or one that was put there.
fn check_named(before: &HeaderMap, after: &HeaderMap) {
    const STAYS: [&str; 16] = [
        "host",
        "authorization",
        "content-length",
        "content-type",
        "cache-control",
        "grpc-timeout",
        "traceparent",
        "tracestate",
        "via",
        "max-forwards",
        "cookie",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "te",
    ];
    for list in before.get_all(header::CONNECTION) {
        for name in list.as_bytes().split(|byte| *byte == b',') {
            let Ok(name) = HeaderName::from_bytes(name.trim_ascii()) else {
                continue;
            };
            let dashed = name.as_str().replace('_', "-");
            assert!(
                STAYS.contains(&&*dashed) || !after.contains_key(&name),
                "{name} was named"
            );
        }
    }
}

/// The next hop takes what this one sends, and changes nothing but what says who passed it on.
fn check_next(mut request: Request<()>) {
    let first = copy(&request);
    let next = Name::try_new("shop-in-2").expect("a token");
    let client = Client::new(None, true).with_trust(true);
    request.extensions_mut().insert(Arc::new(client));
    if let Err(failure) = hop::receive(&mut request, &next) {
        let counted = first.headers().contains_key(header::MAX_FORWARDS);
        // The input may say that it has been there.
        let looped = failure.reason() == Reason::Loop;
        assert!(counted || looped, "the next hop refuses: {failure:?} {first:?}");
        return;
    }
    assert_eq!(request.uri(), first.uri());
    assert_eq!(request.headers()[header::HOST], first.headers()[header::HOST]);
    let changes = [header::VIA, header::FORWARDED, header::MAX_FORWARDS];
    let others = |headers: &HeaderMap| {
        let mut headers = headers.clone();
        for name in &changes {
            headers.remove(name);
        }
        headers
    };
    assert_eq!(others(request.headers()), others(first.headers()));
}
