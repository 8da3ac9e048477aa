mod body;

use std::task::Poll;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Full};
use outrigger_gateway::grpc;
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower_test::mock::Spawn;

use super::*;
use crate::testing::{self, Mock, Script};

const TOTAL: Duration = Duration::from_secs(1);
const A_BIT: Duration = Duration::from_millis(1);

type Tested<B> = Spawn<WithDeadline<Mock<B>>>;

fn spawn<B: Body>(total: Option<Duration>) -> (Tested<B>, testing::Handle<B>) {
    testing::spawn(DeadlineLayer::new(total))
}

fn plain() -> Request<()> {
    Request::new(())
}

fn grpc(timeout: &str) -> Request<()> {
    let request = Request::post("/")
        .header(CONTENT_TYPE, "application/grpc")
        .header("grpc-timeout", timeout);
    request.body(()).unwrap()
}

/// What the inner service is sent.
async fn sent(total: Option<Duration>, request: Request<()>) -> Request<()> {
    let (mut service, mut handle) = spawn::<Script>(total);
    assert_ready_ok!(service.poll_ready());
    let _response = service.call(request);
    handle.next_request().await.unwrap().0
}

/// How the request fails before it is sent.
fn refused(total: Option<Duration>, request: Request<()>) -> Failure {
    let (mut service, mut handle) = spawn::<Script>(total);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(request));
    let failure = assert_ready_err!(response.poll());
    assert_pending!(task::spawn(()).enter(|_, _| handle.poll_request()));
    failure
}

