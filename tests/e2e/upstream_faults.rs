//! Everything an upstream can do wrong, and what is told of it: to the caller, in the metrics, in the log.
//!
//! One sidecar has one upstream a fault, so that the tables below are also what a scrape looks like.

mod complete;
mod http1;
mod http2;
mod names;
mod row;
mod run;
mod told;
mod uploads;

use std::time::Duration;

use http::Method;
use outrigger_faults::{Fault, Server, Unusual};

use self::{
    http1::{HTTP1, HTTP1_FLOODS, HTTP1_PLAIN, HTTP1_TLS},
    http2::{GRPC, HTTP2, HTTP2_FLOODS},
    run::check,
};
use crate::harness::{Client, Sidecar, empty, full, get, request};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Http1,
    Http2,
    Grpc,
}

const ALL: &[Caller] = &[Caller::Http1, Caller::Http2, Caller::Grpc];

#[tokio::test]
async fn each_fault_over_http1_is_told_as_what_it_is() {
    check(&[HTTP1, HTTP1_PLAIN], ALL, "http1", None).await;
}

#[tokio::test]
async fn each_fault_over_http1_is_told_as_the_same_behind_tls() {
    check(&[HTTP1, HTTP1_TLS], ALL, "http1", Some(b"http/1.1")).await;
}

#[tokio::test]
async fn each_flood_over_http1_is_told_as_what_it_is() {
    check(&[HTTP1_FLOODS], &[Caller::Http1], "http1", None).await;
}

#[tokio::test]
async fn each_fault_over_http2_is_told_as_what_it_is() {
    check(&[HTTP2], ALL, "http2", None).await;
}

#[tokio::test]
async fn each_fault_over_http2_is_told_as_the_same_behind_tls() {
    check(&[HTTP2], ALL, "http2", Some(b"h2")).await;
}

#[tokio::test]
async fn each_flood_over_http2_is_told_as_what_it_is() {
    check(&[HTTP2_FLOODS], &[Caller::Http2], "http2", None).await;
}

#[tokio::test]
async fn each_answer_to_a_grpc_call_is_passed_on_as_it_is() {
    check(&[GRPC], &[Caller::Grpc], "http2", None).await;
}

const TIMES: &str = r#"timeout = { connect = "500ms", head = "1s", idle = "800ms" }"#;

/// A sidecar with one misbehaving upstream, and a client of it.
async fn before(fault: Fault) -> (Server, Sidecar, Client) {
    let server = Server::start(fault);
    let sidecar = Sidecar::start(&crate::harness::outbound_to(server.addr(), TIMES)).await;
    let client = Client::http1(sidecar.outbound()).await;
    (server, sidecar, client)
}

#[tokio::test]
async fn what_answers_instead_of_http_is_guessed_at() {
    for (fault, guess) in [
        (
            Fault::TlsAlert(10),
            "the upstream speaks TLS on a port configured as plaintext",
        ),
        (Fault::Garbage, "the upstream sends binary data"),
        (
            Fault::UnknownVersion,
            "the upstream answers in another version of HTTP",
        ),
        (
            Fault::H2None,
            "the upstream speaks HTTP/2 on a port configured as HTTP/1.1",
        ),
    ] {
        let (_server, _sidecar, client) = before(fault).await;
        let reply = client.ask(get("/")).await;
        assert!(reply.details().contains(guess), "{fault:?}: {}", reply.details());
    }
}

#[tokio::test]
async fn the_endpoint_that_failed_is_named() {
    let (server, sidecar, client) = before(Fault::Refuse).await;
    let reply = client.ask(get("/")).await;
    let endpoint = server.addr().to_string();
    assert_eq!(reply.proxy_status()[0].next_hop.as_deref(), Some(&*endpoint));
    let line = sidecar.access_line(|_| true).await;
    assert_eq!(line["endpoint"], *endpoint, "{line}");
}

#[tokio::test]
async fn an_upload_that_is_reset_after_an_early_answer_is_told_as_either() {
    let (_server, _sidecar, client) = before(Fault::EarlyAnswer).await;
    let reply = client
        .ask(request(Method::POST, "/", full(vec![b'x'; 1 << 20])))
        .await;
    // The reset may overtake the answer; then nothing of it was ever there to be read.
    match reply.status.as_u16() {
        413 => assert_eq!(reply.text(), "too much"),
        status => assert_eq!(
            (status, reply.error().as_deref()),
            (502, Some("connection_terminated"))
        ),
    }
}

