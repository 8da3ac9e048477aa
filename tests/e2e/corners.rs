//! Corners in which one cause looks like another.

use std::time::Duration;

use http::{Method, Request};
use outrigger_faults::{Fault, HostileClient, Server};
use tokio::time::Instant;

use crate::harness::{grpc::*, *};

#[tokio::test]
async fn a_refused_stream_is_sent_once_more_though_there_is_one_endpoint_only() {
    for ask in [get("/"), request(Method::POST, "/", full("a small body"))] {
        let server = Server::start(Fault::H2RefuseOnce);
        let sidecar = Sidecar::start(&outbound_to(server.addr(), "protocol = \"http2\"")).await;
        let reply = Client::http1(sidecar.outbound()).await.ask(ask).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

#[tokio::test]
async fn a_banner_that_comes_before_the_request_is_not_taken_for_half_a_head() {
    for _ in 0..30 {
        let server = Server::start(Fault::SshBanner);
        let sidecar = Sidecar::start(&outbound_to(server.addr(), "breaker = { failures = 0 }")).await;
        let client = Client::http1(sidecar.outbound()).await;
        for _ in 0..10 {
            let reply = client.ask(get("/")).await;
            assert_eq!(
                reply.reason().as_deref(),
                Some("protocol_error"),
                "{}",
                reply.text()
            );
            assert!(reply.details().contains("SSH"), "{}", reply.details());
        }
    }
}

#[tokio::test]
async fn a_client_that_breaks_its_upload_off_under_the_answer_is_the_one_who_left() {
    let app = App::http1(echo).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, "")).await;
    HostileClient::ResetInBody.call(sidecar.outbound()).await.unwrap();
    let line = sidecar.access_line(|_| true).await;
    let told = (line["reason"].as_str(), line["status"].as_u64());
    assert_eq!(told, (Some("client_gone"), Some(499)), "{line}");
}

#[tokio::test]
async fn a_connection_that_never_spoke_does_not_hold_up_a_drain() {
    let certificates = Certificates::new();
    let app = App::http1(ok).await;
    let drain = "[drain]\ndelay = \"100ms\"\ngrace = \"30s\"\n";
    let any = "127.0.0.1:0".parse().unwrap();
    let tls = pair::inbound(&certificates, any, app.addr, Keys::default());
    for config in [inbound_to(app.addr, ""), tls] {
        let mut sidecar = Sidecar::start(&(config + drain)).await;
        let silent = Raw::connect(sidecar.inbound()).await;
        eventually("the connection to be counted", async || {
            let open = [("direction", "inbound"), ("state", "open")];
            let counted = sidecar.metrics().await.sum("outrigger_connections", &open);
            (counted == 1.0).then_some(())
        })
        .await;
        sidecar.signal("TERM");
        let begun = Instant::now();
        assert_eq!(sidecar.ended().await, Some(0));
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        drop(silent);
    }
}

#[tokio::test]
async fn each_hop_leaves_the_next_less_time() {
    let app = App::h2c(|_: Request<hyper::body::Incoming>| std::future::pending()).await;
    let keys = Keys {
        app: "protocol = \"http2\"",
        ..Keys::default()
    };
    let pair = Pair::with(app.addr, keys).await;
    let hang = calling("Hang", &[("grpc-timeout", "500m")], full(message(b"")));
    let mut call = pair.http2().await.call(hang).await;
    assert_eq!(call.code().await, Some(4));
    assert_ne!(app.saw().field("grpc-timeout"), "500000u");
}

#[tokio::test]
async fn a_body_cut_before_anything_was_sent_on_is_a_failure_of_the_whole() {
    let server = Server::start(Fault::H2ShortBody);
    let sidecar = Sidecar::start(&outbound_to(server.addr(), "protocol = \"http2\"")).await;
    let reply = Client::http1(sidecar.outbound()).await.ask(get("/")).await;
    let told = (reply.status.as_u16(), reply.reason());
    assert_eq!((told.0, told.1.as_deref()), (502, Some("response_incomplete")));
}
