use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, sleep};

use super::*;

const HEAD: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn grpc() -> Request<TestBody> {
    let mut request = request(Method::POST, full(b"\0\0\0\0\0"));
    let headers = request.headers_mut();
    headers.insert("content-type", "application/grpc+proto".parse().unwrap());
    headers.insert("te", "trailers".parse().unwrap());
    request
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_is_given_up_at_the_limit() {
    for speak in [Speak::Http1, Speak::Http2] {
        let (upstream, mut dials) = upstream(1, speak);
        let call = call(&upstream, get());
        let _silent = match speak {
            Speak::Http2 => (Some(peer::Http2::new(dials.accept().await)), None),
            _ => (None, Some(dials.accept().await)),
        };
        let begun = Instant::now();

        let failure = fails(call).await;

        is(&failure, Reason::ResponseTimeout);
        assert_eq!(begun.elapsed(), HEAD, "{speak:?}");
        assert_eq!(
            failure.detail(),
            Some("no response head within 30s of the request's end")
        );
        assert_eq!(failure.endpoint().map(|at| &**at), Some("10.0.0.1:1"));
        assert!(!failure.unprocessed());
        assert!(dials.are_over().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_just_in_time_is_passed_on() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let call = call(&upstream, get());
    let mut peer = peer::Http1::new(dials.accept().await);
    peer.head().await;

    sleep(HEAD - Duration::from_millis(10)).await;
    peer.say(peer::OK).await;

    succeeds(call).await;
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_head_runs_from_the_end_of_the_upload() {
    for speak in [Speak::Http1, Speak::Http2] {
        let (upstream, mut dials) = upstream(1, speak);
        let (mut feed, body) = fed();
        let call = call(&upstream, request(Method::POST, body));
        let io = dials.accept().await;
        let _silent = match speak {
            Speak::Http2 => (Some(peer::Http2::new(io)), None),
            _ => (None, Some(io)),
        };
        for _ in 0..5 {
            feed.send_data(Bytes::from_static(b"part")).await.unwrap();
            sleep(IDLE - SECOND).await;
        }
        drop(feed);
        let uploaded = Instant::now();

        is(&fails(call).await, Reason::ResponseTimeout);

        let waited = uploaded.elapsed();
        let slack = Duration::from_millis(10);
        assert!(
            waited >= HEAD - slack && waited <= HEAD + slack,
            "{speak:?} {waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_at_its_limit_even_in_the_upload() {
    let timeouts = Timeouts {
        attempt: Some(5 * SECOND),
        ..Timeouts::default()
    };
    let (feed, body) = fed();
    for body in [no_body(), body] {
        let (upstream, mut dials) = with_timeouts(1, Speak::Http1, timeouts);
        let call = call(&upstream, request(Method::POST, body));
        let _silent = dials.accept().await;
        let begun = Instant::now();

        let failure = fails(call).await;

        is(&failure, Reason::ResponseTimeout);
        assert_eq!(begun.elapsed(), 5 * SECOND);
        assert_eq!(
            failure.detail(),
            Some("no response head within 5s of the attempt's begin")
        );
    }
    drop(feed);
}

#[tokio::test(start_paused = true)]
async fn connecting_does_not_count_for_the_attempt() {
    let timeouts = Timeouts {
        attempt: Some(SECOND),
        ..Timeouts::default()
    };
    let (upstream, mut dials) = with_timeouts(1, Speak::Http1, timeouts);
    let call = call(&upstream, get());
    let dial = dials.next().await;
    sleep(SECOND * 9 / 10).await;
    let mut peer = peer::Http1::new(dial.accept());
    peer.head().await;

    sleep(SECOND * 9 / 10).await;
    peer.say(peer::OK).await;

    succeeds(call).await;
}

#[tokio::test(start_paused = true)]
async fn grpc_has_no_limit_for_the_head_but_that_of_streams() {
    let (upstream, mut dials) = upstream(1, Speak::Auto);
    let call = call(&upstream, grpc());
    let mut peer = peer::Http2::new(dials.accept().await);
    let (_, mut respond) = peer.next().await;

    sleep(Timeouts::default().stream_idle - SECOND).await;
    let response = Response::builder().status(200).body(()).unwrap();
    respond.send_response(response, true).unwrap();

    succeeds(call).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_closes_its_connection() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let call = call(&upstream, get());
    let mut peer = peer::Http1::new(dials.accept().await);
    peer.head().await;

    call.abort();

    assert!(peer.rest().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_resets_its_stream_and_keeps_the_connection() {
    let (upstream, mut dials) = upstream(1, Speak::Http2);
    let first = call(&upstream, get());
    let mut peer = peer::Http2::new(dials.accept().await);
    let (_, mut respond) = peer.next().await;

    first.abort();

    assert_eq!(peer::reset(&mut respond).await, h2::Reason::CANCEL);
    let second = call(&upstream, get());
    peer.serve().await;
    succeeds(second).await;
}

#[tokio::test(start_paused = true)]
async fn a_protocol_switched_unasked_is_a_failed_upgrade() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let call = call(&upstream, get());
    let mut peer = peer::Http1::new(dials.accept().await);
    peer.head().await;
    let status = StatusCode::SWITCHING_PROTOCOLS;
    let head = format!("HTTP/1.1 {status}\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n");
    peer.say(head.as_bytes()).await;

    let failure = fails(call).await;

    is(&failure, Reason::UpgradeFailed);
    assert_eq!(failure.endpoint().map(|at| &**at), Some("10.0.0.1:1"));
    assert!(peer.rest().await.is_empty(), "the connection is closed");
}
