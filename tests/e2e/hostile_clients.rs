//! Clients that misbehave get nowhere, cost little, and disturb nobody else.

use std::{net::SocketAddr, time::Duration};

use http::Response;
use outrigger_faults::{Ending, Fault, HostileClient, Server};

use crate::harness::{
    App, Certificates, Client, Keys, Raw, Reply, Sidecar, eventually, full, get, inbound_to, ok, outbound_to,
    pair,
};

const LIMITS: &str = "[limits]\nheader_time = \"1s\"\nhandshake_time = \"1s\"\nidle_time = \"1s\"\n";

/// What may come of each: a status, or the connection's end without one.
fn harmless(client: HostileClient) -> &'static [Option<u16>] {
    use HostileClient as H;
    match client {
        H::ConflictingLengths | H::TwoHosts | H::NoHost | H::Garbage => &[Some(400)],
        // RFC 9112 §6.1: taken by its transfer coding alone, and the connection is closed.
        H::BothLengths => &[Some(200)],
        // Nothing is wrong with it where plain text is spoken.
        H::PlainText => &[Some(200)],
        H::LongTarget => &[Some(414), Some(431)],
        H::HugeField | H::ManyFields => &[Some(431)],
        H::CutInBody => &[Some(400), None],
        _ => &[None, Some(400)],
    }
}

/// Every hostile client, all at once, while a good one asks and asks.
async fn nobody_else_is_disturbed(addr: SocketAddr, good: impl AsyncFn() -> Reply) {
    let hostile = HostileClient::ALL
        .iter()
        .map(|client| tokio::spawn(client.call(addr)));
    let hostile: Vec<_> = hostile.collect();
    while hostile.iter().any(|client| !client.is_finished()) {
        let reply = good().await;
        assert_eq!((reply.status.as_u16(), &*reply.text()), (200, "ok"));
    }
    for (client, answer) in HostileClient::ALL.iter().zip(hostile) {
        let answer = answer.await.unwrap().unwrap();
        let status = answer
            .status()
            .filter(|_| answer.ending != Ending::Silent || answer.status().is_some());
        assert!(
            harmless(*client).contains(&status),
            "{client:?}: {status:?} {:?}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn at_the_outbound_listener_they_are_rejected_and_others_are_served() {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&(outbound_to(app.addr, "") + LIMITS)).await;
    let client = Client::http1(sidecar.outbound()).await;
    nobody_else_is_disturbed(sidecar.outbound(), async || client.ask(get("/good")).await).await;
    nothing_hostile_got_through(&app);
    all_are_gone(&sidecar, "outbound").await;
}

#[tokio::test]
async fn at_an_inbound_listener_in_plaintext_they_are_rejected_and_others_are_served() {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&(inbound_to(app.addr, "") + LIMITS)).await;
    let client = Client::http1(sidecar.inbound()).await;
    nobody_else_is_disturbed(sidecar.inbound(), async || client.ask(get("/good")).await).await;
    nothing_hostile_got_through(&app);
    all_are_gone(&sidecar, "inbound").await;
}

#[tokio::test]
async fn at_an_mtls_listener_nobody_gets_as_far_as_http() {
    let app = App::http1(ok).await;
    let certificates = Certificates::new();
    let listen = "127.0.0.1:0".parse().unwrap();
    let inbound = pair::inbound(&certificates, listen, app.addr, Keys::default()) + LIMITS;
    let inbound = Sidecar::start(&inbound).await;
    let outbound = pair::outbound(&certificates, &[inbound.inbound()], Keys::default());
    let outbound = Sidecar::start(&outbound).await;
    let client = Client::http1(outbound.outbound()).await;
    let hostile = HostileClient::ALL.iter();
    let hostile = hostile.map(|client| (client, tokio::spawn(client.call(inbound.inbound()))));
    for (kind, answer) in hostile.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap().unwrap().status(), None, "{kind:?}");
        assert_eq!(client.ask(get("/good")).await.text(), "ok", "after {kind:?}");
    }
    nothing_hostile_got_through(&app);
}

/// What reached the app is framed in one way and meant for one host.
fn nothing_hostile_got_through(app: &App) {
    for seen in app.seen() {
        let framings =
            ["content-length", "transfer-encoding"].map(|name| seen.headers.get_all(name).iter().count());
        assert!(framings.iter().sum::<usize>() <= 1, "{seen:#?}");
        assert_eq!(seen.headers.get_all("host").iter().count(), 1, "{seen:#?}");
        assert!(
            seen.uri.path().len() < 100 && seen.headers.len() < 20,
            "{seen:#?}"
        );
    }
}

/// Connections that went wrong are not kept.
async fn all_are_gone(sidecar: &Sidecar, direction: &str) {
    eventually("the connections to be gone", async || {
        let open = [("direction", direction), ("state", "open")];
        (sidecar.metrics().await.sum("outrigger_connections", &open) <= 1.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_thousand_requests_that_are_reset_at_once_do_not_stop_the_service() {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, "")).await;
    for _ in 0..5 {
        let _ = HostileClient::H2RapidReset
            .call(sidecar.outbound())
            .await
            .unwrap();
    }
    let client = Client::http1(sidecar.outbound()).await;
    assert_eq!(client.ask(get("/")).await.text(), "ok");
    eventually("nothing to be in flight", async || {
        let metrics = sidecar.metrics().await;
        (metrics.sum("outrigger_requests_in_flight", &[]) == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_client_that_goes_away_in_its_upload_takes_the_request_with_it() {
    let server = Server::start(Fault::NoAnswer);
    let sidecar = Sidecar::start(&outbound_to(server.addr(), "")).await;
    HostileClient::ResetInBody.call(sidecar.outbound()).await.unwrap();
    let line = sidecar.access_line(|_| true).await;
    assert_eq!(
        (line["reason"].as_str(), line["status"].as_u64()),
        (Some("client_gone"), Some(499)),
        "{line}"
    );
}

#[tokio::test]
async fn a_head_that_comes_drop_by_drop_is_cut_off_when_its_time_is_over() {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&(outbound_to(app.addr, "") + LIMITS)).await;
    let begun = tokio::time::Instant::now();
    let answer = HostileClient::Slowloris(Duration::from_millis(100))
        .call(sidecar.outbound())
        .await
        .unwrap();
    let took = begun.elapsed();
    assert!(
        (Duration::from_millis(900)..Duration::from_secs(4)).contains(&took),
        "{took:?}"
    );
    assert_ne!(answer.ending, Ending::Silent, "{}", answer.text());
    let line = sidecar.access_line(|_| true).await;
    assert_eq!(line["reason"], "request_timeout", "{line}");
    assert!(app.seen().is_empty());
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_responses_is_left_and_what_it_held_is_free_again() {
    let app = App::http1(|_| async { Response::new(full(vec![b'x'; 32 << 20])) }).await;
    let limits = "[limits]\nidle_time = \"1s\"\n";
    let sidecar = Sidecar::start(&(outbound_to(app.addr, "limit = { in_flight = 1 }") + limits)).await;
    let mut raw = Raw::connect(sidecar.outbound()).await;
    raw.say("GET / HTTP/1.1\r\nhost: orders\r\n\r\n").await;
    let line = sidecar.access_line(|_| true).await;
    assert_eq!(line["reason"], "client_gone", "{line}");
    all_are_gone(&sidecar, "outbound").await;
    let client = Client::http1(sidecar.outbound()).await;
    assert_eq!(client.ask(get("/")).await.body.len(), 32 << 20);
}