#[tokio::test(start_paused = true)]
async fn no_response_fails_at_the_deadline_and_not_before() {
    let (mut service, mut handle) = spawn::<Script>(Some(TOTAL));
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(plain()));
    let _held = handle.next_request().await;
    assert_pending!(response.poll());
    tokio::time::advance(TOTAL - A_BIT).await;
    assert_pending!(response.poll());
    tokio::time::advance(A_BIT).await;
    let failure = assert_ready_err!(response.poll());
    assert_eq!(failure.reason(), Reason::DeadlineExceeded);
    assert_eq!(
        failure.detail(),
        Some("no response within 1s, the limit of the route")
    );
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_there_at_the_deadline_counts() {
    let (mut service, mut handle) = spawn(Some(TOTAL));
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(plain()));
    let (_, reply) = handle.next_request().await.unwrap();
    assert_pending!(response.poll());
    tokio::time::advance(2 * TOTAL).await;
    reply.send_response(Response::new(Full::<Bytes>::from("whole")));
    let body = assert_ready_ok!(response.poll()).into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "whole");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_inner_service_counts() {
    let (mut service, mut handle) = spawn::<Script>(Some(TOTAL));
    handle.allow(0);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(plain()));
    assert_pending!(response.poll());
    tokio::time::advance(TOTAL).await;
    assert_eq!(
        assert_ready_err!(response.poll()).reason(),
        Reason::DeadlineExceeded
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waited_is_told_what_remains_when_it_goes() {
    let (mut service, mut handle) = spawn::<Script>(None);
    handle.allow(0);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(grpc("1S")));
    assert_pending!(response.poll());
    tokio::time::advance(TOTAL / 4).await;
    handle.allow(1);
    assert_pending!(response.poll());
    let (request, _) = handle.next_request().await.unwrap();
    assert_eq!(request.headers()["grpc-timeout"], "750000u");
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_nothing_is_bounded_and_nothing_is_stored() {
    let (mut service, mut handle) = spawn(None);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(plain()));
    let (request, reply) = handle.next_request().await.unwrap();
    assert!(request.extensions().is_empty() && request.headers().is_empty());
    tokio::time::advance(1000 * TOTAL).await;
    assert_pending!(response.poll());
    reply.send_response(Response::new(Script::new([None])));
    let mut body = task::spawn(Box::pin(assert_ready_ok!(response.poll()).into_body()));
    assert_pending!(body::poll_frame(&mut body));
    tokio::time::advance(1000 * TOTAL).await;
    assert_eq!(
        assert_ready!(body::poll_frame(&mut body)).map(Result::unwrap),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn the_earliest_of_route_caller_and_outer_deadline_counts() {
    let now = Instant::now();
    let deadline = |request: &Request<()>| request.extensions().get::<Deadline>().unwrap().instant() - now;
    let ms = Duration::from_millis;

    assert_eq!(deadline(&sent(Some(TOTAL), plain()).await), TOTAL);
    assert_eq!(deadline(&sent(Some(TOTAL), grpc("200m")).await), ms(200));
    assert_eq!(deadline(&sent(Some(TOTAL), grpc("2S")).await), TOTAL);
    assert_eq!(deadline(&sent(None, grpc("2S")).await), 2 * TOTAL);
    let mut request = grpc("200m");
    request.extensions_mut().insert(Deadline::at(now + ms(100)));
    assert_eq!(deadline(&sent(Some(TOTAL), request).await), ms(100));
}

#[tokio::test(start_paused = true)]
async fn what_remains_goes_out_in_the_field_that_its_reader_knows() {
    assert_eq!(
        sent(Some(TOTAL), grpc("9S")).await.headers()["grpc-timeout"],
        "1000000u"
    );
    assert_eq!(
        sent(None, grpc("50m")).await.headers()["grpc-timeout"],
        "50000000n"
    );
    let mut request = grpc("1S");
    request.headers_mut().remove("grpc-timeout");
    assert_eq!(
        sent(Some(TOTAL), request).await.headers()["grpc-timeout"],
        "1000000u"
    );
    let plain = sent(Some(TOTAL), plain()).await;
    assert!(!plain.headers().contains_key("grpc-timeout"));
    assert_eq!(plain.headers()["x-request-timeout-ms"], "1000");
}

fn asking(name: &'static str, value: &str) -> Request<()> {
    Request::get("/").header(name, value).body(()).unwrap()
}

const FIELD: &str = "x-request-timeout-ms";
const ENVOY: &str = "x-envoy-expected-rq-timeout-ms";

#[tokio::test(start_paused = true)]
async fn anyone_may_ask_for_less_time_and_nobody_gets_more() {
    let (mut service, mut handle) = spawn::<Script>(Some(TOTAL));
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(asking(FIELD, "200")));
    let (request, _held) = handle.next_request().await.unwrap();
    assert_eq!(request.headers()[FIELD], "200");
    assert_pending!(response.poll());
    tokio::time::advance(Duration::from_millis(200)).await;
    let failure = assert_ready_err!(response.poll());
    let detail = "no response within 200ms, the caller's x-request-timeout-ms";
    assert_eq!(failure.detail(), Some(detail));

    assert_eq!(
        sent(Some(TOTAL), asking(FIELD, "5000")).await.headers()[FIELD],
        "1000"
    );
    assert_eq!(sent(None, asking(FIELD, "5000")).await.headers()[FIELD], "5000");
}

#[tokio::test(start_paused = true)]
async fn a_plain_request_that_waited_is_told_what_remains_when_it_goes() {
    let (mut service, mut handle) = spawn::<Script>(None);
    handle.allow(0);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(asking(FIELD, "1000")));
    assert_pending!(response.poll());
    tokio::time::advance(Duration::from_micros(250_500)).await;
    handle.allow(1);
    assert_pending!(response.poll());
    let (request, _) = handle.next_request().await.unwrap();
    assert_eq!(request.headers()[FIELD], "749");
}

