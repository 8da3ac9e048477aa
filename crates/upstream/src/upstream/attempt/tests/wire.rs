//! What the other end of a connection reads.

use super::*;

fn options() -> Request<TestBody> {
    let mut request = request(Method::OPTIONS, no_body());
    *request.uri_mut() = "*".parse().unwrap();
    request
}

#[tokio::test(start_paused = true)]
async fn a_get_leaves_in_origin_form_with_one_host_and_without_a_length() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let mut request = get();
    *request.uri_mut() = "http://shop:8080/path?query".parse().unwrap();
    let call = call(&upstream, request);
    let mut peer = peer::Http1::new(dials.accept().await);

    let head = peer.serve().await;

    assert_eq!(head, "GET /path?query HTTP/1.1\r\nhost: shop:8080\r\n\r\n");
    succeeds(call).await;
}

#[tokio::test(start_paused = true)]
async fn a_get_with_a_body_of_unknown_length_leaves_in_chunks() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let (mut feed, body) = fed();
    let call = call(&upstream, request(Method::GET, body));
    feed.send_data(Bytes::from_static(b"part")).await.unwrap();
    drop(feed);
    let mut peer = peer::Http1::new(dials.accept().await);

    let head = peer.head().await;
    assert!(head.contains("\r\ntransfer-encoding: chunked\r\n"), "{head}");
    assert_eq!(peer.read_until("0\r\n\r\n").await, "4\r\npart\r\n0\r\n\r\n");
    peer.say(peer::OK).await;

    succeeds(call).await;
}

#[tokio::test(start_paused = true)]
async fn the_asterisk_of_options_reaches_the_upstream_over_both() {
    let (over_http1, mut dials) = upstream(1, Speak::Http1);
    let first = call(&over_http1, options());
    let head = peer::Http1::new(dials.accept().await).serve().await;
    assert_eq!(head, "OPTIONS * HTTP/1.1\r\nhost: test\r\n\r\n");
    drop(first);

    let (over_http2, mut dials) = upstream(1, Speak::Http2);
    let second = call(&over_http2, options());
    let mut peer = peer::Http2::new(dials.accept().await);
    let asked = peer.serve().await;
    assert_eq!((asked.method(), asked.uri().path()), (&Method::OPTIONS, "*"));
    succeeds(second).await;
}

#[tokio::test(start_paused = true)]
async fn over_http2_scheme_and_authority_are_told_and_host_is_not() {
    let (upstream, mut dials) = upstream(1, Speak::Http2);
    let call = call(&upstream, get());
    let mut peer = peer::Http2::new(dials.accept().await);

    let asked = peer.serve().await;

    assert_eq!(asked.uri(), "http://test/");
    assert!(asked.headers().is_empty(), "{:?}", asked.headers());
    succeeds(call).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_host_is_no_authority_is_a_bad_request_over_http2() {
    let (upstream, mut dials) = upstream(1, Speak::Http2);
    let mut request = get();
    request.headers_mut().insert("host", "a b".parse().unwrap());
    let call = call(&upstream, request);
    let _peer = peer::Http2::new(dials.accept().await);

    is(&fails(call).await, Reason::BadRequest);
}
