use std::{future::poll_fn, io, pin::pin, task::Poll};

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use outrigger_gateway::find_cause;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::{Counted, Received};
use crate::{
    connect::Connect,
    testing::{Alert, Memory, endpoint, soon},
};

#[tokio::test]
async fn every_byte_that_is_read_is_counted_and_the_first_sixteen_are_kept() {
    let (ours, mut theirs) = duplex(64);
    let mut counted = Counted::new(ours);
    let received = counted.received();
    assert_eq!((received.bytes(), received.first()), (0, None));

    theirs.write_all(b"0123456789abcdefghij").await.unwrap();
    let mut buf = [0; 20];
    counted.read_exact(&mut buf).await.unwrap();
    assert_eq!(received.bytes(), 20);
    theirs.write_all(b"klm").await.unwrap();
    counted.read_exact(&mut buf[..3]).await.unwrap();

    assert_eq!(received.bytes(), 23);
    assert_eq!(received.first(), Some(&b"0123456789abcdef"[..]));
}

#[tokio::test]
async fn bytes_that_are_written_are_not_counted() {
    let (ours, _theirs) = duplex(64);
    let mut counted = Counted::new(ours);

    counted.write_all(b"a request").await.unwrap();

    assert_eq!(counted.received().bytes(), 0);
}

#[test]
fn an_error_of_the_operating_system_is_passed_on_as_it_is() {
    let received = Received::default();

    let passed = received.note(io::Error::from_raw_os_error(104));

    assert_eq!(passed.raw_os_error(), Some(104));
    assert!(received.broke().is_none());
}

#[test]
fn an_error_of_another_library_is_noted_and_still_found_where_it_is_passed_on() {
    let received = Received::default();

    let passed = received.note(io::Error::new(io::ErrorKind::InvalidData, Alert(116)));

    assert_eq!(passed.kind(), io::ErrorKind::InvalidData);
    assert_eq!(passed.to_string(), "fatal alert 116");
    assert_eq!(find_cause::<Alert>(&passed), Some(&Alert(116)));
    let broke = received.broke().expect("it was noted");
    assert_eq!(find_cause::<Alert>(broke), Some(&Alert(116)));
}

#[test]
fn of_several_errors_the_first_is_the_cause() {
    let received = Received::default();
    received.note(io::Error::other(Alert(48)));

    received.note(io::Error::other(Alert(0)));

    assert_eq!(
        received.broke().and_then(|broke| find_cause(broke)),
        Some(&Alert(48))
    );
}

#[tokio::test]
async fn an_error_that_h2_keeps_only_the_text_of_is_found_where_it_was_noted() {
    let (memory, mut dials) = Memory::new(None);
    let dialed = tokio::spawn(async move { memory.connect(&endpoint(1)).await.unwrap().io });
    let theirs = dials.next().await.accept_to_alert(48);
    let counted = Counted::new(dialed.await.unwrap());
    let received = counted.received();
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(counted));
    let (mut sender, connection) = handshake.await.unwrap();
    let connection = tokio::spawn(connection);
    let response = sender.send_request(Request::new(Empty::<Bytes>::new()));

    drop(theirs);

    assert!(soon(response).await.is_err());
    let _ = soon(connection).await;
    assert_eq!(
        received.broke().and_then(|broke| find_cause(broke)),
        Some(&Alert(48))
    );
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_failed_write_can_still_be_read() {
    let (ours, mut theirs) = duplex(64);
    let mut counted = Counted::new(ours).http1();
    theirs.write_all(b"413").await.unwrap();
    drop(theirs);

    let (kind, text, took) = async {
        let begun = tokio::time::Instant::now();
        let mut text = String::new();
        let (mut read, mut write) = tokio::io::split(&mut counted);
        let (failed, _) = tokio::join!(write.write_all(b"more"), read.read_to_string(&mut text));
        (failed.unwrap_err().kind(), text, begun.elapsed())
    }
    .await;

    assert_eq!((kind, &*text), (io::ErrorKind::BrokenPipe, "413"));
    assert_eq!(took, super::LAST_WORDS);
}

#[tokio::test]
async fn a_peer_that_sends_without_end_leaves_others_their_turn() {
    let mut counted = Counted::new(tokio::io::repeat(b'x'));
    let mut buf = vec![0; super::TURN];

    counted.read_exact(&mut buf).await.unwrap();
    let mut rest = [0; 1];
    let mut read = pin!(counted.read_exact(&mut rest));

    assert!(
        poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx)))
            .await
            .is_pending()
    );
    soon(read).await.unwrap();
}
