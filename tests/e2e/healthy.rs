//! Nothing is wrong, and nothing changes on the way: methods, targets, statuses, connections.

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::harness::{App, Pair, echo, empty, full, get, ok, request};

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
    let app = App::http1(async |request: Request<Incoming>| {
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
async fn connections_are_used_again() {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    let client = pair.http1().await;
    for _ in 0..50 {
        assert_eq!(client.ask(get("/")).await.text(), "ok");
    }
    assert_eq!(app.accepted(), 1);
}
