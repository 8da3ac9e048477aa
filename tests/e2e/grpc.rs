//! gRPC through the pair: four kinds of calls, metadata, deadlines, cancellation, and failures as codes.

use std::{sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use outrigger_faults::{Fault, Server};
use tokio::{sync::Notify, time::Instant};

use crate::harness::{
    App, Body, Client, Keys, LONG, Pair, Sidecar, channel, full,
    grpc::{Messages, calling, message, response, status},
    outbound_to, within,
};

/// Serves calls: how many messages come in and go out is in the method's name.
async fn orders(request: Request<Incoming>) -> Response<Body> {
    let (mut sender, response) = response();
    let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
    let mut messages = Messages::new(request.into_body());
    tokio::spawn(async move {
        match &*method {
            // Each message goes back as soon as it is there.
            "Unary" | "Bidi" => {
                while let Ok(Some(payload)) = messages.next().await {
                    sender.send_data(message(&payload)).await?;
                }
            }
            "Count" => {
                let mut count = 0_u8;
                while let Ok(Some(_)) = messages.next().await {
                    count += 1;
                }
                sender.send_data(message(&[count])).await?;
            }
            "List" => {
                for n in 0..10_u8 {
                    sender.send_data(message(&[n])).await?;
                }
            }
            _ => std::future::pending().await,
        }
        sender.send_trailers(status(0)).await
    });
    response
}

/// A pair before an app that speaks gRPC.
async fn pair() -> (App, Pair) {
    let app = App::h2c(orders).await;
    let keys = Keys {
        app: "protocol = \"http2\"",
        ..Keys::default()
    };
    let pair = Pair::with(app.addr, keys).await;
    (app, pair)
}

#[tokio::test]
async fn a_unary_call_returns_its_message_and_its_status() {
    let (_app, pair) = pair().await;
    let mut call = pair
        .http2()
        .await
        .call(calling("Unary", &[], full(message(b"hello"))))
        .await;
    assert_eq!(call.head.status, 200);
    assert_eq!(call.head.headers["content-type"], "application/grpc");
    assert_eq!(call.next().await.unwrap(), "hello");
    assert_eq!(call.code().await, Some(0));
}

#[tokio::test]
async fn a_client_streams_and_gets_one_message() {
    let (_app, pair) = pair().await;
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        for _ in 0..7 {
            sender.send_data(message(b"one more")).await.unwrap();
        }
    });
    let mut call = pair.http2().await.call(calling("Count", &[], body)).await;
    assert_eq!(call.next().await.unwrap()[..], [7]);
    assert_eq!(call.code().await, Some(0));
}

#[tokio::test]
async fn a_server_streams_in_answer_to_one_message() {
    let (_app, pair) = pair().await;
    let mut call = pair
        .http2()
        .await
        .call(calling("List", &[], full(message(b""))))
        .await;
    for n in 0..10_u8 {
        assert_eq!(call.next().await.unwrap()[..], [n]);
    }
    assert_eq!(call.code().await, Some(0));
}

#[tokio::test]
async fn both_stream_and_each_message_is_answered_before_the_next() {
    let (_app, pair) = pair().await;
    let (mut sender, body) = channel();
    let mut call = pair.http2().await.call(calling("Bidi", &[], body)).await;
    for text in ["a", "b", "c"] {
        sender.send_data(message(text.as_bytes())).await.unwrap();
        assert_eq!(call.next().await.unwrap(), text);
    }
    drop(sender);
    assert_eq!(call.code().await, Some(0));
}

#[tokio::test]
async fn a_message_of_twenty_megabytes_passes_both_ways() {
    let (_app, pair) = pair().await;
    let large: Vec<u8> = (0..20_000_000_u32).map(|n| (n ^ (n >> 9)) as u8).collect();
    let mut call = pair
        .http2()
        .await
        .call(calling("Unary", &[], full(message(&large))))
        .await;
    assert!(call.next().await.unwrap() == large);
    assert_eq!(call.code().await, Some(0));
}

#[tokio::test]
async fn metadata_passes_both_ways_binary_and_repeated_included() {
    let app = App::h2c(async |request: Request<Incoming>| {
        let (mut sender, mut response) = response();
        for (name, value) in request
            .headers()
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("x-"))
        {
            response.headers_mut().append(name, value.clone());
        }
        let mut trailers = status(9);
        trailers.insert("grpc-message", "not%20now".parse().unwrap());
        trailers.insert("x-detail-bin", "AAECAw".parse().unwrap());
        tokio::spawn(async move { sender.send_trailers(trailers).await });
        response
    })
    .await;
    let keys = Keys {
        app: "protocol = \"http2\"",
        ..Keys::default()
    };
    let pair = Pair::with(app.addr, keys).await;
    let metadata = [("x-trace-bin", "q83vEg"), ("x-list", "one"), ("x-list", "two")];
    let mut call = pair
        .http2()
        .await
        .call(calling("Any", &metadata, full(message(b""))))
        .await;
    assert_eq!(call.code().await, Some(9));
    let seen = app.saw();
    assert_eq!(
        (seen.field("te"), seen.field("x-list")),
        ("trailers".to_owned(), "one, two".to_owned())
    );
    assert_eq!(call.head.headers["x-trace-bin"], "q83vEg");
    assert_eq!(call.head.headers.get_all("x-list").iter().count(), 2);
    assert_eq!(
        (call.trailer("grpc-message"), call.trailer("x-detail-bin")),
        ("not%20now".into(), "AAECAw".into())
    );
}

