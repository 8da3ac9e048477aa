//! Each fault of HTTP/1, and of what lies below, does on the wire what its documentation says.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{io, time::Duration};

use outrigger_faults::{Answer, Ending, Fault, Server, exchange};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const SHORT: Duration = Duration::from_millis(50);

async fn answer(fault: Fault) -> Answer {
    let server = Server::start(fault);
    exchange(server.addr(), GET).await.unwrap()
}

/// Text and ending of the answer to a good request.
async fn told(fault: Fault) -> (String, Ending) {
    let answer = answer(fault).await;
    (answer.text(), answer.ending)
}

async fn without_request(fault: Fault) -> (String, Ending) {
    let server = Server::start(fault);
    let answer = exchange(server.addr(), b"").await.unwrap();
    (answer.text(), answer.ending)
}

/// Reads one good answer and leaves the connection as it is.
async fn read_ok(stream: &mut TcpStream) {
    let mut buffer = vec![0; OK.len()];
    stream.read_exact(&mut buffer).await.unwrap();
    assert_eq!(buffer, OK.as_bytes());
}

#[tokio::test]
async fn none_answers_every_request_on_one_connection() {
    let server = Server::start(Fault::None);
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    for request in [
        GET,
        b"POST / HTTP/1.1\r\nhost: x\r\nContent-Length: 4\r\n\r\nbody",
        b"POST / HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        GET,
    ] {
        stream.write_all(request).await.unwrap();
        read_ok(&mut stream).await;
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn none_waits_for_the_whole_body() {
    let server = Server::start(Fault::None);
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\nbo")
        .await
        .unwrap();
    assert!(timeout(SHORT, stream.read_u8()).await.is_err());
    stream.write_all(b"dy").await.unwrap();
    read_ok(&mut stream).await;
}

#[tokio::test]
async fn refuse_refuses_and_keeps_the_port() {
    let server = Server::start(Fault::Refuse);
    for _ in 0..3 {
        let error = TcpStream::connect(server.addr()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
    let error = std::net::TcpListener::bind(server.addr()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn blackhole_never_connects() {
    let server = Server::start(Fault::Blackhole);
    assert!(
        timeout(Duration::from_millis(500), TcpStream::connect(server.addr()))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn reset_on_accept_resets() {
    let server = Server::start(Fault::ResetOnAccept);
    // The RST may be here before `connect` returns.
    match TcpStream::connect(server.addr()).await {
        Ok(mut stream) => {
            let error = stream.read_u8().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
}

#[tokio::test]
async fn close_on_accept_closes_before_a_request() {
    assert_eq!(
        without_request(Fault::CloseOnAccept).await,
        (String::new(), Ending::Closed)
    );
}

#[tokio::test]
async fn silence_accepts_and_reads_nothing() {
    let server = Server::start(Fault::Silence);
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let megabytes = vec![b'x'; 64 << 20];
    assert!(
        timeout(Duration::from_millis(300), stream.write_all(&megabytes))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn close_on_first_bytes_waits_for_them() {
    assert_eq!(
        without_request(Fault::CloseOnFirstBytes).await,
        (String::new(), Ending::Silent)
    );
    assert_eq!(
        told(Fault::CloseOnFirstBytes).await,
        (String::new(), Ending::Closed)
    );
}

#[tokio::test]
async fn reset_on_first_bytes_waits_for_them() {
    assert_eq!(
        without_request(Fault::ResetOnFirstBytes).await,
        (String::new(), Ending::Silent)
    );
    assert_eq!(
        told(Fault::ResetOnFirstBytes).await,
        (String::new(), Ending::Reset)
    );
}

#[tokio::test]
async fn tls_alert_is_a_fatal_alert_record() {
    let answer = answer(Fault::TlsAlert(10)).await;
    assert_eq!(
        (answer.bytes.as_slice(), answer.ending),
        (&[21, 3, 3, 0, 2, 2, 10][..], Ending::Closed)
    );
}

#[tokio::test]
async fn ssh_banner_comes_without_being_asked() {
    let (text, ending) = without_request(Fault::SshBanner).await;
    assert_eq!(
        (text.as_str(), ending),
        ("SSH-2.0-OpenSSH_9.9\r\n", Ending::Silent)
    );
}

#[tokio::test]
async fn no_answer_reads_on_and_never_answers() {
    assert_eq!(told(Fault::NoAnswer).await, (String::new(), Ending::Silent));
    let server = Server::start(Fault::NoAnswer);
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let request = [
        b"POST / HTTP/1.1\r\ncontent-length: 16777216\r\n\r\n".to_vec(),
        vec![b'x'; 16 << 20],
    ]
    .concat();
    timeout(Duration::from_secs(5), stream.write_all(&request))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn late_answers_after_its_time() {
    let server = Server::start(Fault::Late(SHORT));
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let start = Instant::now();
    stream.write_all(GET).await.unwrap();
    read_ok(&mut stream).await;
    assert!(start.elapsed() >= SHORT);
}

#[tokio::test]
async fn drip_says_a_byte_at_a_time() {
    let server = Server::start(Fault::Drip(Duration::from_millis(2)));
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let start = Instant::now();
    stream.write_all(GET).await.unwrap();
    read_ok(&mut stream).await;
    assert!(start.elapsed() >= Duration::from_millis(2) * (OK.len() as u32 - 1));
}

#[tokio::test]
async fn ends_before_a_head_come_after_the_whole_request() {
    for (fault, ending) in [
        (Fault::CloseBeforeHead, Ending::Closed),
        (Fault::ResetBeforeHead, Ending::Reset),
    ] {
        let server = Server::start(fault);
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream
            .write_all(b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\nbod")
            .await
            .unwrap();
        assert!(timeout(SHORT, stream.read_u8()).await.is_err(), "{fault:?}");
        assert_eq!(told(fault).await, (String::new(), ending), "{fault:?}");
    }
}

#[tokio::test]
async fn cuts_within_the_head_leave_it_unfinished() {
    for (fault, said) in [
        (Fault::CutInStatusLine, "HTTP/1.1 20"),
        (Fault::CutInHead, "HTTP/1.1 200 OK\r\ncontent-le"),
    ] {
        let (text, ending) = told(fault).await;
        assert_eq!((text.as_str(), ending), (said, Ending::Closed));
    }
}

#[tokio::test]
async fn malformed_heads_are_malformed_in_the_way_named() {
    let cases = [
        (Fault::Garbage, "nothing of the kind"),
        (Fault::UnknownVersion, "HTTP/3.0 200 OK\r\n"),
        (Fault::StatusTooLow, "HTTP/1.1 99 Low\r\n"),
        (Fault::StatusTooHigh, "HTTP/1.1 1000 High\r\n"),
        (Fault::StatusNotNumeric, "HTTP/1.1 OK! Fine\r\n"),
        (
            Fault::UnaskedUpgrade,
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n",
        ),
        (
            Fault::ConflictingLengths,
            "content-length: 2\r\ncontent-length: 3\r\n\r\nok",
        ),
        (Fault::LengthNotNumeric, "content-length: four\r\n"),
        (Fault::BadFieldName, "\r\nbad name: x\r\n"),
        (Fault::NulInField, "\r\nx-nul: a\0b\r\n"),
    ];
    // Each waits half a second to see that nothing more comes: all at once.
    for (fault, said, told) in cases.map(|(fault, said)| (fault, said, tokio::spawn(told(fault)))) {
        let (text, ending) = told.await.unwrap();
        assert!(text.contains(said), "{fault:?}: {text:?}");
        assert_eq!(
            ending,
            Ending::Silent,
            "{fault:?} leaves it to the client to hang up"
        );
    }
}

#[tokio::test]
async fn large_heads_are_large_and_otherwise_fine() {
    let huge = answer(Fault::HugeField).await;
    assert!(huge.bytes.len() > 1 << 20 && huge.text().ends_with("hhh\r\n\r\nok"));
    let many = answer(Fault::ManyFields).await;
    assert_eq!(many.text().matches("\r\nx-many: m").count(), 10_000);
    assert!(many.text().ends_with("x-many: m\r\n\r\nok"));
}

#[tokio::test]
async fn bodies_go_wrong_after_a_good_head() {
    for (fault, said, ending) in [
        (
            Fault::CutInBody,
            "content-length: 100\r\n\r\npart",
            Ending::Closed,
        ),
        (
            Fault::ResetInBody,
            "content-length: 100\r\n\r\npart",
            Ending::Reset,
        ),
        (
            Fault::StallInBody,
            "content-length: 100\r\n\r\npart",
            Ending::Silent,
        ),
        (
            Fault::CutBetweenChunks,
            "chunked\r\n\r\n4\r\npart\r\n",
            Ending::Closed,
        ),
        (
            Fault::BadChunkSize,
            "chunked\r\n\r\n4\r\npart\r\nmuch\r\n",
            Ending::Silent,
        ),
        (
            Fault::MoreThanAnnounced,
            "content-length: 4\r\n\r\npart, and more than that",
            Ending::Silent,
        ),
    ] {
        let (text, told) = told(fault).await;
        assert!(
            text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with(said),
            "{fault:?}: {text:?}"
        );
        assert_eq!(told, ending, "{fault:?}");
    }
}

#[tokio::test]
async fn refusals_are_whole_responses_on_a_connection_that_is_kept() {
    for (fault, status, said) in [
        (
            Fault::ServiceUnavailable,
            503,
            "retry-after: 7\r\ncontent-length: 9\r\n\r\nnot today",
        ),
        (Fault::BadGateway, 502, "content-length: 12\r\n\r\nfrom the app"),
    ] {
        let server = Server::start(fault);
        let answer = exchange(server.addr(), &GET.repeat(2)).await.unwrap();
        assert_eq!(answer.status(), Some(status));
        assert_eq!(answer.text().matches(said).count(), 2, "{fault:?}");
        assert_eq!(answer.ending, Ending::Silent);
    }
}

#[tokio::test]
async fn early_answer_does_not_wait_for_the_body() {
    let server = Server::start(Fault::EarlyAnswer);
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\ncontent-length: 100\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.ends_with("too much"),
        "{answer}"
    );

    // The upload goes on and is reset.
    let upload = async { while stream.write_all(&[b'x'; 1024]).await.is_ok() {} };
    timeout(Duration::from_secs(5), upload).await.unwrap();
}

#[tokio::test]
async fn close_idle_closes_after_its_time() {
    let server = Server::start(Fault::CloseIdle(SHORT));
    let start = Instant::now();
    let answer = exchange(server.addr(), GET).await.unwrap();
    assert_eq!((answer.text().as_str(), answer.ending), (OK, Ending::Closed));
    assert!(start.elapsed() >= SHORT);
}

#[tokio::test]
async fn close_on_next_closes_when_the_next_request_begins() {
    let server = Server::start(Fault::CloseOnNext);
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(GET).await.unwrap();
    read_ok(&mut stream).await;
    assert!(
        timeout(SHORT, stream.read_u8()).await.is_err(),
        "idle connections stay open"
    );
    stream.write_all(GET).await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn timeout_idle_says_408_unasked() {
    let server = Server::start(Fault::TimeoutIdle(SHORT));
    let answer = exchange(server.addr(), GET).await.unwrap();
    assert!(
        answer.text().starts_with(&format!("{OK}HTTP/1.1 408 ")),
        "{}",
        answer.text()
    );
    assert_eq!(answer.ending, Ending::Closed);
}

#[tokio::test]
async fn a_dropped_server_closes_its_port_and_its_connections() {
    let server = Server::start(Fault::NoAnswer);
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(b"GET / ").await.unwrap();
    let addr = server.addr();
    drop(server);
    assert!(matches!(stream.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    assert_eq!(
        TcpStream::connect(addr).await.unwrap_err().kind(),
        io::ErrorKind::ConnectionRefused
    );
}

#[test]
fn no_fault_is_listed_twice() {
    let distinct: std::collections::HashSet<_> = Fault::ALL.iter().map(std::mem::discriminant).collect();
    assert_eq!(distinct.len(), Fault::ALL.len());
}
