//! Bodies: byte by byte what was sent, in either direction, each piece as soon as it is there.

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;

use crate::harness::{App, Keys, LONG, Pair, Reply, channel, echo, full, request, within};

/// More than any buffer on the way holds, and nowhere the same.
fn twenty_megabytes() -> Bytes {
    (0..20_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
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
    let keys = Keys {
        app: "protocol = \"http2\"",
        ..Default::default()
    };
    let pair = Pair::with(app.addr, keys).await;
    let (mut sender, body) = channel();
    let response = pair.http2().await.send(request(Method::POST, "/", body)).await;
    sender.send_data("data".into()).await.unwrap();
    let trailers = HeaderMap::from_iter([("x-checksum".parse().unwrap(), "77".parse().unwrap())]);
    sender.send_trailers(trailers).await.unwrap();
    let reply = within(LONG, "the end of the response", Reply::read(response)).await;
    assert_eq!(
        (reply.text().as_str(), reply.trailer("x-checksum")),
        ("data", "77")
    );
}
