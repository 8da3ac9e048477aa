//! The deadline in the middle of a body.

use super::*;

type Spawned<B> = task::Spawn<Pin<Box<Bounded<B>>>>;

/// A body that the deadline covers.
async fn answered<B: Body>(total: Option<Duration>, body: B) -> Spawned<B> {
    let (mut service, mut handle) = spawn(total);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(plain()));
    let (_, reply) = handle.next_request().await.unwrap();
    reply.send_response(Response::new(body));
    task::spawn(Box::pin(assert_ready_ok!(response.poll()).into_body()))
}

pub(super) fn poll_frame<B>(body: &mut Spawned<B>) -> Poll<Option<Result<Bytes, Failure>>>
where
    B: Body<Data = Bytes, Error = Failure>,
{
    let frame = body.enter(|cx, body| body.poll_frame(cx));
    frame.map(|frame| {
        frame.map(|frame| {
            frame
                .map(|frame| frame.into_data().unwrap())
                .map_err(Failure::from_error)
        })
    })
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_fails_at_the_deadline_and_ends_there() {
    let mut body = answered(Some(TOTAL), Script::new([testing::data("a"), None, None])).await;
    assert_ready_ok!(assert_ready!(poll_frame(&mut body)).map_or(Poll::Pending, Poll::Ready));
    assert_pending!(poll_frame(&mut body));
    tokio::time::advance(TOTAL).await;
    assert!(body.is_woken());
    let failure = assert_ready!(poll_frame(&mut body)).unwrap().unwrap_err();
    assert_eq!(failure.reason(), Reason::DeadlineExceeded);
    assert_eq!(
        failure.detail(),
        Some("response not whole within 1s, the limit of the route")
    );
    assert!(body.is_end_stream());
    assert!(assert_ready!(poll_frame(&mut body)).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_stalls_fails_too() {
    let mut body = answered(Some(TOTAL), Script::data(["a", "b", "c"])).await;
    assert!(assert_ready!(poll_frame(&mut body)).unwrap().is_ok());
    tokio::time::advance(TOTAL).await;
    let failure = assert_ready!(poll_frame(&mut body)).unwrap().unwrap_err();
    assert_eq!(failure.reason(), Reason::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_body_and_its_own_error_pass_even_late() {
    let mut whole = answered(Some(TOTAL), Script::data([])).await;
    let broken = Script::new([Some(Err(Reason::ResponseIncomplete.into()))]);
    let mut broken = answered(Some(TOTAL), broken).await;
    tokio::time::advance(2 * TOTAL).await;
    assert!(assert_ready!(poll_frame(&mut whole)).is_none());
    let failure = assert_ready!(poll_frame(&mut broken)).unwrap().unwrap_err();
    assert_eq!(failure.reason(), Reason::ResponseIncomplete);
}

#[tokio::test(start_paused = true)]
async fn the_body_tells_its_size_and_end_as_the_one_inside_does() {
    let open = answered(Some(TOTAL), Script::data(["a"])).await;
    assert_eq!((open.size_hint().exact(), open.is_end_stream()), (Some(7), false));
    let empty = answered(Some(TOTAL), Full::<Bytes>::default()).await;
    assert_eq!(
        (empty.size_hint().exact(), empty.is_end_stream()),
        (Some(0), true)
    );
}
