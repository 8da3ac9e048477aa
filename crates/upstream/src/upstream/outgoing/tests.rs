use http::{HeaderMap, Method, Request, Uri, Version, header};
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use outrigger_gateway::Reason;
use proptest::prelude::*;

use super::{Bytes, Cache, Outgoing};
use crate::connect::Protocol;

const ENDPOINT: &str = "10.0.0.1:80";

type AnyBody = UnsyncBoxBody<Bytes, std::convert::Infallible>;

fn empty() -> AnyBody {
    Empty::new().boxed_unsync()
}

fn of_known_length() -> AnyBody {
    Full::from("body").boxed_unsync()
}

fn of_unknown_length() -> AnyBody {
    StreamBody::new(futures_util::stream::pending()).boxed_unsync()
}

fn request(method: Method, uri: &str, host: Option<&str>, body: AnyBody) -> Request<AnyBody> {
    let mut request = Request::builder().method(method).uri(uri).body(body).unwrap();
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host.parse().unwrap());
    }
    request
}

/// A request without a body, as it leaves.
fn prepared(uri: &str, host: Option<&str>, protocol: Protocol) -> Request<AnyBody> {
    let mut request = request(Method::GET, uri, host, empty());
    let cache = Cache::new(false);
    let outgoing = Outgoing::of(&request, &cache).unwrap();
    outgoing.prepare(&mut request, protocol, ENDPOINT).unwrap();
    request
}

/// How a body is framed over HTTP/1.1, if hyper is told.
fn framing(method: Method, body: AnyBody) -> Option<String> {
    let mut request = request(method, "/", Some("a"), body);
    let cache = Cache::new(false);
    let outgoing = Outgoing::of(&request, &cache).unwrap();
    outgoing.prepare(&mut request, Protocol::Http1, ENDPOINT).unwrap();
    let framing = request.headers().get(header::TRANSFER_ENCODING)?;
    Some(framing.to_str().unwrap().to_owned())
}

#[test]
fn http1_takes_the_origin_form_and_host_from_either_form() {
    for (uri, host) in [
        ("/path?query", Some("shop:8080")),
        ("http://shop:8080/path?query", None),
        ("https://shop:8080/path?query", Some("other")),
    ] {
        let request = prepared(uri, host, Protocol::Http1);

        assert_eq!(request.uri(), "/path?query", "{uri}");
        assert_eq!(request.headers()[header::HOST], "shop:8080", "{uri}");
        assert_eq!(request.version(), Version::HTTP_11);
    }
}

#[test]
fn http2_takes_the_absolute_form_and_no_host_from_either_form() {
    for (uri, host) in [
        ("/path?query", Some("shop:8080")),
        ("http://shop:8080/path?query", None),
        ("https://shop:8080/path?query", Some("other")),
    ] {
        let request = prepared(uri, host, Protocol::Http2);

        assert_eq!(request.uri(), "http://shop:8080/path?query", "{uri}");
        assert!(!request.headers().contains_key(header::HOST), "{uri}");
        assert_eq!(request.version(), Version::HTTP_2);
    }
}

#[test]
fn over_tls_the_scheme_is_https() {
    let mut request = request(Method::GET, "http://shop/", None, empty());
    let cache = Cache::new(true);

    let outgoing = Outgoing::of(&request, &cache).unwrap();
    outgoing.prepare(&mut request, Protocol::Http2, ENDPOINT).unwrap();

    assert_eq!(request.uri(), "https://shop/");
}

#[test]
fn the_asterisk_of_options_is_kept_over_both() {
    assert_eq!(prepared("*", Some("shop"), Protocol::Http1).uri(), "*");

    let over_http2 = prepared("*", Some("shop"), Protocol::Http2);
    assert_eq!(over_http2.uri().path(), "*");
    assert_eq!(over_http2.uri().authority().unwrap(), "shop");
}

#[test]
fn a_target_without_a_path_asks_for_the_root() {
    assert_eq!(prepared("http://shop", None, Protocol::Http1).uri(), "/");
    assert_eq!(
        prepared("http://shop?query", None, Protocol::Http1).uri(),
        "/?query"
    );
    assert_eq!(
        prepared("http://shop", None, Protocol::Http2).uri(),
        "http://shop/"
    );
}

#[test]
fn without_any_authority_http1_says_an_empty_host() {
    assert_eq!(prepared("/", None, Protocol::Http1).headers()[header::HOST], "");
}

#[test]
fn without_any_authority_http2_asks_the_endpoint() {
    for host in [None, Some("")] {
        let request = prepared("/", host, Protocol::Http2);
        assert_eq!(request.uri().authority().unwrap(), ENDPOINT);
    }
}

