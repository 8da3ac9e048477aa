//! How calls end: the app's own way untouched, ours with a code, both counted as what they are, and both sides told.

use std::sync::Arc;

use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use outrigger_faults::{Fault, Server};
use tokio::sync::Notify;

use crate::harness::{
    App, Keys, LONG, Pair, Sidecar, channel, empty, eventually, full,
    grpc::{Messages, calling, message, response, status},
    within,
};

/// Fails every call at once, without a message: a trailers-only answer (`PROTOCOL-HTTP2.md`).
async fn refuse(_: Request<Incoming>) -> Response<crate::harness::Body> {
    let response = Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", "9")
        .header("grpc-message", "not%20before%20noon")
        .header("x-detail-bin", "AAEC/w");
    response.body(empty()).unwrap()
}

#[tokio::test]
async fn a_trailers_only_answer_of_the_apps_stays_one_and_is_counted_as_its_own() {
    let app = App::h2c(refuse).await;
    let pair = Pair::grpc(app.addr).await;
    let client = pair.http2().await;
    let answer = client.send(calling("Any", &[], full(message(b"")))).await;
    assert!(answer.body().is_end_stream(), "one frame, as it came");
    let (head, _) = answer.into_parts();
    assert_eq!(head.status, 200);
    for (name, value) in [
        ("grpc-status", "9"),
        ("grpc-message", "not%20before%20noon"),
        ("x-detail-bin", "AAEC/w"),
    ] {
        assert_eq!(head.headers[name], value);
    }
    assert!(!head.headers.contains_key("proxy-status"), "{head:?}");
    drop(client);
    for sidecar in [&pair.outbound, &pair.inbound] {
        is_counted(sidecar, "200", "upstream_status", "upstream").await;
    }
}

#[tokio::test]
async fn an_answer_with_a_code_in_trailers_is_counted_as_the_apps() {
    let app = App::h2c(async |_: Request<Incoming>| {
        let (mut sender, response) = response();
        tokio::spawn(async move {
            sender.send_data(message(b"half of it")).await?;
            sender.send_trailers(status(13)).await
        });
        response
    })
    .await;
    let pair = Pair::grpc(app.addr).await;
    let mut call = pair
        .http2()
        .await
        .call(calling("Any", &[], full(message(b""))))
        .await;
    assert_eq!(call.code().await, Some(13));
    assert!(
        !call.head.headers.contains_key("grpc-status"),
        "it is in trailers"
    );
    for sidecar in [&pair.outbound, &pair.inbound] {
        is_counted(sidecar, "200", "upstream_status", "upstream").await;
    }
}

#[tokio::test]
async fn a_code_of_ours_is_counted_by_its_reason() {
    let server = Server::start(Fault::Refuse);
    let pair = Pair::grpc(server.addr()).await;
    let mut call = pair
        .http2()
        .await
        .call(calling("Any", &[], full(message(b""))))
        .await;
    assert_eq!(call.code().await, Some(14));
    is_counted(&pair.inbound, "200", "connection_refused", "proxy").await;
    // To the hop before, it is an answer like any other.
    is_counted(&pair.outbound, "200", "upstream_status", "upstream").await;
}

/// One request was counted, as this.
async fn is_counted(sidecar: &Sidecar, status: &str, reason: &str, by: &str) {
    let labels = [("status", status), ("reason", reason), ("generated_by", by)];
    eventually("the call to be counted", async || {
        let metrics = sidecar.metrics().await;
        let [all, these] = [&[][..], &labels].map(|labels| metrics.sum("outrigger_requests_total", labels));
        (all == 1.0 && these == 1.0).then_some(())
    })
    .await;
}

/// Answers at once with a head, tells when a call has begun and when its stream has broken.
async fn lingering(begun: Arc<Notify>, gone: Arc<Notify>) -> App {
    App::h2c(move |request: Request<Incoming>| {
        let (begun, gone) = (begun.clone(), gone.clone());
        let (mut sender, response) = response();
        let mut messages = Messages::new(request.into_body());
        tokio::spawn(async move {
            sender.send_data(message(b"first")).await.unwrap();
            begun.notify_one();
            while let Ok(Some(_)) = messages.next().await {}
            gone.notify_one();
        });
        async { response }
    })
    .await
}

#[tokio::test]
async fn a_deadline_in_mid_stream_ends_the_call_with_a_code_and_the_app_hears_of_it() {
    let (begun, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let app = lingering(begun, gone.clone()).await;
    let pair = Pair::grpc(app.addr).await;
    let (sender, body) = channel();
    let request = calling("Bidi", &[("grpc-timeout", "700m")], body);
    let mut call = pair.http2().await.call(request).await;
    assert_eq!(call.next().await.unwrap(), "first");
    assert_eq!(call.code().await, Some(4), "{:?}", call.messages.trailers);
    assert!(
        call.messages.trailers.contains_key("grpc-status"),
        "its head was gone"
    );
    within(LONG, "the app to hear of it", gone.notified()).await;
    drop(sender);
}

#[tokio::test]
async fn a_deadline_of_the_servers_side_is_told_to_the_client_as_one() {
    let (begun, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let app = App::h2c({
        let gone = gone.clone();
        move |request: Request<Incoming>| {
            let gone = gone.clone();
            async move {
                let mut messages = Messages::new(request.into_body());
                while let Ok(Some(_)) = messages.next().await {}
                gone.notify_one();
                std::future::pending().await
            }
        }
    })
    .await;
    let keys = Keys {
        app: "protocol = \"http2\"\ntimeout = { total = \"400ms\" }",
        ..Keys::default()
    };
    let pair = Pair::with(app.addr, keys).await;
    let (sender, body) = channel();
    let mut call = pair.http2().await.call(calling("Any", &[], body)).await;
    assert_eq!(call.code().await, Some(4), "{:?}", call.head);
    within(LONG, "the app to hear of it", gone.notified()).await;
    drop((sender, begun));
}

#[tokio::test]
async fn a_cancellation_in_mid_stream_reaches_the_app() {
    let (begun, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let app = lingering(begun.clone(), gone.clone()).await;
    let pair = Pair::grpc(app.addr).await;
    let (sender, body) = channel();
    let mut call = pair.http2().await.call(calling("Bidi", &[], body)).await;
    assert_eq!(call.next().await.unwrap(), "first");
    within(LONG, "the call to reach the app", begun.notified()).await;
    drop((call, sender));
    within(LONG, "the app to hear of it", gone.notified()).await;
    for sidecar in [&pair.outbound, &pair.inbound] {
        is_counted(sidecar, "499", "client_gone", "proxy").await;
    }
}
