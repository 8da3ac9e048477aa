//! HTTP/2: between the sidecars, to the app, and from clients that know that it is spoken.

use http::{Method, Version};

use crate::harness::{App, Keys, Pair, echo, full, get, ok, request};

#[tokio::test]
async fn an_app_that_speaks_only_http2_is_served_by_prior_knowledge() {
    let app = App::h2c(echo).await;
    let keys = Keys {
        app: "protocol = \"http2\"",
        ..Default::default()
    };
    let pair = Pair::with(app.addr, keys).await;
    for client in [pair.http1().await, pair.http2().await] {
        assert_eq!(
            client.ask(request(Method::PUT, "/x", full("h2c"))).await.text(),
            "h2c"
        );
        assert_eq!(app.seen().pop().unwrap().version, Version::HTTP_2);
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
        let keys = Keys {
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
