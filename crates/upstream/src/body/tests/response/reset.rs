//! Streams that are reset before, or after, their body is whole.

use http_body_util::channel::Channel;

use super::*;
use crate::body::BoxError;

#[tokio::test(start_paused = true)]
async fn a_body_shorter_than_announced_is_never_whole_however_its_stream_is_reset() {
    for code in [
        h2::Reason::NO_ERROR,
        h2::Reason::CANCEL,
        h2::Reason::INTERNAL_ERROR,
    ] {
        let (upstream, mut dials) = one(Speak::Http2);
        let call = call(&upstream);
        let mut peer = Http2::new(dials.accept().await);
        let (_, mut respond) = peer.next().await;
        let head = Response::builder().header("content-length", "100");
        let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::from_static(b"part"), false).unwrap();
        let answer = answer(call).await;
        settle().await;
        stream.send_reset(code);

        assert_eq!(
            broken(answer).await.reason(),
            Reason::ResponseIncomplete,
            "{code:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_whole_before_its_stream_was_reset_stays_whole() {
    for announced in [None, Some("4")] {
        let (upstream, mut dials) = one(Speak::Http2);
        let (_feed, upload) = Channel::<Bytes, BoxError>::new(1);
        let request = Request::post("/").header("host", "test");
        let request = request.body(upload.boxed_unsync()).unwrap();
        let call = tokio::spawn(upstream.clone().call(request));
        let mut peer = Http2::new(dials.accept().await);
        let (_, mut respond) = peer.next().await;
        let mut head = Response::new(());
        if let Some(length) = announced {
            head.headers_mut()
                .insert("content-length", length.parse().unwrap());
        }
        let mut stream = respond.send_response(head, false).unwrap();
        stream.send_data(Bytes::from_static(b"full"), true).unwrap();
        settle().await;
        // Enough of the upload (RFC 9113 §8.1).
        stream.send_reset(h2::Reason::NO_ERROR);
        let answer = answer(call).await;
        settle().await;

        let collected = soon(answer.into_body().collect()).await.unwrap();
        assert_eq!(collected.to_bytes(), "full", "{announced:?}");
    }
}
