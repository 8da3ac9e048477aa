//! Who the client is, and whose word counts.

use http::HeaderValue;

use super::*;

const CLAIMS: [(&str, &str); 5] = [
    HOST,
    ("forwarded", "for=1.1.1.1"),
    ("x-forwarded-for", "1.1.1.1"),
    ("x-forwarded-proto", "gopher"),
    ("x-forwarded-host", "elsewhere"),
];

fn from(client: Client, fields: &[(&str, &str)]) -> HeaderMap {
    let mut request = request("/", fields);
    request.extensions_mut().insert(Arc::new(client));
    passed(request).headers().clone()
}

fn client(addr: &str) -> Client {
    Client::new(Some(addr.parse().unwrap()), true)
}

#[test]
fn an_untrusted_clients_word_is_replaced_by_ours() {
    let headers = from(client("192.0.2.1:4711"), &CLAIMS);
    assert_eq!(lines(&headers, "forwarded"), ["for=192.0.2.1;proto=https"]);
    assert_eq!(lines(&headers, "x-forwarded-for"), ["192.0.2.1"]);
    assert_eq!(lines(&headers, "x-forwarded-proto"), ["https"]);
    assert_eq!(lines(&headers, "x-forwarded-host"), ["shop.example"]);
}

#[test]
fn a_trusted_clients_word_is_kept_and_ours_appended() {
    let headers = from(client("192.0.2.1:4711").with_trust(true), &CLAIMS);
    assert_eq!(
        lines(&headers, "forwarded"),
        ["for=1.1.1.1", "for=192.0.2.1;proto=https"]
    );
    assert_eq!(lines(&headers, "x-forwarded-for"), ["1.1.1.1, 192.0.2.1"]);
    assert_eq!(lines(&headers, "x-forwarded-proto"), ["gopher"]);
    assert_eq!(lines(&headers, "x-forwarded-host"), ["elsewhere"]);
}

#[test]
fn ipv6_is_bracketed_and_quoted_and_mapped_ipv4_is_ipv4() {
    let headers = from(client("[2001:db8::1]:4711"), &[HOST]);
    assert_eq!(headers["forwarded"], "for=\"[2001:db8::1]\";proto=https");
    assert_eq!(headers["x-forwarded-for"], "2001:db8::1");
    let headers = from(client("[::ffff:192.0.2.1]:4711"), &[HOST]);
    assert_eq!(headers["forwarded"], "for=192.0.2.1;proto=https");
    assert_eq!(headers["x-forwarded-for"], "192.0.2.1");
}

#[test]
fn a_client_that_nobody_told_of_is_unknown_and_not_trusted() {
    let request = passed(request("/", &CLAIMS));
    assert_eq!(lines(request.headers(), "forwarded"), ["for=unknown;proto=http"]);
    assert_eq!(lines(request.headers(), "x-forwarded-proto"), ["http"]);
    assert!(!request.headers().contains_key("x-forwarded-for"));
}

#[test]
fn nobody_tells_us_of_certificates_trusted_or_not() {
    let claims = [
        HOST,
        ("x-forwarded-client-cert", "URI=spiffe://shop/admin"),
        ("X_Forwarded-Client_Cert", "URI=spiffe://shop/admin"),
        ("client-cert", ":AA==:"),
        ("client_cert", ":AA==:"),
        ("client-cert-chain", ":AA==:"),
        ("Client_Cert_Chain", ":AA==:"),
        ("proxy-status", "a; error=dns_error"),
        ("proxy_status", "a; error=dns_error"),
    ];
    let certificate = HeaderValue::from_static("URI=spiffe://shop/web");
    for client in [client("192.0.2.1:1"), client("192.0.2.1:1").with_trust(true)] {
        let headers = from(client.clone(), &claims);
        assert_eq!(
            headers
                .keys()
                .filter(|name| claims[1..].iter().any(|(claim, _)| *name == claim))
                .count(),
            0
        );
        let headers = from(client.with_certificate(certificate.clone()), &claims);
        assert_eq!(
            lines(&headers, "x-forwarded-client-cert"),
            ["URI=spiffe://shop/web"]
        );
    }
}

#[test]
fn what_envoy_expects_is_believed_of_peers_alone() {
    for name in ["x-envoy-expected-rq-timeout-ms", "x_envoy_expected-rq-timeout_ms"] {
        let fields = [HOST, (name, "100")];
        let stranger = client("127.0.0.1:1").with_trust(true);
        assert!(!from(stranger, &fields).contains_key(name), "{name}");
        let named = client("192.0.2.1:1").with_identity("spiffe://shop/cart".into());
        let certified = client("192.0.2.1:1").with_certificate(HeaderValue::from_static("Hash=1"));
        for peer in [named, certified] {
            assert_eq!(lines(&from(peer, &fields), name), ["100"]);
        }
    }
}

#[test]
fn underscores_do_not_get_a_strangers_word_past_us() {
    let headers = from(
        client("192.0.2.1:1"),
        &[HOST, ("x_forwarded_for", "1.1.1.1"), ("x_forwarded-proto", "a")],
    );
    assert!(!headers.contains_key("x_forwarded_for") && !headers.contains_key("x_forwarded-proto"));
}

#[test]
fn a_client_says_what_it_was_made_of() {
    let client = client("192.0.2.1:1")
        .with_trust(true)
        .with_identity("spiffe://shop/cart".into())
        .with_certificate(HeaderValue::from_static("c"));
    assert!(client.is_peer());
    assert_eq!(client.identity().map(|id| &**id), Some("spiffe://shop/cart"));
    assert_eq!(client.addr(), Some("192.0.2.1:1".parse().unwrap()));
    assert!(client.trusted());
    assert_eq!(client.certificate(), Some(&HeaderValue::from_static("c")));
}
