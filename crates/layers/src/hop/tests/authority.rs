//! One sane authority.

use http::Method;
use proptest::prelude::*;

use super::*;

fn in_version(version: Version, target: &str, fields: &[(&str, &str)]) -> Request<()> {
    let mut request = request(target, fields);
    *request.version_mut() = version;
    request
}

fn http2(target: &str, fields: &[(&str, &str)]) -> Request<()> {
    in_version(Version::HTTP_2, target, fields)
}

#[test]
fn http1_needs_exactly_one_host_whatever_the_target_says() {
    for target in ["/", "http://shop.example/", "*"] {
        assert_eq!(
            refused(request(target, &[])).detail(),
            Some("the request has no Host field")
        );
        let failure = refused(request(target, &[HOST, HOST]));
        assert_eq!(failure.reason(), Reason::BadRequest);
        assert_eq!(failure.detail(), Some("the request has more than one Host field"));
    }
}

#[test]
fn a_host_that_is_a_name_an_address_or_either_with_a_port_is_fine() {
    for host in [
        "a",
        "shop.example",
        "shop.example.",
        "shop.example:8080",
        "a:",
        "127.0.0.1:80",
        "[::1]",
        "[::1]:8080",
        "[::ffff:1.2.3.4]",
        "a_b.c-d~e",
        "xn--bcher-kva.example",
        "a%41",
        "a:65535",
    ] {
        assert_eq!(passed(request("/", &[("host", host)])).headers()["host"], host);
    }
}

#[test]
fn a_host_that_is_anything_else_is_refused() {
    for host in [
        "",
        ":80",
        "a b",
        "a/b",
        "user@a",
        "a:65536",
        "a:-1",
        "a:8o",
        "a:1:2",
        "::1",
        "[::1",
        "::1]",
        "[::1]x",
        "[]",
        "[v1.x]",
        "a,b c",
        "http://a",
        "a?b",
        "a#b",
        "a%",
        "a%2",
        "%zz",
        "a\\b",
        "[::1]:80:80",
        "[a]:80",
        "a[::1]",
    ] {
        let failure = refused(request("/", &[("host", host)]));
        assert_eq!(
            failure.detail(),
            Some("the Host field is no host and port"),
            "{host}"
        );
    }
}

#[test]
fn an_absolute_target_wins_over_host_and_leaves_in_origin_form() {
    for (target, origin) in [
        ("http://shop.example:81/a?b", "/a?b"),
        ("http://shop.example:81", "/"),
        ("https://shop.example:81/?", "/?"),
        ("http://shop.example:81?b", "/?b"),
    ] {
        let request = passed(request(target, &[("host", "elsewhere")]));
        assert_eq!(lines(request.headers(), "host"), ["shop.example:81"]);
        assert_eq!(request.uri().to_string(), origin);
        assert_eq!(request.uri().path_and_query().unwrap().as_str(), origin);
        assert!(request.uri().scheme().is_none() && request.uri().authority().is_none());
    }
}

#[test]
fn origin_and_asterisk_forms_stay_as_they_are() {
    assert_eq!(passed(request("/a?b", &[HOST])).uri(), "/a?b");
    let mut asterisk = request("*", &[HOST]);
    *asterisk.method_mut() = Method::OPTIONS;
    assert_eq!(passed(asterisk).uri(), "*");
    let target = http::Uri::builder()
        .scheme("http")
        .authority("shop.example")
        .path_and_query("*");
    let mut options = http2("/", &[]);
    *options.uri_mut() = target.build().unwrap();
    *options.method_mut() = Method::OPTIONS;
    assert_eq!(passed(options).uri(), "*");
}

#[test]
fn a_target_that_would_make_no_request_line_is_refused() {
    let http2_to = |target: &str| {
        let mut request = http2("/", &[]);
        let uri = http::Uri::builder().scheme("http").authority("shop.example");
        *request.uri_mut() = uri.path_and_query(target).build().unwrap();
        request
    };
    for request in [request("*", &[HOST]), http2_to("#a"), http2_to("?a")] {
        let failure = refused(request);
        assert_eq!(failure.reason(), Reason::BadRequest);
        assert_eq!(failure.detail(), Some("the request's target is no path"));
    }
}

#[test]
fn an_authority_alone_or_with_a_user_and_a_scheme_that_is_not_ours_are_refused() {
    for target in [
        "ftp://shop.example/",
        "shop.example:80",
        "http://user@shop.example/",
        "http://shop.example:99999/",
    ] {
        assert_eq!(
            refused(request(target, &[HOST])).reason(),
            Reason::BadRequest,
            "{target}"
        );
        assert_eq!(
            refused(http2(target, &[])).reason(),
            Reason::BadRequest,
            "{target}"
        );
    }
}

#[test]
fn http2_says_its_authority_once_or_twice_the_same() {
    assert_eq!(
        passed(http2("https://shop.example/a", &[])).headers()["host"],
        "shop.example"
    );
    assert_eq!(
        passed(http2("https://shop.example/a", &[("host", "SHOP.example:443")])).uri(),
        "/a"
    );
    assert_eq!(
        passed(http2("http://shop.example:80/a", &[HOST])).headers()["host"],
        "shop.example:80"
    );
    assert_eq!(passed(http2("/a", &[HOST])).headers()["host"], "shop.example");
    for host in ["elsewhere", "shop.example:80", "shop.example."] {
        let failure = refused(http2("https://shop.example/a", &[("host", host)]));
        assert_eq!(
            failure.detail(),
            Some("Host says other than :authority"),
            "{host}"
        );
    }
    let failure = refused(http2("/a", &[]));
    assert_eq!(
        failure.detail(),
        Some("the request has neither :authority nor Host")
    );
}

#[test]
fn http_1_0_may_come_without_an_authority_and_leaves_with_an_empty_one() {
    let request = passed(in_version(Version::HTTP_10, "/a", &[]));
    assert_eq!(lines(request.headers(), "host"), [""]);
    assert!(!request.headers().contains_key("x-forwarded-host"));
    let absolute = passed(in_version(Version::HTTP_10, "http://shop.example/a", &[]));
    assert_eq!(absolute.headers()["host"], "shop.example");
}

proptest! {
    #[test]
    fn whatever_host_says_one_sane_host_leaves_or_the_request_is_refused(bytes in any::<Vec<u8>>()) {
        let Ok(value) = http::HeaderValue::from_bytes(&bytes) else { return Ok(()) };
        let mut request = request("/", &[]);
        request.headers_mut().insert("host", value.clone());
        match receive(&mut request, &name()) {
            Ok(()) => {
                prop_assert_eq!(&request.headers()["host"], &value);
                prop_assert!(bytes.parse_as_authority());
            }
            Err(failure) => prop_assert_eq!(failure.reason(), Reason::BadRequest),
        }
    }

    #[test]
    fn a_host_of_the_right_shape_passes(host in "([a-z0-9.-]{1,20}|\\[[0-9a-f]{1,4}::[0-9a-f]{1,4}\\])(:[0-9]{0,4})?") {
        let passed = passed(request("/", &[("host", &host)]));
        prop_assert_eq!(&passed.headers()["host"], &host);
    }
}

/// A second opinion.
trait ParseAsAuthority {
    fn parse_as_authority(&self) -> bool;
}

impl ParseAsAuthority for Vec<u8> {
    fn parse_as_authority(&self) -> bool {
        // http's parser takes no percent-encoding.
        self.contains(&b'%')
            || http::uri::Authority::try_from(self.as_slice()).is_ok_and(|a| !a.as_str().contains('@'))
    }
}
