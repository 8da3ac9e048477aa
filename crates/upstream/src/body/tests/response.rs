mod reset;

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use outrigger_gateway::{Failure, Reason};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tower_service::Service;

use crate::{
    ResponseBody, Speak, Upstream, UpstreamConfig,
    body::RequestBody,
    testing::{
        Dials, Memory, TestBody, no_body,
        peer::{Http1, Http2},
        settle, soon, upstream,
    },
};

type TestUpstream = Upstream<Memory, TestBody>;
type Answer = Response<ResponseBody<Memory, RequestBody<TestBody>>>;

const IDLE: Duration = Duration::from_secs(60);
const STREAM_IDLE: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

fn one(speak: Speak) -> (TestUpstream, Dials) {
    let config = UpstreamConfig {
        speak,
        ..UpstreamConfig::default()
    };
    upstream([1], config)
}

fn call(upstream: &TestUpstream) -> JoinHandle<Result<Answer, Failure>> {
    let request = Request::builder().uri("/").header("host", "test");
    tokio::spawn(upstream.clone().call(request.body(no_body()).unwrap()))
}

async fn answer(call: JoinHandle<Result<Answer, Failure>>) -> Answer {
    soon(call).await.unwrap().expect("it answers")
}

/// A response over HTTP/1.1 that begins with these bytes, and the one who says more.
async fn http1(begin: &str) -> (TestUpstream, Dials, Answer, Http1) {
    let (upstream, mut dials) = one(Speak::Http1);
    let call = call(&upstream);
    let mut peer = Http1::new(dials.accept().await);
    peer.head().await;
    peer.say(begin.as_bytes()).await;
    (upstream, dials, answer(call).await, peer)
}

/// The same over HTTP/2, with an empty head.
async fn http2() -> (TestUpstream, Dials, Answer, Http2, h2::SendStream<Bytes>) {
    let (upstream, mut dials) = one(Speak::Http2);
    let call = call(&upstream);
    let mut peer = Http2::new(dials.accept().await);
    let (_, mut respond) = peer.next().await;
    let stream = respond.send_response(Response::new(()), false).unwrap();
    (upstream, dials, answer(call).await, peer, stream)
}

