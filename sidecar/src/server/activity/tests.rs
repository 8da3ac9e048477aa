use std::{future::poll_fn, pin::pin};

use tokio::time::timeout;

use super::*;

const HEAD: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(300);

/// How long it takes until something is overdue, and what.
async fn overdue(activity: &Activity) -> Option<(u64, Overdue)> {
    let started = Instant::now();
    let mut patience = pin!(Patience::new(HEAD, IDLE));
    let overdue = timeout(
        IDLE * 3,
        poll_fn(|cx| patience.as_mut().poll_overdue(cx, activity, None)),
    )
    .await
    .ok()?;
    Some((started.elapsed().as_secs(), overdue))
}

#[tokio::test(start_paused = true)]
async fn the_first_head_has_header_time() {
    assert_eq!(overdue(&Activity::new()).await, Some((10, Overdue::Head)));
}

#[tokio::test(start_paused = true)]
async fn an_http2_connection_may_wait_for_its_first_request() {
    let activity = Activity::new();
    activity.speaks_http2();
    assert_eq!(overdue(&activity).await, Some((300, Overdue::Idle)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_overdue_while_a_request_is_in_flight() {
    let activity = Activity::new();
    activity.begin(Framing::Chunked);
    assert_eq!(overdue(&activity).await, None);
}

#[tokio::test(start_paused = true)]
async fn between_requests_a_connection_has_idle_time() {
    let activity = Activity::new();
    activity.begin(Framing::Chunked);
    activity.end();
    assert_eq!(overdue(&activity).await, Some((300, Overdue::Idle)));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_has_begun_has_header_time_again() {
    let activity = Activity::new();
    activity.begin(Framing::Chunked);
    activity.end();
    activity.hear();
    assert_eq!(overdue(&activity).await, Some((10, Overdue::Head)));
}

#[tokio::test(start_paused = true)]
async fn after_a_request_without_a_body_a_connection_may_nap() {
    let activity = Activity::new();
    activity.begin(Framing::Length(0));
    activity.end();
    assert_eq!(overdue(&activity).await, Some((0, Overdue::Nap)));
    activity.nap(true);
    // What it has idled so far counts.
    assert_eq!(overdue(&activity).await, Some((299, Overdue::Idle)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_something_left_to_write_stays_awake() {
    let activity = Activity::new();
    activity.begin(Framing::Length(0));
    activity.end();
    activity.wrote(false);
    assert_eq!(overdue(&activity).await, Some((300, Overdue::Idle)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_left_has_header_time_to_be_gone() {
    let activity = Activity::new();
    activity.speaks_http2();
    let mut patience = pin!(Patience::new(HEAD, IDLE));
    let started = Instant::now();
    let left = Some(started + HEAD);
    tokio::time::advance(HEAD).await;
    let overdue = poll_fn(|cx| patience.as_mut().poll_overdue(cx, &activity, left)).await;
    assert_eq!((overdue, started.elapsed().as_secs()), (Overdue::Idle, 20));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_of_any_response_has_idle_time() {
    let activity = Activity::new();
    activity.begin(Framing::Length(0));
    activity.begin(Framing::Length(0));
    activity.offer();
    assert_eq!(overdue(&activity).await, None, "the other may be waiting for us");
    activity.offer();
    assert_eq!(overdue(&activity).await, Some((300, Overdue::Taking)));
    activity.taken();
    assert_eq!(overdue(&activity).await, None);
}
