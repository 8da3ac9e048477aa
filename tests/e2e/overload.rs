//! Too much at once: a place is held to the end of the body, a queue is bounded in number and time, and whoever has to
//! go is told when to come back.

use std::{sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{sync::Semaphore, time::Instant};

use crate::harness::{
    App, Client, Reply, Sidecar, channel, eventually, full, get,
    grpc::{calling, message},
    outbound_to,
};

/// An app whose bodies end when they are let: one permit, one end.
async fn gated_app() -> (App, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let app = App::http1(move |_: Request<Incoming>| {
        let gate = opened.clone();
        async move {
            let (mut sender, body) = channel();
            tokio::spawn(async move {
                sender.send_data("begun, ".into()).await?;
                gate.acquire().await.unwrap().forget();
                sender.send_data("done".into()).await
            });
            Response::new(body)
        }
    })
    .await;
    (app, gate)
}

/// A sidecar whose only place is taken, by a response of which the head is here and the body is not.
async fn full_house(limit: &str) -> (App, Arc<Semaphore>, Sidecar, tokio::task::JoinHandle<Reply>) {
    let (app, gate) = gated_app().await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, &format!("limit = {limit}"))).await;
    let held = Client::http1(sidecar.outbound()).await.send(get("/held")).await;
    let held = tokio::spawn(Reply::read(held));
    (app, gate, sidecar, held)
}

fn told(reply: &Reply) -> (u16, Option<String>, Option<String>) {
    (reply.status.as_u16(), reply.error(), reply.reason())
}

#[tokio::test]
async fn without_a_queue_the_next_is_told_503_at_once_and_when_to_return() {
    let (app, gate, sidecar, held) = full_house("{ in_flight = 1, queue = 0 }").await;
    let begun = Instant::now();
    let reply = Client::http1(sidecar.outbound()).await.ask(get("/")).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "at once");
    assert_eq!(
        told(&reply),
        (
            503,
            Some("proxy_internal_response".into()),
            Some("overload".into())
        )
    );
    assert!(reply.field("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(app.seen().len(), 1, "it never reached the app");
    gate.add_permits(1);
    assert_eq!(held.await.unwrap().text(), "begun, done");
    let metrics = sidecar.metrics().await;
    let overload = [
        ("reason", "overload"),
        ("status", "503"),
        ("generated_by", "proxy"),
    ];
    assert_eq!(metrics.sum("outrigger_requests_total", &overload), 1.0);
}

#[tokio::test]
async fn a_grpc_caller_is_told_unavailable_and_when_to_return() {
    let (_app, gate, sidecar, held) = full_house("{ in_flight = 1, queue = 0 }").await;
    let client = Client::http2(sidecar.outbound()).await;
    let mut call = client.call(calling("Any", &[], full(message(b"")))).await;
    assert_eq!(call.code().await, Some(14));
    assert!(call.trailer("grpc-retry-pushback-ms").parse::<u64>().unwrap() >= 1);
    gate.add_permits(1);
    held.await.unwrap();
}

#[tokio::test]
async fn the_place_is_free_again_when_the_body_has_ended() {
    let (_app, gate, sidecar, held) = full_house("{ in_flight = 1, queue = 0 }").await;
    gate.add_permits(2);
    held.await.unwrap();
    eventually("a place", async || {
        let reply = Client::http1(sidecar.outbound()).await.ask(get("/")).await;
        (reply.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_place_is_free_again_when_the_client_has_gone() {
    let (app, _gate) = gated_app().await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, "limit = { in_flight = 1, queue = 0 }")).await;
    let client = Client::http1(sidecar.outbound()).await;
    drop((client.send(get("/")).await, client));
    eventually("a place", async || {
        let response = Client::http1(sidecar.outbound()).await.send(get("/")).await;
        (response.status() == 200).then_some(())
    })
    .await;
    let line = sidecar.access_line(|line| line["reason"] == "client_gone").await;
    assert_eq!(line["status"], 499, "{line}");
}

#[tokio::test]
async fn in_the_queue_a_request_waits_for_its_place() {
    let (app, gate, sidecar, held) = full_house(r#"{ in_flight = 1, queue = 1, queue_wait = "5s" }"#).await;
    let client = Client::http1(sidecar.outbound()).await;
    let waiting = tokio::spawn(async move { client.ask(get("/")).await });
    eventually("both to be there", async || {
        let in_flight = sidecar
            .metrics()
            .await
            .sum("outrigger_requests_in_flight", &[("upstream", "orders")]);
        (in_flight == 2.0).then_some(())
    })
    .await;
    let refused = Client::http1(sidecar.outbound()).await.ask(get("/third")).await;
    assert_eq!(told(&refused).0, 503);
    assert_eq!(app.seen().len(), 1);
    gate.add_permits(2);
    assert_eq!(held.await.unwrap().status, 200);
    assert_eq!(waiting.await.unwrap().text(), "begun, done");
}

#[tokio::test]
async fn who_waits_too_long_is_told_503() {
    let (_app, gate, sidecar, held) =
        full_house(r#"{ in_flight = 1, queue = 8, queue_wait = "300ms" }"#).await;
    let begun = Instant::now();
    let reply = Client::http1(sidecar.outbound()).await.ask(get("/")).await;
    assert_eq!(
        told(&reply),
        (
            503,
            Some("proxy_internal_response".into()),
            Some("overload".into())
        )
    );
    assert!((Duration::from_millis(290)..Duration::from_secs(3)).contains(&begun.elapsed()));
    gate.add_permits(1);
    held.await.unwrap();
}

#[tokio::test]
async fn the_deadline_counts_time_in_the_queue() {
    let (app, gate, sidecar, held) = full_house(r#"{ in_flight = 1, queue = 8, queue_wait = "8s" }"#).await;
    let mut hurried = get("/hurried");
    hurried
        .headers_mut()
        .insert("x-request-timeout-ms", "300".parse().unwrap());
    let reply = Client::http1(sidecar.outbound()).await.ask(hurried).await;
    let told = told(&reply);
    assert_eq!((told.0, told.2.as_deref()), (504, Some("deadline_exceeded")));
    gate.add_permits(1);
    assert_eq!(held.await.unwrap().text(), "begun, done");
    assert_eq!(app.seen().len(), 1, "the app was not asked");
}

#[tokio::test]
async fn a_body_that_does_not_end_in_time_is_cut() {
    let limit = "{ in_flight = 1 }\ntimeout = { total = \"400ms\" }";
    let (_app, _gate, sidecar, held) = full_house(limit).await;
    let held = held.await.unwrap();
    assert!(held.cut.is_some(), "its body did not end in time");
    let line = sidecar.access_line(|line| line["path"] == "/held").await;
    assert_eq!(line["reason"], "deadline_exceeded", "{line}");
}
