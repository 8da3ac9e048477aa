//! One request in is one request out, or none: nothing that could be framed in two ways reaches the app.
//!
//! Source: RFC 9112 §6.1, §6.3, §11.2. The app here is a recorder of bytes: what it is sent is what is looked at.

mod http2;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use outrigger_faults::exchange;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::{AbortHandle, JoinSet},
};

use crate::harness::{Raw, Sidecar, inbound_to, outbound_to};

/// Keeps the bytes of each connection, and answers each head with an empty `200`.
struct Recorder {
    addr: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    listening: AbortHandle,
}

impl Recorder {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let kept = heard.clone();
        let listening = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let index = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(Vec::new());
                    kept.len() - 1
                };
                let kept = kept.clone();
                connections.spawn(async move {
                    let mut buffer = [0; 4096];
                    let mut answered = 0;
                    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                        let heads = {
                            let mut kept = kept.lock().unwrap();
                            kept[index].extend_from_slice(&buffer[..read]);
                            heads_in(&kept[index])
                        };
                        for _ in answered..heads {
                            let _ = stream
                                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                                .await;
                        }
                        answered = heads;
                    }
                });
            }
        });
        Self {
            addr,
            heard,
            listening: listening.abort_handle(),
        }
    }

    /// Everything heard, lower case.
    fn text(&self) -> String {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .map(|bytes| String::from_utf8_lossy(bytes).to_lowercase())
            .collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn heads_in(bytes: &[u8]) -> usize {
    String::from_utf8_lossy(bytes).matches(" HTTP/1.1\r\n").count()
}

/// A second request, hidden in what one reading takes for the body of the first.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: x\r\nx-hidden: 1\r\n\r\n";

/// What a smuggler sends; each must be refused before anything reaches the app.
fn refused() -> Vec<(&'static str, String)> {
    let chunked = format!("0\r\n\r\n{HIDDEN}");
    let post = |fields: &str, body: &str| format!("POST /open HTTP/1.1\r\nhost: x\r\n{fields}\r\n{body}");
    vec![
        (
            "two lengths",
            post("content-length: 0\r\ncontent-length: 50\r\n", HIDDEN),
        ),
        ("a list of lengths", post("content-length: 0, 50\r\n", HIDDEN)),
        ("a signed length", post("content-length: +0\r\n", HIDDEN)),
        ("a length in hex", post("content-length: 0x0\r\n", HIDDEN)),
        (
            "a length beyond all",
            post("content-length: 99999999999999999999\r\n", HIDDEN),
        ),
        (
            "a space before the colon",
            post("content-length : 50\r\n", HIDDEN),
        ),
        (
            "an unknown coding",
            post("transfer-encoding: xchunked\r\n", &chunked),
        ),
        (
            "chunked not last",
            post("transfer-encoding: chunked, identity\r\n", &chunked),
        ),
        (
            "a broken chunk size",
            post("transfer-encoding: chunked\r\n", &format!("0x0\r\n\r\n{HIDDEN}")),
        ),
        (
            "a folded field",
            post("x-a: b\r\n content-length: 50\r\n", HIDDEN),
        ),
        ("a NUL in a field", post("x-a: b\0\r\n", HIDDEN)),
        (
            "a bare CR in a field",
            post("x-a: b\rcontent-length: 50\r\n", HIDDEN),
        ),
        (
            "coding in HTTP/1.0",
            format!("POST /open HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunked}"),
        ),
        (
            "two hosts",
            "GET /open HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n".to_owned(),
        ),
        ("no host", "GET /open HTTP/1.1\r\n\r\n".to_owned()),
        (
            "a host that is none",
            "GET /open HTTP/1.1\r\nhost: x/y@z\r\n\r\n".to_owned(),
        ),
        (
            "lines without CR",
            "POST /open HTTP/1.1\nhost: x\ncontent-length: 0\n\n".to_owned() + HIDDEN,
        ),
        (
            "one line without CR",
            post("x-a: b\ncontent-length: 50\r\n", HIDDEN),
        ),
        (
            "an end without CR",
            format!("GET /open HTTP/1.1\r\nhost: x\r\n\n{HIDDEN}"),
        ),
        (
            "a line without CR before the first",
            format!("\nGET /open HTTP/1.1\r\nhost: x\r\n\r\n{HIDDEN}"),
        ),
        (
            "trailers that end without CR",
            post("transfer-encoding: chunked\r\n", &format!("0\r\n\n{HIDDEN}")),
        ),
        (
            "a chunk size of seventeen digits",
            post(
                "transfer-encoding: chunked\r\n",
                &format!("00000000000000000\r\n\r\n{HIDDEN}"),
            ),
        ),
        (
            "a fragment",
            "GET /open#hidden HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        ),
        (
            "a host with half an escape",
            "GET /open HTTP/1.1\r\nhost: x%4\r\n\r\n".to_owned(),
        ),
        (
            "another scheme",
            "GET gopher://x/open HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        ),
        ("an empty length", post("content-length:\r\n", HIDDEN)),
        (
            "a tunnel",
            format!("CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\n\r\n{HIDDEN}"),
        ),
    ]
}

/// Sends it and hears all that comes until the connection is closed, or silent; the app heard the rest.
async fn sent(addr: SocketAddr, bytes: &str) -> String {
    exchange(addr, bytes.as_bytes()).await.unwrap().text()
}

#[tokio::test]
async fn what_can_be_framed_in_two_ways_is_refused_and_nothing_hidden_goes_through() {
    for (what, bytes) in refused() {
        let recorder = Recorder::start().await;
        let sidecar = Sidecar::start(&outbound_to(recorder.addr, "")).await;
        let answer = sent(sidecar.outbound(), &bytes).await;
        let status = answer.split(' ').nth(1).unwrap_or("closed").to_owned();
        assert!(["400", "501", "closed"].contains(&&*status), "{what}: {answer}");
        assert_eq!(
            answer.matches("HTTP/1.").count(),
            usize::from(status != "closed"),
            "{what}: {answer}"
        );
        let heard = recorder.text();
        assert!(!heard.contains("hidden"), "{what}: the app heard\n{heard}");
    }
}

#[tokio::test]
async fn nothing_is_taken_for_a_request_behind_one_that_is_wrong() {
    let recorder = Recorder::start().await;
    let sidecar = Sidecar::start(&outbound_to(recorder.addr, "")).await;
    for wrong in [
        "GET /open HTTP/1.1\r\n\r\n",
        "GET /open HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n",
        "GET * HTTP/1.1\r\nhost: x\r\n\r\n",
    ] {
        let answer = sent(sidecar.outbound(), &format!("{wrong}{HIDDEN}")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{wrong}: {answer}");
        assert!(answer.contains("connection: close"), "{wrong}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{wrong}: {answer}");
    }
    assert_eq!(recorder.text(), "");
}

#[tokio::test]
async fn a_line_without_cr_is_refused_wherever_on_a_connection_it_comes_and_stays_in_bodies() {
    let body = "\nGET / HTTP/1.1\n\n\r\n#";
    let length = format!(
        "POST /1 HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let chunked = "POST /2 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunks = format!("{:x};a\r\n{body}\r\n0\r\n\r\n", body.len());
    let bodiless = "GET /3 HTTP/1.1\r\nhost: x\r\n\r\n";
    let wrong = "GET /hidden HTTP/1.1\r\nhost: x\n\r\n";
    let all = [&*length, body, chunked, &chunks, bodiless, wrong].concat();
    for piece in [all.len(), 64, 7] {
        let recorder = Recorder::start().await;
        let sidecar = Sidecar::start(&outbound_to(recorder.addr, "")).await;
        let mut raw = Raw::connect(sidecar.outbound()).await;
        for piece in all.as_bytes().chunks(piece) {
            raw.say(str::from_utf8(piece).unwrap()).await;
        }
        let answer = raw.read_to_end().await;
        assert_eq!(answer.matches("HTTP/1.1 200 ").count(), 3, "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 400 ").count(), 1, "{answer}");
        let heard = recorder.text();
        assert_eq!(heard.matches(&body.to_lowercase()).count(), 2, "{heard}");
        assert!(!heard.contains("hidden"), "{heard}");
    }
}

#[tokio::test]
async fn a_length_with_zeros_before_it_is_said_plainly() {
    let recorder = Recorder::start().await;
    let sidecar = Sidecar::start(&outbound_to(recorder.addr, "")).await;
    let bytes = "POST /open HTTP/1.1\r\nhost: x\r\ncontent-length: 0011\r\n\r\nabcdefghijk";
    sent(sidecar.outbound(), bytes).await;
    let heard = recorder.text();
    assert!(heard.contains("\r\ncontent-length: 11\r\n"), "{heard}");
    assert!(heard.ends_with("\r\n\r\nabcdefghijk"), "{heard}");
}

#[tokio::test]
async fn with_both_framings_the_coding_alone_counts_and_nothing_follows_it() {
    let chunked = format!("0\r\n\r\n{HIDDEN}");
    let length = format!("content-length: {}\r\n", chunked.len());
    let coding = "transfer-encoding: chunked\r\n";
    for fields in [
        format!("{length}{coding}"),
        format!("{coding}{length}"),
        format!("{coding}content-length: 4\r\n"),
    ] {
        let recorder = Recorder::start().await;
        let sidecar = Sidecar::start(&outbound_to(recorder.addr, "")).await;
        let bytes = format!("POST /open HTTP/1.1\r\nhost: x\r\n{fields}\r\n{chunked}");
        let answer = sent(sidecar.outbound(), &bytes).await;
        // RFC 9112 §6.1: the connection must be closed behind it.
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        let heard = recorder.text();
        assert!(
            !heard.contains("hidden") && !heard.contains("content-length"),
            "{heard}"
        );
    }
}

#[tokio::test]
async fn a_body_that_looks_like_a_request_stays_a_body() {
    for config in [outbound_to, inbound_to] {
        let recorder = Recorder::start().await;
        let sidecar = Sidecar::start(&config(recorder.addr, "")).await;
        let addr = sidecar
            .inbound
            .first()
            .copied()
            .unwrap_or_else(|| sidecar.outbound());
        let length = HIDDEN.len();
        sent(
            addr,
            &format!("POST /open HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{HIDDEN}"),
        )
        .await;
        let heard = recorder.text();
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {length}")) && !head.contains("transfer-encoding"),
            "{head}"
        );
        assert_eq!(body, HIDDEN.to_lowercase());
    }
}

#[tokio::test]
async fn chunks_are_framed_anew_without_extensions_and_with_one_end() {
    let recorder = Recorder::start().await;
    let sidecar = Sidecar::start(&outbound_to(recorder.addr, "")).await;
    let length = HIDDEN.len();
    let body = format!("{length:x};ext=1\r\n{HIDDEN}\r\n0\r\n\r\n");
    sent(
        sidecar.outbound(),
        &format!("POST /open HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{body}"),
    )
    .await;
    let heard = recorder.text();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains("transfer-encoding: chunked") && !head.contains("content-length"),
        "{head}"
    );
    assert_eq!(
        body,
        format!("{length:x}\r\n{}\r\n0\r\n\r\n", HIDDEN.to_lowercase())
    );
}

#[tokio::test]
async fn two_requests_in_one_breath_are_two_at_the_app_each_with_its_own_frame() {
    let recorder = Recorder::start().await;
    let sidecar = Sidecar::start(&outbound_to(recorder.addr, "")).await;
    let one = "POST /one HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc";
    let two = "GET /two HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = sent(sidecar.outbound(), &format!("{one}{two}")).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
    let heard = recorder.text();
    assert_eq!(
        (
            heard.matches("post /one").count(),
            heard.matches("get /two").count()
        ),
        (1, 1),
        "{heard}"
    );
}
