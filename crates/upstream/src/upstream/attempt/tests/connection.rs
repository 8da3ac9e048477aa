use super::*;

#[tokio::test(start_paused = true)]
async fn requests_one_after_another_share_a_connection() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let mut peer = warm_http1(&upstream, &mut dials).await;

    for _ in 0..3 {
        let call = call(&upstream, get());
        peer.serve().await;
        succeeds(call).await;
    }

    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn endpoints_are_asked_in_turn() {
    let (upstream, mut dials) = upstream(3, Speak::Http1);
    let mut asked = Vec::new();
    for _ in 0..3 {
        let call = call(&upstream, get());
        let dial = dials.next().await;
        asked.push(dial.endpoint.label().to_string());
        peer::Http1::new(dial.accept()).serve().await;
        succeeds(call).await;
    }

    asked.sort();
    assert_eq!(asked, ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3"]);
}

#[tokio::test(start_paused = true)]
async fn in_plain_text_grpc_is_spoken_to_over_http2_and_all_else_over_http1() {
    let (upstream, mut dials) = upstream(1, Speak::Auto);
    let _http1 = warm_http1(&upstream, &mut dials).await;
    let mut request = request(Method::POST, full(b"\0\0\0\0\0"));
    let value = "application/grpc".parse().unwrap();
    request.headers_mut().insert("content-type", value);

    let call = call(&upstream, request);
    let mut http2 = peer::Http2::new(dials.accept().await);
    http2.serve().await;

    succeeds(call).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_goes_away_with_a_sweep_when_it_idled_for_too_long() {
    let (upstream, mut dials) = upstream(1, Speak::Auto);
    let mut peer = warm_http1(&upstream, &mut dials).await;

    tokio::time::advance(UpstreamConfig::default().pool.idle).await;
    upstream.sweep();

    assert!(peer.rest().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_upstream_without_endpoints_fails_instead_of_panicking() {
    let (upstream, _dials) = upstream(0, Speak::Http1);

    let failure = fails(call(&upstream, get())).await;

    is(&failure, Reason::DnsTimeout);
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_head_keeps_the_connection_whatever_length_it_announces() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let first = call(&upstream, request(Method::HEAD, no_body()));
    let mut peer = peer::Http1::new(dials.accept().await);
    peer.head().await;
    peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await;
    succeeds(first).await;

    let second = call(&upstream, get());
    peer.serve().await;

    succeeds(second).await;
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_with_its_connection_is_whole() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let call = call(&upstream, get());
    let mut peer = peer::Http1::new(dials.accept().await);
    peer.head().await;
    peer.say(b"HTTP/1.1 200 OK\r\n\r\nwhole").await;
    let response = soon(call).await.unwrap().unwrap();

    drop(peer);

    let body = soon(response.into_body().collect()).await.unwrap();
    assert_eq!(body.to_bytes(), "whole");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_drains_finishes_what_it_has_and_the_next_request_goes_elsewhere() {
    let (upstream, mut dials) = upstream(1, Speak::Http2);
    let first = call(&upstream, get());
    let mut old = peer::Http2::new(dials.accept().await);
    let (_, mut respond) = old.next().await;

    old.drain();
    settle().await;
    let second = call(&upstream, request(Method::POST, full(b"once")));
    let mut fresh = peer::Http2::new(dials.accept().await);
    fresh.serve().await;
    succeeds(second).await;

    respond.send_response(Response::new(()), true).unwrap();
    succeeds(first).await;
}