#[test]
fn what_is_no_authority_cannot_be_told_over_http2() {
    for host in ["a b", "a/b", "@", "[::1"] {
        let mut request = request(Method::GET, "/", Some(host), empty());
        let cache = Cache::new(false);
        let outgoing = Outgoing::of(&request, &cache).unwrap();

        let failure = outgoing
            .prepare(&mut request, Protocol::Http2, ENDPOINT)
            .unwrap_err();

        assert_eq!(failure.reason(), Reason::BadRequest, "{host:?}");
    }
}

#[test]
fn the_authority_that_was_used_last_is_never_taken_for_another() {
    let cache = Cache::new(false);
    for host in ["a", "a", "b", "a:1", "b"] {
        let mut request = request(Method::GET, "/", Some(host), empty());
        let outgoing = Outgoing::of(&request, &cache).unwrap();
        outgoing.prepare(&mut request, Protocol::Http2, ENDPOINT).unwrap();

        assert_eq!(request.uri().authority().unwrap(), host);
    }
}

#[test]
fn a_body_of_unknown_length_is_chunked_whatever_the_method() {
    for method in [Method::GET, Method::DELETE, Method::OPTIONS, Method::HEAD] {
        assert_eq!(framing(method, of_unknown_length()).as_deref(), Some("chunked"));
    }
}

#[test]
fn what_hyper_frames_by_itself_is_left_to_it() {
    assert_eq!(framing(Method::POST, of_unknown_length()), None);
    assert_eq!(framing(Method::PUT, of_unknown_length()), None);
    assert_eq!(framing(Method::PATCH, of_unknown_length()), None);
    assert_eq!(framing(Method::GET, of_known_length()), None);
    assert_eq!(framing(Method::GET, empty()), None);
}

#[test]
fn a_length_that_the_client_announced_is_kept() {
    let mut request = request(Method::GET, "/", Some("a"), of_unknown_length());
    request.headers_mut().insert(header::CONTENT_LENGTH, 4.into());
    let cache = Cache::new(false);
    let outgoing = Outgoing::of(&request, &cache).unwrap();

    outgoing.prepare(&mut request, Protocol::Http1, ENDPOINT).unwrap();

    assert!(!request.headers().contains_key(header::TRANSFER_ENCODING));
    assert_eq!(request.headers()[header::CONTENT_LENGTH], "4");
}

fn any_protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![Just(Protocol::Http1), Just(Protocol::Http2)]
}

fn any_method() -> impl Strategy<Value = Method> {
    proptest::sample::select(vec![Method::GET, Method::POST, Method::DELETE, Method::OPTIONS])
}

fn any_body() -> impl Strategy<Value = fn() -> AnyBody> {
    proptest::sample::select(vec![
        empty as fn() -> AnyBody,
        of_known_length as fn() -> AnyBody,
        of_unknown_length as fn() -> AnyBody,
    ])
}

/// What of a request is seen on the wire.
fn form(request: &Request<AnyBody>) -> (Method, Uri, Version, HeaderMap) {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    (method.clone(), uri.clone(), request.version(), headers.clone())
}

proptest! {
    /// A request may be sent again over the other protocol, and back.
    #[test]
    fn the_form_for_a_protocol_depends_on_no_form_before(
        method in any_method(),
        host in "[a-z]{1,8}(:[1-9][0-9]{0,3})?",
        path in "(/[a-z0-9%~._-]{0,6}){1,3}(\\?[a-z=&]{0,6})?",
        absolute in any::<bool>(),
        body in any_body(),
        before in proptest::collection::vec(any_protocol(), 0..3),
        last in any_protocol(),
    ) {
        let uri = if absolute { format!("http://{host}{path}") } else { path };
        prop_assume!(uri.parse::<Uri>().is_ok());
        let host = (!absolute).then_some(&*host);
        let cache = Cache::new(false);
        let mut once = request(method.clone(), &uri, host, body());
        let mut often = request(method, &uri, host, body());
        let outgoing = Outgoing::of(&once, &cache).unwrap();

        outgoing.prepare(&mut once, last, ENDPOINT).unwrap();
        for protocol in before {
            outgoing.prepare(&mut often, protocol, ENDPOINT).unwrap();
        }
        outgoing.prepare(&mut often, last, ENDPOINT).unwrap();
        prop_assert_eq!(form(&once), form(&often));
        outgoing.prepare(&mut often, last, ENDPOINT).unwrap();
        prop_assert_eq!(form(&once), form(&often));
    }
}
