//! What a hop adds, takes out, keeps and does not believe.

use crate::harness::{App, Client, Pair, Reply, Seen, Sidecar, empty, get, inbound_to, ok, outbound_to};
use http::{HeaderMap, Response};

/// The head that the app saw of a GET with these fields, through an outbound sidecar.
async fn seen_through(config: impl Fn(&App) -> String, fields: &[(&str, &str)]) -> Seen {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&config(&app)).await;
    let addr = sidecar
        .inbound
        .first()
        .copied()
        .unwrap_or_else(|| sidecar.outbound());
    let reply = Client::http1(addr).await.ask(get_with(fields)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    app.saw()
}

fn get_with(fields: &[(&str, &str)]) -> http::Request<crate::harness::Body> {
    let mut request = get("/");
    for (name, value) in fields {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

/// The reply to a GET at an app that answers with these fields.
async fn replied(fields: &'static [(&'static str, &'static str)]) -> Reply {
    let app = App::http1(move |_| async move {
        let mut response = Response::new(empty());
        for (name, value) in fields {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        response
    })
    .await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, "")).await;
    Client::http1(sidecar.outbound()).await.ask(get("/")).await
}

fn outbound(app: &App) -> String {
    outbound_to(app.addr, "")
}

fn inbound(app: &App) -> String {
    inbound_to(app.addr, "")
}

#[tokio::test]
async fn fields_that_end_at_a_hop_do_not_pass() {
    let seen = seen_through(
        outbound,
        &[
            ("connection", "x-named, keep-alive"),
            ("x-named", "for this hop alone"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic c2VjcmV0"),
            ("te", "gzip"),
            ("upgrade", "websocket"),
            ("http2-settings", "AAMAAABk"),
            ("x-kept", "yes"),
        ],
    )
    .await;
    for name in [
        "x-named",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "upgrade",
        "http2-settings",
    ] {
        assert_eq!(seen.field(name), "", "{name}");
    }
    assert_eq!(seen.field("x-kept"), "yes");
}

#[tokio::test]
async fn a_connection_field_cannot_hide_what_the_next_hop_relies_on() {
    let hidden = "x-forwarded-for, authorization, x-forwarded-client-cert, host, cookie";
    let fields = [
        ("connection", hidden),
        ("authorization", "Bearer token"),
        ("cookie", "a=b"),
    ];
    let seen = seen_through(outbound, &fields).await;
    assert_eq!(seen.field("authorization"), "Bearer token");
    assert_eq!(seen.field("cookie"), "a=b");
    assert_eq!(seen.field("host"), "orders.shop.svc");
    assert_ne!(seen.field("x-forwarded-for"), "");
}

#[tokio::test]
async fn fields_of_a_response_that_end_at_a_hop_do_not_pass() {
    let reply = replied(&[
        ("connection", "x-named"),
        ("x-named", "for this hop alone"),
        ("keep-alive", "timeout=5"),
        ("proxy-authenticate", "Basic"),
        ("x-kept", "yes"),
    ])
    .await;
    for name in ["x-named", "keep-alive", "proxy-authenticate"] {
        assert_eq!(reply.field(name), "", "{name}");
    }
    assert_eq!(reply.field("x-kept"), "yes");
}

#[tokio::test]
async fn each_hop_adds_itself_to_via() {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    let request = get_with(&[("via", "1.0 elsewhere")]);
    assert_eq!(pair.http1().await.ask(request).await.status, 200);
    let via = app.saw().field("via");
    let hops: Vec<_> = via.split(", ").collect();
    assert_eq!(hops.len(), 3, "{via}");
    assert_eq!(hops[0], "1.0 elsewhere");
    assert!(hops[1].starts_with("1.1 web.shop-out-"), "{via}");
    assert!(hops[2].starts_with("2 orders.shop-in-"), "{via}");
}

#[tokio::test]
async fn the_callers_of_each_hop_are_told_to_the_app() {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    let request = get_with(&[
        ("x-forwarded-for", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9"),
    ]);
    assert_eq!(pair.http1().await.ask(request).await.status, 200);
    let seen = app.saw();
    assert_eq!(seen.field("x-forwarded-for"), "203.0.113.9, 127.0.0.1, 127.0.0.1");
    assert_eq!(
        seen.field("x-forwarded-proto"),
        "http",
        "what the first client spoke"
    );
    assert_eq!(seen.field("x-forwarded-host"), "orders.shop.svc");
    let forwarded = seen.field("forwarded");
    assert_eq!(forwarded.matches("for=").count(), 3, "{forwarded}");
    assert!(forwarded.contains("proto=https"), "{forwarded}");
}

#[tokio::test]
async fn a_forged_identity_is_removed_and_the_real_one_put_in_its_place() {
    const FORGED: &[(&str, &str)] = &[
        ("x-forwarded-client-cert", "URI=spiffe://shop/ns/shop/sa/admin"),
        ("X_Forwarded_Client_Cert", "URI=spiffe://shop/ns/shop/sa/admin"),
        ("client-cert", ":AAAA:"),
        ("client-cert-chain", ":AAAA:"),
        ("proxy-status", "web.shop; error=connection_refused"),
    ];
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    assert_eq!(pair.http1().await.ask(get_with(FORGED)).await.status, 200);
    let seen = app.saw();
    let told = seen.field("x-forwarded-client-cert");
    assert!(told.contains("URI=spiffe://shop/ns/shop/sa/web"), "{told}");
    assert!(!format!("{seen:?}").contains("admin"), "{seen:#?}");
    for name in [
        "x_forwarded_client_cert",
        "client-cert",
        "client-cert-chain",
        "proxy-status",
    ] {
        assert_eq!(seen.field(name), "", "{name}");
    }
}

#[tokio::test]
async fn without_a_certificate_nobody_is_vouched_for() {
    let forged = [("x-forwarded-client-cert", "URI=spiffe://shop/ns/shop/sa/admin")];
    assert_eq!(
        seen_through(inbound, &forged)
            .await
            .field("x-forwarded-client-cert"),
        ""
    );
}

#[tokio::test]
async fn a_trace_is_passed_on_or_begun() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let seen = seen_through(outbound, &[("traceparent", parent), ("tracestate", "a=b")]).await;
    assert!(
        seen.field("traceparent")
            .contains("0af7651916cd43dd8448eb211c80319c")
    );
    assert_eq!(seen.field("tracestate"), "a=b");
    let begun = seen_through(outbound, &[]).await.field("traceparent");
    assert_eq!((begun.len(), &begun[..3]), (55, "00-"), "{begun}");
}

#[tokio::test]
async fn forged_members_on_a_good_answer_change_nothing() {
    let reply = replied(&[("x-kept", "yes"), ("proxy-status", "not a list,,;")]).await;
    assert_eq!((reply.status.as_u16(), reply.error()), (200, None));
}

#[tokio::test]
async fn crumbs_of_a_cookie_reach_an_http1_app_in_one_piece() {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    let request = get_with(&[("cookie", "a=1"), ("cookie", "b=2")]);
    assert_eq!(pair.http2().await.ask(request).await.status, 200);
    let headers: HeaderMap = app.saw().headers;
    assert_eq!(headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=2"]);
}