#[tokio::test]
async fn the_callers_deadline_ends_the_call_and_less_of_it_goes_on() {
    let (app, pair) = pair().await;
    let begun = Instant::now();
    let hanging = calling("Hang", &[("grpc-timeout", "500m")], full(message(b"")));
    let mut call = pair.http2().await.call(hanging).await;
    assert_eq!(call.code().await, Some(4), "DEADLINE_EXCEEDED");
    let took = begun.elapsed();
    assert!(
        (Duration::from_millis(450)..Duration::from_secs(3)).contains(&took),
        "{took:?}"
    );
    let told = app.saw().field("grpc-timeout");
    let (number, unit) = told.split_at(told.len() - 1);
    let left = match unit {
        "m" => number.parse::<u64>().unwrap() * 1_000_000,
        "u" => number.parse::<u64>().unwrap() * 1_000,
        "n" => number.parse::<u64>().unwrap(),
        _ => panic!("{told}"),
    };
    assert!(left > 100_000_000 && left <= 500_000_000, "{told}");
}

#[tokio::test]
async fn a_call_that_is_cancelled_is_cancelled_at_the_app_at_once() {
    let (gone, told) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (notify, begun) = (gone.clone(), told.clone());
    let app = App::h2c(move |request: Request<Incoming>| {
        let (notify, begun) = (notify.clone(), begun.clone());
        async move {
            let (sender, response) = response();
            let mut messages = Messages::new(request.into_body());
            tokio::spawn(async move {
                let _sender = sender;
                begun.notify_one();
                // The stream breaks when it is reset.
                while let Ok(Some(_)) = messages.next().await {}
                notify.notify_one();
            });
            response
        }
    })
    .await;
    let keys = Keys {
        app: "protocol = \"http2\"",
        ..Keys::default()
    };
    let pair = Pair::with(app.addr, keys).await;
    let (sender, body) = channel();
    let call = pair.http2().await.call(calling("Bidi", &[], body)).await;
    within(LONG, "the call to reach the app", told.notified()).await;
    drop((call, sender));
    within(Duration::from_secs(2), "the app to hear of it", gone.notified()).await;
}

#[tokio::test]
async fn what_fails_on_the_way_is_told_as_a_code_in_a_trailers_only_answer() {
    for (fault, code, word) in [
        (Fault::Refuse, 14, "connection_refused"),
        (Fault::H2NoAnswer, 4, "response_timeout"),
        (Fault::H2Reset(11), 8, "peer_overloaded"),
        (Fault::H2Reset(8), 14, "stream_reset"),
        (Fault::CloseOnFirstBytes, 14, "closed_before_response"),
    ] {
        let server = Server::start(fault);
        let keys = "protocol = \"http2\"\ntimeout = { stream_idle = \"1s\" }";
        let sidecar = Sidecar::start(&outbound_to(server.addr(), keys)).await;
        let client = Client::http2(sidecar.outbound()).await;
        let mut call = client.call(calling("Any", &[], full(message(b"")))).await;
        assert_eq!(call.head.status, 200, "{fault:?}");
        assert_eq!(call.head.headers["content-type"], "application/grpc", "{fault:?}");
        assert_eq!(
            call.code().await,
            Some(code),
            "{fault:?}: {}",
            call.trailer("grpc-message")
        );
        assert!(
            call.messages.trailers.is_empty(),
            "{fault:?}: they are in the head"
        );
        assert!(
            call.trailer("grpc-message").contains(word),
            "{fault:?}: {}",
            call.trailer("grpc-message")
        );
    }
}

#[tokio::test]
async fn a_dead_app_is_unavailable_through_the_pair() {
    let server = Server::start(Fault::Refuse);
    let pair = Pair::start(server.addr()).await;
    let mut call = pair
        .http2()
        .await
        .call(calling("Any", &[], full(message(b""))))
        .await;
    assert_eq!(call.code().await, Some(14));
    assert!(
        call.trailer("grpc-message").contains("connection_refused"),
        "{:?}",
        call.head
    );
}

#[tokio::test]
async fn a_stream_that_breaks_after_its_head_ends_with_a_code() {
    let server = Server::start(Fault::H2ResetInBody(2));
    let sidecar = Sidecar::start(&outbound_to(server.addr(), "protocol = \"http2\"")).await;
    let client = Client::http2(sidecar.outbound()).await;
    let mut call = client.call(calling("Any", &[], full(message(b"")))).await;
    assert_eq!(call.code().await, Some(14), "{:?}", call.messages.trailers);
    assert!(
        call.messages.trailers.contains_key("grpc-status"),
        "in trailers: the head was gone"
    );
}
