use std::io;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use outrigger_gateway::{Reason, find_cause};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::testing::{Alert, soon};
use outrigger_gateway::os::{connect_failure, plain};

/// A frame of SETTINGS with nothing in it, and RST_STREAM(CANCEL) of stream 1 (RFC 9113 §6.4, §6.5).
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const RST_STREAM: [u8; 13] = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8];

/// Fails as soon as hyper's h2 is another version than ours: then no downcast would ever succeed.
#[tokio::test]
async fn the_h2_error_within_one_of_hyper_is_found_by_its_type() {
    let (ours, mut theirs) = duplex(4096);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(ours))
        .await
        .unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(Request::new(Empty::<Bytes>::new()));
    theirs.write_all(&SETTINGS).await.unwrap();
    // The preface, and then frames until HEADERS.
    let mut preface = [0; 24];
    theirs.read_exactly_all(&mut preface).await;
    loop {
        let mut head = [0; 9];
        theirs.read_exactly_all(&mut head).await;
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        theirs.read_exactly_all(&mut payload).await;
        if head[3] == 1 {
            break;
        }
    }
    theirs.write_all(&RST_STREAM).await.unwrap();

    let error = soon(response).await.unwrap_err();

    let found = find_cause::<h2::Error>(&error).expect("hyper and we use the same h2");
    assert_eq!(found.reason(), Some(h2::Reason::CANCEL));
    assert!(found.is_remote());
}

trait ReadAll {
    async fn read_exactly_all(&mut self, buf: &mut [u8]);
}

impl ReadAll for tokio::io::DuplexStream {
    async fn read_exactly_all(&mut self, buf: &mut [u8]) {
        soon(self.read_exact(buf)).await.unwrap();
    }
}

#[test]
fn an_error_within_errors_of_io_is_found() {
    let inner = io::Error::new(io::ErrorKind::InvalidData, Alert(48));
    let outer = io::Error::other(inner);

    assert_eq!(find_cause::<Alert>(&outer), Some(&Alert(48)));
    assert!(find_cause::<h2::Error>(&outer).is_none());
}

#[test]
fn an_error_of_connecting_is_named_by_its_kind() {
    use io::ErrorKind as Kind;
    for (kind, reason) in [
        (Kind::ConnectionRefused, Reason::ConnectionRefused),
        (Kind::TimedOut, Reason::ConnectionTimeout),
        (Kind::HostUnreachable, Reason::Unroutable),
        (Kind::NetworkUnreachable, Reason::Unroutable),
        (Kind::NetworkDown, Reason::Unroutable),
        (Kind::ConnectionReset, Reason::ClosedBeforeResponse),
        (Kind::ConnectionAborted, Reason::ClosedBeforeResponse),
        (Kind::PermissionDenied, Reason::Internal),
        (Kind::AddrNotAvailable, Reason::Internal),
        (Kind::Other, Reason::Internal),
    ] {
        assert_eq!(connect_failure(&kind.into()).reason(), reason, "{kind:?}");
    }
}

#[test]
fn descriptors_that_are_used_up_are_our_own_fault() {
    const EMFILE: i32 = 24;
    let error = io::Error::from_raw_os_error(EMFILE);

    assert_eq!(connect_failure(&error).reason(), Reason::Internal);
}

#[test]
fn an_error_of_the_system_is_told_without_its_number() {
    const ECONNREFUSED: i32 = 111;
    let error = io::Error::from_raw_os_error(ECONNREFUSED);

    assert_eq!(plain(&error), "connection refused");
}
