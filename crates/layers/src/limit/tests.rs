mod accounting;

use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use outrigger_gateway::Reason;
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower_layer::Layer;
use tower_test::mock::Spawn;

use super::*;
use crate::testing::{self, Script};

type Tested<B> = Spawn<Limited<testing::Mock<B>>>;

/// Two services below one limit.
fn two<B>(max: usize) -> (Tested<B>, Tested<B>, testing::Handle<B>, Limit) {
    let (service, mut handle) = testing::pair();
    handle.allow(u64::MAX / 2);
    let layer = LimitLayer::new(max);
    let limit = layer.limit().clone();
    let first = layer.layer(service);
    (Spawn::new(first.clone()), Spawn::new(first), handle, limit)
}

/// A request in flight, answered with this body.
async fn answered<B: Body>(service: &mut Tested<B>, handle: &mut testing::Handle<B>, body: B) -> Held<B> {
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(Request::new(())));
    let (_, reply) = handle.next_request().await.unwrap();
    reply.send_response(Response::new(body));
    assert_ready_ok!(response.poll()).into_body()
}

#[tokio::test]
async fn the_last_place_is_given_and_the_next_is_waited_for() {
    let (mut first, mut second, _handle, limit) = two::<Script>(1);
    assert_ready_ok!(first.poll_ready());
    assert_eq!(limit.in_flight(), 1);
    assert_pending!(second.poll_ready());

    let response = first.call(Request::new(()));
    assert_pending!(second.poll_ready());
    drop(response);
    assert!(second.is_woken());
    assert_ready_ok!(second.poll_ready());
    assert_eq!((limit.in_flight(), limit.max()), (1, 1));
}

#[tokio::test]
async fn zero_admits_nothing() {
    let (mut service, _, _handle, limit) = two::<Script>(0);
    assert_pending!(service.poll_ready());
    assert_eq!((limit.in_flight(), limit.max()), (0, 0));
}

#[tokio::test]
async fn a_request_is_in_flight_until_its_body_has_ended() {
    let (mut service, _, mut handle, limit) = two(1);
    let mut body = answered(&mut service, &mut handle, Script::data(["a", "b"])).await;
    for _ in 0..2 {
        assert!(body.frame().await.unwrap().is_ok());
        assert_eq!(limit.in_flight(), 1);
    }
    assert!(body.frame().await.is_none());
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn a_body_that_knows_its_end_frees_the_place_with_its_last_frame() {
    let (mut service, _, mut handle, limit) = two(1);
    let mut body = answered(&mut service, &mut handle, Full::<bytes::Bytes>::from("whole")).await;
    assert_eq!(limit.in_flight(), 1);
    assert!(body.frame().await.unwrap().is_ok());
    assert!(body.is_end_stream());
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn a_body_with_nothing_in_it_frees_the_place_at_the_head() {
    let (mut service, _, mut handle, limit) = two(1);
    let body = answered(&mut service, &mut handle, Empty::<bytes::Bytes>::new()).await;
    assert_eq!(limit.in_flight(), 0);
    drop(body);
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn a_body_that_fails_or_is_dropped_frees_the_place() {
    let (mut service, _, mut handle, limit) = two(1);
    let failing = Script::new([Some(Err(Reason::ResponseIncomplete.into())), None]);
    let mut body = answered(&mut service, &mut handle, failing).await;
    assert!(body.frame().await.unwrap().is_err());
    assert_eq!(limit.in_flight(), 0);

    let dropped = answered(&mut service, &mut handle, Script::data(["a"])).await;
    assert_eq!(limit.in_flight(), 1);
    drop(dropped);
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn the_body_tells_its_size_and_end_as_the_one_inside_does() {
    let (mut service, _, mut handle, _) = two(1);
    let body = answered(&mut service, &mut handle, Script::data(["a"])).await;
    assert_eq!(body.size_hint().exact(), Some(7));
    assert!(!body.is_end_stream());
}

#[tokio::test]
async fn a_failed_response_frees_the_place_and_the_failure_passes() {
    let (mut service, _, mut handle, limit) = two::<Script>(1);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(Request::new(())));
    let (_, reply) = handle.next_request().await.unwrap();
    reply.send_error(Failure::new(Reason::ConnectionRefused));
    assert_eq!(
        assert_ready_err!(response.poll()).reason(),
        Reason::ConnectionRefused
    );
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn an_inner_service_that_is_not_ready_passes_as_pending_and_a_broken_one_holds_no_place() {
    let (mut service, _, mut handle, limit) = two::<Script>(1);
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.send_error(Failure::new(Reason::Draining));
    assert_eq!(assert_ready_err!(service.poll_ready()).reason(), Reason::Draining);
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn a_clone_starts_without_a_place_and_a_dropped_service_gives_its_own_back() {
    let (mut first, second, _handle, limit) = two::<Script>(2);
    assert_ready_ok!(first.poll_ready());
    let clone = first.get_ref().clone();
    assert_eq!(limit.in_flight(), 1);
    drop((clone, second));
    assert_eq!(limit.in_flight(), 1);
    drop(first);
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn who_comes_first_is_served_first_even_if_a_newcomer_asks_before() {
    let (mut first, mut second, _handle, _) = two::<Script>(1);
    let mut third = Spawn::new(second.get_ref().clone());
    assert_ready_ok!(first.poll_ready());
    assert_pending!(second.poll_ready());
    drop(first);
    assert_pending!(third.poll_ready());
    assert_ready_ok!(second.poll_ready());
    drop(second);
    assert_ready_ok!(third.poll_ready());
}

#[tokio::test]
async fn a_place_handed_to_someone_who_left_goes_to_the_next() {
    let (mut first, mut second, _handle, limit) = two::<Script>(1);
    let mut third = Spawn::new(second.get_ref().clone());
    assert_ready_ok!(first.poll_ready());
    assert_pending!(second.poll_ready());
    assert_pending!(third.poll_ready());
    drop(first);
    assert!(second.is_woken() && !third.is_woken());
    drop(second);
    assert!(third.is_woken());
    assert_ready_ok!(third.poll_ready());
    drop(third);
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn leaving_the_queue_lets_others_in_at_once() {
    let (mut first, mut second, _handle, limit) = two::<Script>(1);
    let mut third = Spawn::new(second.get_ref().clone());
    assert_ready_ok!(first.poll_ready());
    assert_pending!(second.poll_ready());
    drop(second);
    drop(first);
    assert_eq!(limit.in_flight(), 0);
    assert_ready_ok!(third.poll_ready());
}

#[tokio::test]
async fn the_task_that_polled_last_is_the_one_woken() {
    let (mut first, second, _handle, _) = two::<Script>(1);
    assert_ready_ok!(first.poll_ready());
    let mut second = second.into_inner();
    let mut early = task::spawn(());
    let mut late = task::spawn(());
    assert_pending!(early.enter(|cx, _| Service::<Request<()>>::poll_ready(&mut second, cx)));
    assert_pending!(late.enter(|cx, _| Service::<Request<()>>::poll_ready(&mut second, cx)));
    drop(first);
    assert!(late.is_woken() && !early.is_woken());
    assert_ready!(late.enter(|cx, _| Service::<Request<()>>::poll_ready(&mut second, cx))).unwrap();
}

#[test]
fn a_place_counts_like_a_request_until_it_is_dropped() {
    let limit = Limit::new(1);
    let place = limit.try_enter().expect("there is room");
    assert_eq!(limit.in_flight(), 1);
    assert!(limit.try_enter().is_none(), "the limit is reached");
    drop(place);
    assert_eq!(limit.in_flight(), 0);
    assert!(limit.try_enter().is_some());
}
