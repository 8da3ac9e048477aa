use std::{io, pin::pin, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use outrigger_gateway::{Failure, Reason, find_cause};
use tokio::time::{Instant, advance};

use crate::{
    body::{BoxError, RequestBody, client_failure},
    testing::{TestBody, settle, soon},
};

const SECOND: Duration = Duration::from_secs(1);

fn of(body: impl Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static) -> RequestBody<TestBody> {
    RequestBody::new(body.map_err(Into::into).boxed_unsync(), None)
}

/// A body that first moves after a second.
fn slow() -> RequestBody<TestBody> {
    of(StreamBody::new(futures_util::stream::once(async {
        tokio::time::sleep(SECOND).await;
        Ok::<_, io::Error>(Frame::data(Bytes::from_static(b"part")))
    })))
}

#[test]
fn what_a_body_says_of_its_length_is_kept() {
    let known = of(Full::from("body"));
    assert_eq!(Body::size_hint(&known).exact(), Some(4));
    assert!(!known.is_end_stream());

    let nothing = of(Empty::<Bytes>::new());
    assert_eq!(Body::size_hint(&nothing).exact(), Some(0));
    assert!(nothing.is_end_stream());

    let unknown = slow();
    assert_eq!(Body::size_hint(&unknown).exact(), None);
    assert_eq!(Body::size_hint(&unknown).lower(), SizeHint::default().lower());
    assert!(!unknown.is_end_stream());
}

#[tokio::test]
async fn a_body_that_was_kept_empty_sends_nothing() {
    let mut empty = RequestBody::<TestBody>::empty();

    assert_eq!(Body::size_hint(&empty).exact(), Some(0));
    assert!(empty.is_end_stream());
    assert!(empty.frame().await.is_none());
}

#[tokio::test]
async fn trailers_are_passed_on() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    let body = Full::from("body").with_trailers(std::future::ready(Some(Ok(trailers.clone()))));

    let collected = of(body).collect().await.unwrap();

    assert_eq!(collected.trailers(), Some(&trailers));
    assert_eq!(collected.to_bytes(), "body");
}

#[tokio::test(start_paused = true)]
async fn without_a_body_the_upload_ended_as_it_started() {
    let (body, started) = (of(Empty::<Bytes>::new()), Instant::now());

    assert_eq!(body.upload().ended(started), Some(started));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_upload_is_when_the_body_was_taken_whole() {
    let started = Instant::now();
    let mut body = slow();
    let upload = body.upload();
    assert_eq!(upload.ended(started), None);

    while body.frame().await.is_some() {}
    advance(SECOND).await;

    assert_eq!(upload.ended(started), Some(started + SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_body_of_known_length_has_ended_with_its_last_byte() {
    let started = Instant::now();
    let mut body = of(Full::from("body"));
    let upload = body.upload();
    advance(SECOND).await;

    assert!(body.frame().await.is_some());

    assert_eq!(upload.ended(started), Some(started + SECOND));
    assert_eq!(upload.moved(started), started + SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_given_up_has_ended() {
    let started = Instant::now();
    let body = slow();
    let upload = body.upload();
    advance(SECOND).await;

    drop(body);

    assert_eq!(upload.ended(started), Some(started + SECOND));
}

#[tokio::test(start_paused = true)]
async fn an_upload_starves_while_it_waits_for_the_client() {
    let mut body = slow();
    let upload = body.upload();
    assert!(!upload.starving(), "nobody has asked for more");

    let mut frame = pin!(body.frame());
    assert!(futures_util::poll!(frame.as_mut()).is_pending());
    assert!(upload.starving());
    assert!(frame.await.is_some());

    assert!(!upload.starving());
}

#[tokio::test]
async fn how_the_client_failed_is_remembered() {
    let broken = io::Error::from(io::ErrorKind::ConnectionReset);
    let mut body = of(StreamBody::new(futures_util::stream::iter([Err(broken)])));
    let upload = body.upload();
    assert!(upload.failure().is_none());

    let error = body.frame().await.unwrap().unwrap_err();

    assert_eq!(error.reason(), Reason::ClientGone);
    assert_eq!(
        upload.failure().map(|failure| failure.reason()),
        Some(Reason::ClientGone)
    );
}

#[test]
fn an_error_of_the_clients_body_is_named_by_its_cause() {
    use io::ErrorKind as Kind;
    for (kind, reason) in [
        (Kind::UnexpectedEof, Reason::ClientGone),
        (Kind::ConnectionReset, Reason::ClientGone),
        (Kind::BrokenPipe, Reason::ClientGone),
        (Kind::InvalidInput, Reason::BadRequest),
        (Kind::InvalidData, Reason::BadRequest),
    ] {
        let failure = client_failure(&io::Error::new(kind, "why"));

        assert_eq!(failure.reason(), reason, "{kind:?}");
        assert!(!failure.unprocessed());
    }
    let named = io::Error::other(Failure::new(Reason::DeadlineExceeded));
    assert_eq!(client_failure(&named).reason(), Reason::DeadlineExceeded);
    let reset = h2::Error::from(h2::Reason::CANCEL);
    assert_eq!(client_failure(&reset).reason(), Reason::ClientGone);
}

#[tokio::test]
async fn a_body_whose_response_was_given_up_breaks_off_and_cancels_its_stream() {
    let body = of(StreamBody::new(futures_util::stream::pending::<
        Result<Frame<Bytes>, io::Error>,
    >()));
    let upload = body.upload();
    let waiting = tokio::spawn(async move { pin!(body).frame().await });
    settle().await;
    upload.abandon();

    let error = soon(waiting).await.unwrap().unwrap().unwrap_err();
    let reset = find_cause::<h2::Error>(&error).and_then(h2::Error::reason);
    assert_eq!(reset, Some(h2::Reason::CANCEL));
    assert!(upload.failure().is_none(), "the client is not to blame");
}
