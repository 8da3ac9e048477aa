//! What callers may ask for, and which of them: their time, their quota, and the app's health whatever else is asked.

use std::future::pending;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

use crate::harness::{App, Body, Client, Pair, Sidecar, eventually, full, get, inbound_to, ok};

/// Is well, and answers nothing else.
async fn stuck_but_well(request: Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/healthz" => Response::new(full("well")),
        _ => pending().await,
    }
}

#[tokio::test]
async fn the_apps_health_may_be_asked_whatever_else_waits() {
    let app = App::http1(stuck_but_well).await;
    let keys = "limit = { in_flight = 1, queue = 0, rate = \"1/h\" }\nhealth.path = \"/healthz\"";
    let sidecar = Sidecar::start(&inbound_to(app.addr, keys)).await;
    let busy = Client::http1(sidecar.inbound()).await;
    let client = Client::http1(sidecar.inbound()).await;
    let _never = tokio::spawn(async move { busy.ask(get("/")).await });
    eventually("the app to be full", async || {
        (!app.seen().is_empty()).then_some(())
    })
    .await;
    assert_eq!(client.ask(get("/")).await.status, 503);
    for _ in 0..3 {
        assert_eq!(client.ask(get("/healthz?verbose")).await.text(), "well");
    }
}

#[tokio::test]
async fn maintenance_is_not_told_to_who_asks_for_health() {
    let app = App::http1(stuck_but_well).await;
    let keys = "maintenance = true\nhealth.path = \"/healthz\"";
    let sidecar = Sidecar::start(&inbound_to(app.addr, keys)).await;
    let client = Client::http1(sidecar.inbound()).await;
    assert_eq!(
        client.ask(get("/")).await.reason().as_deref(),
        Some("maintenance")
    );
    assert_eq!(client.ask(get("/healthz")).await.text(), "well");
}

#[tokio::test]
async fn a_caller_beyond_its_quota_is_told_429_and_when_to_come_back() {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&inbound_to(app.addr, "limit.rate_per_caller = \"2/m\"")).await;
    for _ in 0..2 {
        // A connection each: it is the caller who has a quota.
        let client = Client::http1(sidecar.inbound()).await;
        assert_eq!(client.ask(get("/")).await.status, 200);
    }
    let client = Client::http2(sidecar.inbound()).await;
    let reply = client.ask(get("/")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason().as_deref()),
        (429, Some("quota"))
    );
    assert_eq!(reply.error().as_deref(), Some("http_request_error"));
    let wait: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");

    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(sidecar.inbound()).await.unwrap();
    other
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(app.seen().len(), 3);
}

#[tokio::test]
async fn the_callers_time_ends_the_request_at_both_hops_and_less_of_it_goes_on() {
    let app = App::http1(stuck_but_well).await;
    let pair = Pair::start(app.addr).await;
    let client = pair.http1().await;
    let asking = |value: &str| {
        let mut request = get("/");
        request
            .headers_mut()
            .insert("x-request-timeout-ms", value.parse().unwrap());
        request
    };
    let reply = client.ask(asking("400")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason().as_deref()),
        (504, Some("deadline_exceeded"))
    );
    let told: u64 = app.saw().field("x-request-timeout-ms").parse().unwrap();
    assert!((1..400).contains(&told), "{told}");

    let reply = client.ask(asking("0")).await;
    assert_eq!(reply.reason().as_deref(), Some("deadline_exceeded"));
    let reply = client.ask(asking("soon")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason().as_deref()),
        (400, Some("bad_request"))
    );
    assert_eq!(app.seen().len(), 1, "neither was asked of the app");
    // Nobody's word for it: who calls here has no certificate.
    let client = pair.http1().await;
    let mut request = get("/healthz");
    let envoys = http::HeaderName::from_static("x-envoy-expected-rq-timeout-ms");
    request.headers_mut().insert(&envoys, "1".parse().unwrap());
    assert_eq!(client.ask(request).await.text(), "well");
    assert!(!app.seen()[1].headers.contains_key(&envoys));
}