async fn broken(answer: Answer) -> Failure {
    let failure = soon(answer.into_body().collect())
        .await
        .expect_err("it breaks off");
    assert!(failure.detail().is_some_and(str::is_ascii), "{failure}");
    failure
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_the_length_is_passed_on() {
    let (.., answer, _peer) = http1("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await;
    assert_eq!(answer.body().size_hint().exact(), Some(100));
    assert!(!answer.body().is_end_stream());

    let (.., answer, _peer) = http1("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    assert_eq!(answer.body().size_hint().exact(), None);
    assert!(!answer.body().is_end_stream());

    let (.., answer, _peer) = http1("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(answer.body().size_hint().exact(), Some(0));
    assert!(answer.body().is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn a_body_has_ended_with_its_last_byte() {
    let (.., answer, _peer) = http1("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npart").await;
    let mut body = answer.into_body();

    assert!(soon(body.frame()).await.is_some());

    assert!(body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn trailers_are_passed_on() {
    let (_upstream, _dials, answer, _peer, mut stream) = http2().await;
    stream.send_data(Bytes::from_static(b"body"), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    stream.send_trailers(trailers.clone()).unwrap();

    let collected = soon(answer.into_body().collect()).await.unwrap();

    assert_eq!(collected.trailers(), Some(&trailers));
    assert_eq!(collected.to_bytes(), "body");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_body_gives_the_connection_back() {
    let (upstream, mut dials, first, mut peer) =
        http1("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npart").await;
    assert_eq!(
        soon(first.into_body().collect()).await.unwrap().to_bytes(),
        "part"
    );
    settle().await;

    let second = call(&upstream);
    peer.serve().await;

    assert_eq!(answer(second).await.status(), 200);
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_response_without_a_body_gives_the_connection_back_at_once() {
    let (upstream, mut dials, _first, mut peer) = http1("HTTP/1.1 204 No Content\r\n\r\n").await;
    settle().await;

    let second = call(&upstream);
    peer.serve().await;

    assert_eq!(answer(second).await.status(), 200);
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_to_be_closed_is_not_used_again() {
    let (upstream, mut dials, first, _peer) =
        http1("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok").await;
    soon(first.into_body().collect()).await.unwrap();
    settle().await;

    let second = call(&upstream);
    Http1::new(dials.accept().await).serve().await;

    assert_eq!(answer(second).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn dropped_midway_over_http1_it_closes_the_connection() {
    let (upstream, mut dials, answer, mut peer) =
        http1("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart").await;

    drop(answer);

    assert!(peer.rest().await.is_empty());
    let _second = call(&upstream);
    dials.accept().await;
}

#[tokio::test(start_paused = true)]
async fn dropped_midway_over_http2_it_resets_the_stream_and_keeps_the_connection() {
    let (upstream, mut dials, first, mut peer, mut stream) = http2().await;

    drop(first);

    let reset = soon(std::future::poll_fn(|cx| stream.poll_reset(cx))).await;
    assert_eq!(reset.unwrap(), h2::Reason::CANCEL);
    let second = call(&upstream);
    peer.serve().await;
    assert_eq!(answer(second).await.status(), 200);
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_falls_silent_is_given_up_when_idle_for_too_long() {
    let (.., answer, mut peer) = http1("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart").await;
    let begun = Instant::now();

    let failure = broken(answer).await;

    assert_eq!(failure.reason(), Reason::ReadTimeout);
    assert_eq!(failure.detail(), Some("nothing of the body came for 60s"));
    assert_eq!(begun.elapsed(), IDLE);
    assert!(peer.rest().await.is_empty(), "the connection is closed");
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_says_little_often_enough_is_heard_to_the_end() {
    let (_upstream, _dials, answer, mut peer) = http1("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n").await;
    let collecting = tokio::spawn(answer.into_body().collect());

    for byte in *b"part" {
        sleep(IDLE - SECOND).await;
        peer.say(&[byte]).await;
    }

    assert_eq!(soon(collecting).await.unwrap().unwrap().to_bytes(), "part");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_not_the_upstreams_silence() {
    let (_upstream, _dials, answer, mut peer) =
        http1("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\npart").await;
    let mut body = answer.into_body();
    assert!(soon(body.frame()).await.is_some());

    sleep(IDLE * 100).await;
    let mut next = pin!(body.frame());
    assert!(futures_util::poll!(next.as_mut()).is_pending());
    sleep(IDLE - SECOND).await;
    peer.say(b"rest").await;

    assert!(soon(next).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn server_sent_events_may_be_silent_for_as_long_as_streams() {
    let (.., answer, _peer) =
        http1("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
    let begun = Instant::now();

    let failure = broken(answer).await;

    assert_eq!(failure.reason(), Reason::ReadTimeout);
    assert_eq!(begun.elapsed(), STREAM_IDLE);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_cut_is_told_as_incomplete_at_its_endpoint() {
    let (.., first, peer) = http1("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart").await;
    drop(peer);
    let (_upstream, _dials, second, other, _stream) = http2().await;
    other.cut();

    for answer in [first, second] {
        let failure = broken(answer).await;
        assert_eq!(failure.reason(), Reason::ResponseIncomplete, "{failure}");
        assert_eq!(failure.endpoint().map(|at| &**at), Some("10.0.0.1:1"));
        assert!(!failure.unprocessed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_to_another_request_is_not_disturbed_by_one_that_is_dropped() {
    let (upstream, _dials, first, mut peer, _stream) = http2().await;
    let second = call(&upstream);
    let (_, mut respond) = peer.next().await;
    let mut stream = respond.send_response(Response::new(()), false).unwrap();
    let second = answer(second).await;

    drop(first);
    settle().await;
    stream.send_data(Bytes::from_static(b"whole"), true).unwrap();

    let collected = soon(second.into_body().collect()).await.unwrap();
    assert_eq!(collected.to_bytes(), "whole");
}
