//! Nothing is wrong, and nothing changes on the way: methods, statuses, bodies, connections.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;

use crate::harness::{App, Body, LONG, Pair, Reply, channel, echo, empty, full, get, ok, request, within};

/// More than any buffer on the way holds, and nowhere the same.
fn twenty_megabytes() -> Bytes {
    (0..20_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

#[tokio::test]
async fn each_method_and_its_body_pass_through_the_pair() {
    let app = App::http1(echo).await;
    let pair = Pair::start(app.addr).await;
    for client in [pair.http1().await, pair.http2().await] {
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ] {
            let reply = client.ask(request(method.clone(), "/a?b=c", full("hello"))).await;
            assert_eq!(
                (reply.status.as_u16(), &*reply.text()),
                (200, "hello"),
                "{method}"
            );
            assert!(reply.proxy_status().is_empty(), "nothing failed: {reply:?}");
            let seen = app.seen().pop().unwrap();
            assert_eq!((seen.method, seen.uri.to_string()), (method, "/a?b=c".to_owned()));
            assert_eq!(seen.headers["host"], "orders.shop.svc");
        }
    }
}

#[tokio::test]
async fn a_head_request_gets_the_length_and_no_body() {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    for client in [pair.http1().await, pair.http2().await] {
        let reply = client.ask(request(Method::HEAD, "/", empty())).await;
        assert_eq!((reply.status.as_u16(), reply.field("content-length")), (200, "2"));
        assert!(reply.body.is_empty() && reply.cut.is_none());
        // The connection is still in step.
        assert_eq!(client.ask(get("/")).await.text(), "ok");
    }
}

#[tokio::test]
async fn statuses_without_a_body_stay_without() {
    let app = App::http1(async |request: http::Request<hyper::body::Incoming>| {
        let status = request
            .uri()
            .path()
            .trim_start_matches('/')
            .parse::<u16>()
            .unwrap();
        let mut response = Response::new(empty());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response.headers_mut().insert("etag", "\"v1\"".parse().unwrap());
        response
    })
    .await;
    let pair = Pair::start(app.addr).await;
    for client in [pair.http1().await, pair.http2().await] {
        for status in [204, 304, 404, 500] {
            let reply = client.ask(get(&format!("/{status}"))).await;
            assert_eq!((reply.status.as_u16(), reply.field("etag")), (status, "\"v1\""));
            assert!(reply.body.is_empty() && reply.cut.is_none(), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn twenty_megabytes_come_back_byte_by_byte() {
    let app = App::http1(echo).await;
    let pair = Pair::start(app.addr).await;
    let sent = twenty_megabytes();
    for client in [pair.http1().await, pair.http2().await] {
        let reply = client.ask(request(Method::POST, "/", full(sent.clone()))).await;
        assert!(reply.cut.is_none(), "{:?}", reply.cut);
        assert!(
            reply.body == sent,
            "{} of {} bytes, or others",
            reply.body.len(),
            sent.len()
        );
        assert_eq!(app.seen().pop().unwrap().headers["content-length"], "20000000");
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_stays_one_both_ways() {
    let app = App::http1(echo).await;
    let pair = Pair::start(app.addr).await;
    for client in [pair.http1().await, pair.http2().await] {
        let (mut sender, body) = channel();
        let feed = tokio::spawn(async move {
            for _ in 0..100 {
                sender
                    .send_data(Bytes::from_static(&[b'c'; 10_000]))
                    .await
                    .unwrap();
            }
        });
        let reply = client.ask(request(Method::POST, "/", body)).await;
        feed.await.unwrap();
        assert_eq!(reply.body.len(), 1_000_000);
        assert!(reply.cut.is_none() && reply.field("content-length").is_empty());
        assert_eq!(app.seen().pop().unwrap().field("transfer-encoding"), "chunked");
    }
}

#[tokio::test]
async fn each_piece_arrives_before_the_next_is_sent_both_ways() {
    let app = App::http1(echo).await;
    let pair = Pair::start(app.addr).await;
    for client in [pair.http1().await, pair.http2().await] {
        let (mut sender, body) = channel();
        let mut response = client.send(request(Method::POST, "/", body)).await;
        for piece in ["one", "two", "three"] {
            sender.send_data(piece.into()).await.unwrap();
            let frame = within(LONG, "the echo of a piece", response.frame())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(frame.into_data().unwrap(), piece);
        }
        drop(sender);
        let rest = within(LONG, "the end", Reply::read(response)).await;
        assert!(rest.body.is_empty() && rest.cut.is_none(), "{rest:?}");
    }
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let app = App::h2c(echo).await;
    let keys = crate::harness::Keys {
        app: "protocol = \"http2\"",
        ..Default::default()
    };
    let pair = Pair::with(app.addr, keys).await;
    let (mut sender, body) = channel();
    let response = pair.http2().await.send(request(Method::POST, "/", body)).await;
    sender.send_data("data".into()).await.unwrap();
    let trailers = http::HeaderMap::from_iter([("x-checksum".parse().unwrap(), "77".parse().unwrap())]);
    sender.send_trailers(trailers).await.unwrap();
    let reply = within(LONG, "the end of the response", Reply::read(response)).await;
    assert_eq!(
        (reply.text().as_str(), reply.trailer("x-checksum")),
        ("data", "77")
    );
}

#[tokio::test]
async fn connections_are_used_again() {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    let client = pair.http1().await;
    for _ in 0..50 {
        assert_eq!(client.ask(get("/")).await.text(), "ok");
    }
    assert_eq!(app.accepted(), 1);
}

#[tokio::test]
async fn an_app_that_speaks_only_http2_is_served_by_prior_knowledge() {
    let app = App::h2c(echo).await;
    let keys = crate::harness::Keys {
        app: "protocol = \"http2\"",
        ..Default::default()
    };
    let pair = Pair::with(app.addr, keys).await;
    for client in [pair.http1().await, pair.http2().await] {
        assert_eq!(
            client.ask(request(Method::PUT, "/x", full("h2c"))).await.text(),
            "h2c"
        );
        assert_eq!(app.seen().pop().unwrap().version, http::Version::HTTP_2);
    }
    assert!(app.accepted() <= 2, "each worker shares one connection");
}

#[tokio::test]
async fn between_the_sidecars_http2_is_spoken_unless_asked_otherwise() {
    for (protocol, via) in [
        ("auto", "2 orders.shop-in-"),
        ("http2", "2 orders.shop-in-"),
        ("http1", "1.1 orders.shop-in-"),
    ] {
        let app = App::http1(ok).await;
        let upstream = format!("protocol = \"{protocol}\"");
        let keys = crate::harness::Keys {
            upstream: &upstream,
            ..Default::default()
        };
        let pair = Pair::with(app.addr, keys).await;
        assert_eq!(pair.http1().await.ask(get("/")).await.text(), "ok");
        let seen = app.saw().field("via");
        assert!(seen.contains(via), "{protocol}: {seen}");
    }
}

#[tokio::test]
async fn an_expectation_is_honoured_before_the_body_is_sent() {
    let app = App::http1(echo).await;
    let pair = Pair::start(app.addr).await;
    let request = "POST / HTTP/1.1\r\nhost: orders\r\nexpect: 100-continue\r\ncontent-length: 4\r\nconnection: close\r\n\r\n";
    let mut raw = crate::harness::Raw::connect(pair.outbound.outbound()).await;
    raw.say(request).await;
    assert!(raw.read_until("\r\n\r\n").await.starts_with("HTTP/1.1 100 "));
    raw.say("body").await;
    let answer = raw.read_to_end().await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("body"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_http_1_0_client_gets_an_answer_and_its_end() {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    let mut raw = crate::harness::Raw::connect(pair.outbound.outbound()).await;
    raw.say("GET / HTTP/1.0\r\nhost: orders\r\n\r\n").await;
    let answer = raw.read_to_end().await;
    assert!(
        answer.starts_with("HTTP/1.0 200 ") && answer.ends_with("\r\n\r\nok"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_http_1_0_client_gets_a_body_of_unknown_length_without_chunks() {
    let app = App::http1(|_| async {
        let (mut sender, body) = channel();
        tokio::spawn(async move { sender.send_data("unmeasured".into()).await });
        Response::<Body>::new(body)
    })
    .await;
    let pair = Pair::start(app.addr).await;
    let mut raw = crate::harness::Raw::connect(pair.outbound.outbound()).await;
    raw.say("GET / HTTP/1.0\r\nhost: orders\r\n\r\n").await;
    let answer = raw.read_to_end().await;
    assert!(answer.ends_with("\r\n\r\nunmeasured"), "{answer}");
}

#[tokio::test]
async fn requests_sent_in_one_breath_are_answered_in_order() {
    let app = App::http1(async |request: http::Request<hyper::body::Incoming>| {
        Response::new(full(request.uri().path().to_owned()))
    })
    .await;
    let pair = Pair::start(app.addr).await;
    let mut raw = crate::harness::Raw::connect(pair.outbound.outbound()).await;
    let one = |n: u32| format!("GET /{n} HTTP/1.1\r\nhost: orders\r\n\r\n");
    raw.say(&(1..=5).map(one).collect::<String>()).await;
    raw.say("GET /last HTTP/1.1\r\nhost: orders\r\nconnection: close\r\n\r\n")
        .await;
    let answer = raw.read_to_end().await;
    let bodies: Vec<_> = answer
        .split("\r\n\r\n")
        .skip(1)
        .map(|rest| &rest[..2.min(rest.len())])
        .collect();
    assert_eq!(bodies, ["/1", "/2", "/3", "/4", "/5", "/l"], "{answer}");
}

#[tokio::test]
async fn as_the_apps_http_proxy_it_takes_targets_in_absolute_form() {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    let mut raw = crate::harness::Raw::connect(pair.outbound.outbound()).await;
    raw.say("GET http://orders.shop.svc/list?all HTTP/1.1\r\nhost: else.where\r\nproxy-connection: keep-alive\r\nconnection: close\r\n\r\n").await;
    let answer = raw.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = app.saw();
    // RFC 9112 §3.2.2: the target's authority wins over Host.
    assert_eq!(
        (seen.uri.to_string(), seen.field("host")),
        ("/list?all".to_owned(), "orders.shop.svc".to_owned())
    );
    assert_eq!(seen.field("proxy-connection"), "");
}

#[tokio::test]
async fn many_at_once_over_one_http2_connection_do_not_mix() {
    let app = App::http1(echo).await;
    let pair = Pair::start(app.addr).await;
    let client = pair.http2().await;
    let asked = (0..150).map(|n| {
        let client = client.clone();
        tokio::spawn(async move {
            let text = format!("request {n}");
            (
                client
                    .ask(request(Method::POST, "/", full(text.clone())))
                    .await
                    .text(),
                text,
            )
        })
    });
    for asked in asked.collect::<Vec<_>>() {
        let (got, sent) = asked.await.unwrap();
        assert_eq!(got, sent);
    }
}