#[tokio::test(start_paused = true)]
async fn a_time_that_cannot_be_read_is_the_callers_fault_and_none_is_asked_of_nobody() {
    for value in ["", "1s", "-1", "1.5", "soon", "100, 200"] {
        let failure = refused(None, asking(FIELD, value));
        assert_eq!(failure.reason(), Reason::BadRequest, "{value}");
    }
    let mut twice = asking(FIELD, "100");
    twice
        .headers_mut()
        .append(FIELD, http::HeaderValue::from_static("100"));
    assert_eq!(refused(None, twice).reason(), Reason::BadRequest);
    let failure = refused(None, asking(FIELD, "0"));
    assert_eq!(failure.reason(), Reason::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn envoys_word_counts_from_who_has_shown_a_certificate() {
    let peer = || {
        let client = crate::hop::Client::new(None, true).with_identity("spiffe://shop/cart".into());
        std::sync::Arc::new(client)
    };
    let by_peer = |name, value| {
        let mut request = asking(name, value);
        request.extensions_mut().insert(peer());
        request
    };
    let request = sent(Some(TOTAL), by_peer(ENVOY, "300")).await;
    assert_eq!(request.headers()[FIELD], "300");
    assert_eq!(request.headers()[ENVOY], "300");
    let request = sent(None, by_peer(ENVOY, "soon")).await;
    assert!(request.extensions().get::<Deadline>().is_none());
    let request = sent(None, by_peer(ENVOY, "0")).await;
    assert!(request.extensions().get::<Deadline>().is_none());

    let mut stranger = asking(ENVOY, "300");
    let client = crate::hop::Client::new(None, false).with_trust(true);
    stranger.extensions_mut().insert(std::sync::Arc::new(client));
    assert!(
        sent(None, stranger)
            .await
            .extensions()
            .get::<Deadline>()
            .is_none()
    );
    assert!(
        sent(None, asking(ENVOY, "300"))
            .await
            .extensions()
            .get::<Deadline>()
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn grpc_has_a_field_of_its_own() {
    let mut request = grpc("2S");
    request
        .headers_mut()
        .insert(FIELD, http::HeaderValue::from_static("1"));
    let request = sent(None, request).await;
    assert_eq!(request.headers()["grpc-timeout"], "2000000u");
}

#[tokio::test(start_paused = true)]
async fn a_plain_request_is_not_bound_by_a_grpc_timeout() {
    let mut request = grpc("1n");
    request.headers_mut().remove(CONTENT_TYPE);
    assert!(sent(None, request).await.extensions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_grpc_timeout_that_cannot_be_read_is_the_callers_fault() {
    for timeout in ["", "1", "S", "123456789S", "-1S"] {
        let failure = refused(None, grpc(timeout));
        assert_eq!(failure.reason(), Reason::BadRequest, "{timeout}");
        assert_eq!(failure.reason().row().grpc, Some(grpc::Code::Internal));
    }
}

#[tokio::test(start_paused = true)]
async fn no_time_at_all_fails_without_asking_the_upstream() {
    for failure in [
        refused(Some(TOTAL), grpc("0S")),
        refused(Some(Duration::ZERO), plain()),
    ] {
        assert_eq!(failure.reason(), Reason::DeadlineExceeded);
    }
    let mut request = plain();
    request.extensions_mut().insert(Deadline::at(Instant::now()));
    assert_eq!(refused(None, request).reason(), Reason::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn a_limit_beyond_the_end_of_the_clock_is_none() {
    assert!(sent(Some(Duration::MAX), plain()).await.extensions().is_empty());
    sent(None, grpc("99999999H")).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_remains_of_a_deadline_that_is_now() {
    let now = Instant::now();
    let mut headers = grpc("1S").headers().clone();
    assert_eq!(Deadline::at(now).remaining(now), None);
    let failure = set_remaining(&mut headers, Deadline::at(now), now).unwrap_err();
    assert_eq!(failure.reason(), Reason::DeadlineExceeded);
    set_remaining(&mut headers, Deadline::at(now + Duration::from_nanos(1)), now).unwrap();
    assert_eq!(headers["grpc-timeout"], "1n");
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_inner_service_pass_as_they_are() {
    let (mut service, mut handle) = spawn::<Script>(Some(TOTAL));
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(plain()));
    let (_, reply) = handle.next_request().await.unwrap();
    reply.send_error(Failure::new(Reason::ConnectionRefused));
    assert_eq!(
        assert_ready_err!(response.poll()).reason(),
        Reason::ConnectionRefused
    );
    handle.send_error(Failure::new(Reason::Draining));
    assert_eq!(assert_ready_err!(service.poll_ready()).reason(), Reason::Draining);
}

#[tokio::test(start_paused = true)]
async fn a_clone_has_a_deadline_of_its_own_and_a_drop_forgets_the_request() {
    let (mut service, mut handle) = spawn::<Script>(Some(TOTAL));
    handle.allow(0);
    let mut clone = Spawn::new(service.get_ref().clone());
    let mut early = task::spawn(service.call(plain()));
    assert_pending!(early.poll());
    tokio::time::advance(TOTAL / 2).await;
    let mut late = task::spawn(clone.call(plain()));
    assert_pending!(late.poll());
    tokio::time::advance(TOTAL / 2).await;
    assert_ready_err!(early.poll());
    assert_pending!(late.poll());
    drop((early, late, service, clone));
    assert!(handle.next_request().await.is_none());
}
