//! Metadata of calls, in every byte that it may have.

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use hyper::body::Incoming;

use crate::harness::{
    App, Pair, full,
    grpc::{calling, message, response, status},
};

/// Base64 of all 256 bytes in order, with and without padding: a receiver has to take both.
const PADDED: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+fr7/P3+/w==";

/// What must pass as it is: each name with its lines, in order.
fn metadata() -> HeaderMap {
    let unpadded = PADDED.trim_end_matches('=');
    // All that a text may consist of, less the spaces at either end.
    let printable: String = (0x20..=0x7e_u8).map(char::from).collect();
    let printable = printable.trim().to_owned();
    let lines = [
        ("x-padded-bin", PADDED),
        ("x-unpadded-bin", unpadded),
        ("x-empty-bin", ""),
        ("x-listed-bin", "AA,AQ,Ag"),
        ("x-repeated-bin", "/w"),
        ("x-repeated-bin", "/v"),
        ("x-text", &printable),
        ("x-empty", ""),
    ];
    let lines = lines.map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    });
    lines.into_iter().collect()
}

/// Those of `among` that are in `metadata()`, with all of their lines.
fn ours(among: &HeaderMap) -> HeaderMap {
    let lines = among.iter().filter(|(name, _)| metadata().contains_key(*name));
    lines.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[tokio::test]
async fn every_byte_of_metadata_passes_to_the_app_and_back_in_head_and_trailers() {
    let app = App::h2c(async |request: Request<Incoming>| {
        let (mut sender, mut response) = response();
        response.headers_mut().extend(ours(request.headers()));
        let mut trailers = status(0);
        trailers.extend(ours(request.headers()));
        tokio::spawn(async move {
            sender.send_data(message(b"")).await?;
            sender.send_trailers(trailers).await
        });
        response
    })
    .await;
    let pair = Pair::grpc(app.addr).await;
    let mut request = calling("Any", &[], full(message(b"")));
    request.headers_mut().extend(metadata());
    let mut call = pair.http2().await.call(request).await;
    assert_eq!(call.code().await, Some(0));
    assert_eq!(ours(&app.saw().headers), metadata(), "to the app");
    assert_eq!(ours(&call.head.headers), metadata(), "in the head");
    assert_eq!(ours(&call.messages.trailers), metadata(), "in trailers");
}
