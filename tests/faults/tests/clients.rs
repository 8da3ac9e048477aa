//! Each hostile client says what its documentation says.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::time::Duration;

use outrigger_faults::{Ending, HostileClient};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// What the server sees: bytes until the client ends, resets (`None`) or is silent for a while.
async fn seen(client: HostileClient) -> (Vec<u8>, Option<Ending>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let call = tokio::spawn(client.call(listener.local_addr().unwrap()));
    let (mut stream, _) = listener.accept().await.unwrap();
    let seen = read(&mut stream).await;
    drop(stream);
    call.abort();
    seen
}

async fn read(stream: &mut TcpStream) -> (Vec<u8>, Option<Ending>) {
    let mut bytes = Vec::new();
    loop {
        match timeout(Duration::from_millis(150), stream.read_buf(&mut bytes)).await {
            Err(_) => return (bytes, None),
            Ok(Ok(0)) => return (bytes, Some(Ending::Closed)),
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return (bytes, Some(Ending::Reset)),
        }
    }
}

async fn text(client: HostileClient) -> String {
    String::from_utf8_lossy(&seen(client).await.0).into_owned()
}

#[tokio::test]
async fn the_silent_say_nothing_or_half_and_stay() {
    assert_eq!(seen(HostileClient::Silence).await, (Vec::new(), None));
    assert_eq!(
        seen(HostileClient::HalfHead).await,
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-ha".to_vec(), None)
    );
}

#[tokio::test]
async fn slowloris_never_ends_its_head() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = HostileClient::Slowloris(Duration::from_millis(5));
    let call = tokio::spawn(client.call(listener.local_addr().unwrap()));
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = vec![0; 256];
    stream.read_exact(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(
        text.matches("x-slow: s\r\n").count() > 10 && !text.contains("\r\n\r\n"),
        "{text}"
    );

    // Hung up on, it ends too.
    drop(stream);
    assert!(timeout(Duration::from_secs(5), call).await.is_ok());
}

#[tokio::test]
async fn uploads_end_before_their_end() {
    for (client, ending) in [
        (HostileClient::CutInBody, Ending::Closed),
        (HostileClient::ResetInBody, Ending::Reset),
    ] {
        let (bytes, ended) = seen(client).await;
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.ends_with("content-length: 100\r\n\r\npart"), "{text}");
        assert_eq!(ended, Some(ending), "{client:?}");
    }
}

#[tokio::test]
async fn malformed_requests_are_malformed_in_the_way_named() {
    for (client, said) in [
        (HostileClient::Garbage, "nothing of the kind"),
        (HostileClient::PlainText, "POST / HTTP/1.1\r\nhost: x\r\n\r\n"),
        (
            HostileClient::BothLengths,
            "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            HostileClient::ConflictingLengths,
            "content-length: 4\r\ncontent-length: 5\r\n\r\npart",
        ),
        (HostileClient::TwoHosts, "host: x\r\nhost: y\r\n\r\n"),
        (HostileClient::NoHost, "POST / HTTP/1.1\r\n\r\n"),
        (HostileClient::LongTarget, "tttt HTTP/1.1\r\n"),
        (HostileClient::HugeField, "hhhh\r\n\r\n"),
        (HostileClient::ManyFields, "x-many: m\r\n\r\n"),
    ] {
        assert!(text(client).await.contains(said), "{client:?}");
    }
    assert!(text(HostileClient::LongTarget).await.len() > 1 << 20);
    assert!(text(HostileClient::HugeField).await.len() > 1 << 20);
    assert_eq!(
        text(HostileClient::ManyFields).await.matches("x-many").count(),
        10_000
    );
}

#[tokio::test]
async fn tls_hello_is_a_record_that_never_ends() {
    let (bytes, ended) = seen(HostileClient::TlsHello).await;
    let announced = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
    assert_eq!((bytes[0], bytes[5], ended), (22, 1, None));
    assert!(bytes.len() - 5 < announced);
}

#[tokio::test]
async fn h2_clients_begin_well() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let (silent, ended) = seen(HostileClient::H2Silence).await;
    assert_eq!(
        (silent, ended),
        ([PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat(), None)
    );

    let (rapid, _) = seen(HostileClient::H2RapidReset).await;
    assert!(rapid.starts_with(PREFACE));
    assert_eq!(rapid.len(), PREFACE.len() + 9 + 1_000 * (9 + 6 + 9 + 4));
}

#[tokio::test]
async fn an_answer_tells_what_came_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let call = tokio::spawn(HostileClient::NoHost.call(listener.local_addr().unwrap()));
    let (mut stream, _) = listener.accept().await.unwrap();
    read(&mut stream).await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_millis(10)).await;
    drop(stream);
    let answer = call.await.unwrap().unwrap();
    assert_eq!((answer.status(), answer.ending), (Some(400), Ending::Closed));
}