#[tokio::test]
async fn a_kept_alive_connection_that_closes_meanwhile_costs_no_request() {
    for (fault, pause) in [
        (Fault::CloseOnNext, 0),
        (Fault::CloseIdle(Duration::from_millis(1)), 1),
        // A 408 that meets a request looks like its answer; only one that comes before can be told apart.
        (Fault::TimeoutIdle(Duration::from_millis(5)), 100),
    ] {
        let (server, _sidecar, client) = before(fault).await;
        for turn in 1..=10 {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let reply = client.ask(get("/")).await;
            assert_eq!(reply.status, 200, "{fault:?}, turn {turn}: {}", reply.text());
        }
        assert!(
            server.accepted() >= 2,
            "{fault:?}: the connection was not even closed"
        );
    }
}

#[tokio::test]
async fn what_follows_a_response_is_never_taken_for_the_next_one() {
    for (what, status) in [
        (Unusual::BytesAfter, 200),
        (Unusual::NoContentWithBody, 204),
        (Unusual::NoContentChunked, 204),
        (Unusual::NotModifiedWithBody, 304),
    ] {
        let (_server, _sidecar, client) = before(Fault::Unusual(what)).await;
        for turn in 1..=5 {
            let reply = client.ask(get("/")).await;
            let told = (reply.status.as_u16(), reply.cut.is_none());
            assert_eq!(told, (status, true), "{what:?}, turn {turn}: {}", reply.text());
            assert!(!reply.text().contains("fake"), "{what:?}: {}", reply.text());
        }
    }
    // A body where HEAD asks for none.
    let (_server, _sidecar, client) = before(Fault::None).await;
    for turn in 1..=5 {
        let reply = client.ask(request(Method::HEAD, "/", empty())).await;
        assert_eq!(
            (reply.status.as_u16(), reply.text().as_str()),
            (200, ""),
            "turn {turn}"
        );
        let reply = client.ask(get("/")).await;
        assert_eq!(
            (reply.status.as_u16(), reply.text().as_str()),
            (200, "ok"),
            "turn {turn}"
        );
    }
}

#[tokio::test]
async fn what_may_not_be_asked_twice_is_not_and_the_race_is_told() {
    let (_server, _sidecar, client) = before(Fault::CloseOnNext).await;
    assert_eq!(client.ask(get("/")).await.status, 200);
    let reply = client.ask(request(Method::POST, "/", full("once"))).await;
    assert_eq!(reply.status, 502);
    assert_eq!(reply.error().as_deref(), Some("connection_terminated"));
    assert_eq!(reply.reason().as_deref(), Some("idle_race"));
}

#[tokio::test]
async fn a_cause_lasts_from_the_first_request_to_the_last() {
    let (_server, _sidecar, client) = before(Fault::Refuse).await;
    for turn in 0..20 {
        let reply = client.ask(get("/")).await;
        assert_eq!(reply.status, 502);
        assert!(reply.details().contains("refused"), "{}", reply.details());
        if turn < 5 {
            assert_eq!(reply.reason().as_deref(), Some("connection_refused"));
        }
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_with_its_name() {
    let config = "name = \"web.shop\"\n[outbound]\nlisten = \"127.0.0.1:0\"\n[[outbound.upstream]]\nname = \"orders\"\n\
                  endpoints = [\"dns:orders.invalid:80\"]\n[dns]\nservers = [\"127.0.0.1:9\"]\n";
    let sidecar = Sidecar::start(config).await;
    let reply = Client::http1(sidecar.outbound()).await.ask(get("/")).await;
    let told = (reply.status.as_u16(), reply.reason().unwrap());
    // Nobody resolves at port 9: refused at once, or silent, as the host likes.
    assert!(
        [(502, "dns_error".to_owned()), (504, "dns_timeout".to_owned())].contains(&told),
        "{told:?} {}",
        reply.text()
    );
    assert!(reply.details().contains("orders.invalid"), "{}", reply.details());
}
