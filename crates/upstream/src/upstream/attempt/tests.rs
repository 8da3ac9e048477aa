mod breaker;
mod connection;
mod repeat;
mod time;
mod upload;
mod wire;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
};
use outrigger_gateway::{Failure, Reason};
use tokio::task::JoinHandle;
use tower_service::Service;

use crate::{
    ResponseBody, Speak, Timeouts, Upstream, UpstreamConfig,
    body::{BoxError, RequestBody},
    testing::{Dials, Memory, TestBody, no_body, peer, settle, soon},
};

type Answer = Result<Response<ResponseBody<Memory, RequestBody<TestBody>>>, Failure>;

/// An upstream with so many endpoints, spoken to like this.
fn upstream(endpoints: u16, speak: Speak) -> (Upstream<Memory, TestBody>, Dials) {
    with_timeouts(endpoints, speak, Timeouts::default())
}

fn with_timeouts(endpoints: u16, speak: Speak, timeouts: Timeouts) -> (Upstream<Memory, TestBody>, Dials) {
    let config = UpstreamConfig {
        speak,
        timeouts,
        ..UpstreamConfig::default()
    };
    crate::testing::upstream(1..=endpoints, config)
}

fn request(method: Method, body: TestBody) -> Request<TestBody> {
    Request::builder()
        .method(method)
        .uri("/")
        .header("host", "test")
        .body(body)
        .unwrap()
}

fn get() -> Request<TestBody> {
    request(Method::GET, no_body())
}

/// A body that the test feeds.
fn fed() -> (Sender<Bytes, BoxError>, TestBody) {
    let (feed, body) = Channel::new(1);
    (feed, body.boxed_unsync())
}

fn full(bytes: &'static [u8]) -> TestBody {
    http_body_util::Full::from(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Sends the request in a task of its own.
fn call(upstream: &Upstream<Memory, TestBody>, request: Request<TestBody>) -> JoinHandle<Answer> {
    tokio::spawn(upstream.clone().call(request))
}

async fn succeeds(call: JoinHandle<Answer>) {
    let response = soon(call).await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    soon(response.into_body().collect()).await.unwrap();
    settle().await;
}

async fn fails(call: JoinHandle<Answer>) -> Failure {
    let failure = soon(call).await.unwrap().err().expect("the call fails");
    assert_eq!(failure.upstream().map(|name| &**name), Some("test"));
    assert!(failure.detail().is_none_or(str::is_ascii), "{failure}");
    failure
}

/// A connection that has carried a request well.
async fn warm_http1(upstream: &Upstream<Memory, TestBody>, dials: &mut Dials) -> peer::Http1 {
    let call = call(upstream, get());
    let mut peer = peer::Http1::new(dials.accept().await);
    peer.serve().await;
    succeeds(call).await;
    peer
}

async fn warm_http2(upstream: &Upstream<Memory, TestBody>, dials: &mut Dials) -> peer::Http2 {
    let call = call(upstream, get());
    let mut peer = peer::Http2::new(dials.accept().await);
    peer.serve().await;
    succeeds(call).await;
    peer
}

fn is(failure: &Failure, reason: Reason) {
    assert_eq!(failure.reason(), reason, "{failure}");
}
