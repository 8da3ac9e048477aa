//! What a client may ask of us, and what it is told beyond.

use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::harness::{App, Client, Raw, Sidecar, eventually, full, get, ok, outbound_to};

/// A sidecar with these `[limits]`, and the app behind it.
async fn limited(limits: &str) -> (App, Sidecar) {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&(outbound_to(app.addr, "") + "[limits]\n" + limits)).await;
    (app, sidecar)
}

/// How the first line of the answer to these bytes begins.
async fn answer_to(sidecar: &Sidecar, bytes: &str) -> String {
    let mut raw = Raw::connect(sidecar.outbound()).await;
    raw.say(bytes).await;
    let answer = raw.read_until("\r\n\r\n").await;
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

async fn counted(sidecar: &Sidecar, reason: &str, status: &str) {
    eventually(&format!("{reason} to be counted"), async || {
        let labels = [("reason", reason), ("status", status), ("generated_by", "proxy")];
        (sidecar.metrics().await.sum("outrigger_requests_total", &labels) >= 1.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_told_431_and_one_within_passes() {
    let (app, sidecar) = limited("header_bytes = 8192").await;
    let with = |size: usize| {
        format!(
            "GET / HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n",
            "l".repeat(size)
        )
    };
    assert_eq!(answer_to(&sidecar, &with(7000)).await, "200");
    assert_eq!(answer_to(&sidecar, &with(9000)).await, "431");
    counted(&sidecar, "request_header_too_large", "431").await;
    assert_eq!(app.seen().len(), 1);
}

#[tokio::test]
async fn too_many_fields_are_told_431_and_as_many_as_allowed_pass() {
    let (app, sidecar) = limited("header_fields = 20").await;
    let with = |count: usize| {
        format!(
            "GET / HTTP/1.1\r\nhost: x\r\n{}\r\n",
            "x-many: m\r\n".repeat(count - 1)
        )
    };
    assert_eq!(answer_to(&sidecar, &with(20)).await, "200");
    assert_eq!(answer_to(&sidecar, &with(21)).await, "431");
    counted(&sidecar, "request_header_too_large", "431").await;
    assert_eq!(app.seen().len(), 1);
}

#[tokio::test]
async fn too_many_fields_over_http2_are_told_431_as_well() {
    let (app, sidecar) = limited("header_fields = 20").await;
    let client = Client::http2(sidecar.outbound()).await;
    let with = |count: usize| {
        let mut request = get("/");
        for _ in 0..count {
            request.headers_mut().append("x-many", "m".parse().unwrap());
        }
        request
    };
    assert_eq!(client.ask(with(18)).await.status, 200);
    assert_eq!(client.ask(with(40)).await.status, 431);
    counted(&sidecar, "request_header_too_large", "431").await;
    assert_eq!(app.seen().len(), 1);
}

#[tokio::test]
async fn a_target_that_is_too_long_is_told_414_and_one_within_passes() {
    let (app, sidecar) = limited("target_bytes = 256").await;
    let with = |length: usize| format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "t".repeat(length - 1));
    assert_eq!(answer_to(&sidecar, &with(256)).await, "200");
    assert_eq!(answer_to(&sidecar, &with(257)).await, "414");
    counted(&sidecar, "target_too_long", "414").await;
    assert_eq!(app.seen().len(), 1);
    let reply = Client::http2(sidecar.outbound())
        .await
        .ask(get(&format!("/{}", "t".repeat(300))))
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason().as_deref()),
        (414, Some("target_too_long"))
    );
    assert_eq!(reply.error().as_deref(), Some("http_request_error"));
}

#[tokio::test]
async fn over_http2_a_head_that_is_too_large_fails_that_request_alone() {
    let (app, sidecar) = limited("header_bytes = 8192").await;
    let client = Client::http2(sidecar.outbound()).await;
    let mut large = get("/");
    large
        .headers_mut()
        .insert("x-large", "l".repeat(20_000).parse().unwrap());
    match client.try_send(large).await {
        Ok(response) => assert_eq!(response.status(), 431),
        Err(error) => assert!(error.to_string().contains("http2"), "{error:?}"),
    }
    assert_eq!(client.ask(get("/")).await.status, 200);
    assert_eq!(app.seen().len(), 1);
}

#[tokio::test]
async fn half_a_head_is_waited_for_as_long_as_allowed_and_no_longer() {
    let (app, sidecar) = limited("header_time = \"1s\"").await;
    for begun_with in ["GET / HT", "GET / HTTP/1.1\r\nhost: x\r\nx-ha"] {
        let mut raw = Raw::connect(sidecar.outbound()).await;
        raw.say(begun_with).await;
        let begun = Instant::now();
        raw.read_to_end().await;
        let took = begun.elapsed();
        assert!(
            (Duration::from_millis(900)..Duration::from_secs(4)).contains(&took),
            "{begun_with}: {took:?}"
        );
    }
    counted(&sidecar, "request_timeout", "408").await;
    assert!(app.seen().is_empty());
}

#[tokio::test]
async fn a_head_in_pieces_within_its_time_is_served() {
    let (_app, sidecar) = limited("header_time = \"3s\"").await;
    let mut raw = Raw::connect(sidecar.outbound()).await;
    for piece in ["GE", "T / HTTP/1.1\r", "\nho", "st: x\r\n", "\r", "\n"] {
        raw.say(piece).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(raw.read_until("\r\n\r\n").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn between_requests_a_connection_idles_as_long_as_allowed_and_no_longer() {
    let (_app, sidecar) = limited("header_time = \"5s\"\nidle_time = \"1s\"").await;
    let mut raw = Raw::connect(sidecar.outbound()).await;
    raw.say("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    raw.read_until("ok").await;
    assert!(raw.stays_open(Duration::from_millis(600)).await);
    let begun = Instant::now();
    assert_eq!(
        raw.read_to_end().await,
        "",
        "nothing is said: a 408 would look like an answer"
    );
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn an_idle_http2_connection_is_ended_too() {
    let (_app, sidecar) = limited("idle_time = \"1s\"").await;
    let client = Client::http2(sidecar.outbound()).await;
    assert_eq!(client.ask(get("/")).await.status, 200);
    eventually("the connection to be gone", async || {
        let open = [("direction", "outbound"), ("state", "open")];
        (sidecar.metrics().await.sum("outrigger_connections", &open) == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_request_that_takes_long_is_no_idle_connection() {
    let app = App::http1(|_: Request<Incoming>| async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        Response::new(full("late"))
    })
    .await;
    let limits = "[limits]\nheader_time = \"500ms\"\nidle_time = \"500ms\"\n";
    let sidecar = Sidecar::start(&(outbound_to(app.addr, "") + limits)).await;
    let client = Client::http1(sidecar.outbound()).await;
    assert_eq!(client.ask(get("/")).await.text(), "late");
    let client = Client::http2(sidecar.outbound()).await;
    assert_eq!(client.ask(get("/")).await.text(), "late");
}

#[tokio::test]
async fn beyond_the_limit_connections_are_closed_at_once_and_below_it_served_again() {
    let (_app, sidecar) = limited("connections = 2").await;
    let first = Client::http1(sidecar.outbound()).await;
    let second = Client::http1(sidecar.outbound()).await;
    assert_eq!(first.ask(get("/")).await.status, 200);
    assert_eq!(second.ask(get("/")).await.status, 200);
    let mut third = Raw::connect(sidecar.outbound()).await;
    third.say("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(third.read_to_end().await, "");
    drop(first);
    eventually("a place", async || {
        let mut raw = Raw::connect(sidecar.outbound()).await;
        raw.say("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        raw.read_to_end().await.starts_with("HTTP/1.1 200 ").then_some(())
    })
    .await;
}

#[tokio::test]
async fn http2_streams_beyond_the_limit_wait_for_those_before() {
    let (_app, sidecar) = limited("streams = 4").await;
    let client = Client::http2(sidecar.outbound()).await;
    // With the first answer the client knows the limit.
    assert_eq!(client.ask(get("/")).await.status, 200);
    let asked = (0..40).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.ask(get("/")).await.status })
    });
    for asked in asked.collect::<Vec<_>>() {
        assert_eq!(asked.await.unwrap(), 200);
    }
}
