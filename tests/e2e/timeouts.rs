//! Each kind of waiting has a limit of its own, and a name of its own when it is reached.

use std::time::Duration;

use http::{Method, Response};
use outrigger_faults::{Fault, Server};
use tokio::time::{Instant, sleep};

use crate::harness::{App, Client, Raw, Sidecar, channel, full, get, outbound_to, request};

/// Asks an upstream with this fault under these limits: the status, the reason, and how long it took.
async fn asked(fault: Fault, timeout: &str) -> (u16, Option<String>, Duration) {
    let server = Server::start(fault);
    let sidecar = Sidecar::start(&outbound_to(server.addr(), &format!("timeout = {timeout}"))).await;
    let client = Client::http1(sidecar.outbound()).await;
    let begun = Instant::now();
    let reply = client.ask(get("/")).await;
    (reply.status.as_u16(), reply.reason(), begun.elapsed())
}

#[tokio::test]
async fn each_limit_ends_its_own_kind_of_waiting_in_its_own_time() {
    #[rustfmt::skip]
    let table = [
        // what never comes       which limit               status, reason
        (Fault::Blackhole,        r#"{ connect = "400ms" }"#, 504, "connection_timeout"),
        (Fault::NoAnswer,         r#"{ head = "400ms" }"#,    504, "response_timeout"),
        (Fault::NoAnswer,         r#"{ attempt = "400ms" }"#, 504, "response_timeout"),
        (Fault::NoAnswer,         r#"{ total = "400ms" }"#,   504, "deadline_exceeded"),
        (Fault::Silence,          r#"{ head = "400ms" }"#,    504, "response_timeout"),
    ];
    for (fault, limit, status, reason) in table {
        let (got, why, took) = asked(fault, limit).await;
        assert_eq!((got, why.as_deref()), (status, Some(reason)), "{fault:?} {limit}");
        let bounds = Duration::from_millis(390)..Duration::from_secs(3);
        assert!(bounds.contains(&took), "{fault:?} {limit}: {took:?}");
    }
}

#[tokio::test]
async fn an_answer_within_its_limits_is_passed_on() {
    let late = Fault::Late(Duration::from_millis(200));
    let (status, ..) = asked(
        late,
        r#"{ connect = "1s", head = "3s", attempt = "3s", total = "5s", idle = "3s" }"#,
    )
    .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_slow_upload_does_not_count_as_a_slow_answer() {
    let app = App::http1(crate::harness::echo).await;
    let sidecar = Sidecar::start(&outbound_to(
        app.addr,
        r#"timeout = { head = "300ms", idle = "2s" }"#,
    ))
    .await;
    let client = Client::http1(sidecar.outbound()).await;
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        for _ in 0..8 {
            sender.send_data("slow ".into()).await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
    });
    assert_eq!(
        client.ask(request(Method::POST, "/", body)).await.text(),
        "slow ".repeat(8)
    );
}

#[tokio::test]
async fn an_upstream_that_stops_reading_is_told_as_such() {
    let server = Server::start(Fault::Silence);
    let sidecar = Sidecar::start(&outbound_to(server.addr(), r#"timeout = { idle = "500ms" }"#)).await;
    let client = Client::http1(sidecar.outbound()).await;
    let reply = client
        .ask(request(Method::POST, "/", full(vec![b'x'; 50_000_000])))
        .await;
    let told = (reply.status.as_u16(), reply.error(), reply.reason());
    assert_eq!(
        told,
        (
            504,
            Some("connection_write_timeout".into()),
            Some("write_timeout".into())
        )
    );
}

#[tokio::test]
async fn a_client_that_stops_sending_is_told_408_and_not_blamed_on_the_upstream() {
    let app = App::http1(crate::harness::echo).await;
    let sidecar = Sidecar::start(&outbound_to(
        app.addr,
        r#"timeout = { idle = "500ms", head = "5s" }"#,
    ))
    .await;
    let client = Client::http1(sidecar.outbound()).await;
    let held = Server::start(Fault::NoAnswer);
    let other = Sidecar::start(&outbound_to(
        held.addr(),
        r#"timeout = { idle = "500ms", head = "5s" }"#,
    ))
    .await;
    let mut raw = Raw::connect(other.outbound()).await;
    raw.say("POST / HTTP/1.1\r\nhost: orders\r\ncontent-length: 100\r\n\r\npart")
        .await;
    let answer = raw.read_until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let line = other.access_line(|_| true).await;
    assert_eq!(line["reason"], "request_timeout", "{line}");
    assert_eq!(client.ask(get("/")).await.status, 200);
}

#[tokio::test]
async fn a_body_that_stalls_is_cut_and_a_slow_one_is_not() {
    let app = App::http1(|_| async {
        let (mut sender, body) = channel();
        tokio::spawn(async move {
            for _ in 0..6 {
                sender.send_data("piece ".into()).await?;
                sleep(Duration::from_millis(150)).await;
            }
            sender.send_data("end".into()).await
        });
        Response::new(body)
    })
    .await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, r#"timeout = { idle = "600ms" }"#)).await;
    let reply = Client::http1(sidecar.outbound()).await.ask(get("/")).await;
    assert!(reply.cut.is_none() && reply.text().ends_with("end"), "{reply:?}");

    let server = Server::start(Fault::StallInBody);
    let sidecar = Sidecar::start(&outbound_to(server.addr(), r#"timeout = { idle = "600ms" }"#)).await;
    let reply = Client::http1(sidecar.outbound()).await.ask(get("/")).await;
    assert!(reply.cut.is_some() && reply.text() == "part", "{reply:?}");
    let line = sidecar.access_line(|_| true).await;
    assert_eq!(line["reason"], "read_timeout", "{line}");
}

#[tokio::test]
async fn a_silent_event_stream_is_given_its_own_patience() {
    let app = App::http1(|_| async {
        let (mut sender, body) = channel();
        tokio::spawn(async move {
            sender.send_data("data: one\n\n".into()).await?;
            sleep(Duration::from_millis(900)).await;
            sender.send_data("data: two\n\n".into()).await
        });
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(body)
            .unwrap()
    })
    .await;
    let limits = r#"timeout = { idle = "300ms", stream_idle = "5s" }"#;
    let sidecar = Sidecar::start(&outbound_to(app.addr, limits)).await;
    let reply = Client::http1(sidecar.outbound()).await.ask(get("/")).await;
    assert!(
        reply.cut.is_none() && reply.text().ends_with("two\n\n"),
        "{reply:?}"
    );
}
