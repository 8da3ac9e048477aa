//! The same over HTTP/2, whose frames carry bytes that a head of HTTP/1.1 must not: whatever reaches an app that
//! speaks HTTP/1.1 is one request, of fields that are fields (RFC 9113 §8.2.1, §8.3.1, §10.3).

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Recorder;
use crate::harness::{Sidecar, outbound_to};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

type Fields<'a> = Vec<(&'a str, &'a str)>;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = [&length[1..], &[kind, flags, 0, 0, 0, stream]].concat();
    frame.extend(payload);
    frame
}

/// A field section, each field a literal as it is (RFC 7541 §6.2.2).
fn block(fields: &Fields<'_>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(
                u8::try_from(text.len())
                    .ok()
                    .filter(|length| *length < 127)
                    .unwrap(),
            );
            block.extend(text.as_bytes());
        }
    }
    block
}

fn get(target: &'static str, more: &[(&'static str, &'static str)]) -> Fields<'static> {
    let mut fields = vec![
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "x"),
        (":path", target),
    ];
    fields.extend(more);
    fields
}

/// How a request in one HEADERS frame, and what follows it, was answered: with a head, or not at all.
#[derive(Debug, PartialEq)]
enum Answered {
    Head,
    Refused,
}

async fn answered(addr: SocketAddr, fields: &Fields<'_>, more: &[Vec<u8>]) -> Answered {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let end = if more.is_empty() { END_STREAM } else { 0 };
    let head = frame(HEADERS, END_HEADERS | end, 1, &block(fields));
    let all = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &head, &more.concat()].concat();
    stream.write_all(&all).await.unwrap();
    let answer = async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return Answered::Refused;
            }
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            stream.read_exact(&mut payload).await.unwrap();
            match head[3] {
                HEADERS => return Answered::Head,
                RST_STREAM | GOAWAY => return Answered::Refused,
                _ => {}
            }
        }
    };
    timeout(Duration::from_secs(5), answer).await.expect("an answer")
}

/// What must not reach the app in any form.
fn refused() -> Vec<(&'static str, Fields<'static>)> {
    let with = |name, value| get("/open", &[(name, value)]);
    vec![
        ("an empty path", get("", &[])),
        ("a path without a slash", get("open", &[])),
        ("a mere query", get("?open", &[])),
        ("a mere fragment", get("#open", &[])),
        ("an absolute path", get("http://y/open", &[])),
        ("an asterisk in GET", get("*", &[])),
        ("a space in the path", get("/open HTTP/1.1", &[])),
        (
            "a request in the path",
            get("/ HTTP/1.1\r\nhost: x\r\n\r\nGET /hidden", &[]),
        ),
        ("a second path", with(":path", "/hidden")),
        ("an unknown pseudo-field", with(":hidden", "1")),
        ("a pseudo-field of responses", with(":status", "200")),
        ("another host", with("host", "y")),
        ("a field in a value", with("a", "b\r\nhidden: 1")),
        ("a line feed in a value", with("a", "b\nhidden: 1")),
        ("a carriage return in a value", with("a", "b\rhidden: 1")),
        ("a NUL in a value", with("a", "b\0")),
        ("a value that begins with a space", with("a", " b")),
        ("a value that ends with a tab", with("a", "b\t")),
        ("a field in a name", with("a: b\r\nhidden", "1")),
        ("a colon in a name", with("a:b", "1")),
        ("a space in a name", with("a b", "1")),
        ("a quote in a name", with("a\"", "1")),
        ("a name in capitals", with("A", "1")),
        ("an empty name", with("", "1")),
        ("a coding", with("transfer-encoding", "chunked")),
        ("a field for the connection", with("connection", "close")),
        ("an upgrade", with("upgrade", "websocket")),
        ("te other than trailers", with("te", "gzip")),
        ("an empty length", with("content-length", "")),
        ("a length without a body", with("content-length", "5")),
        ("a signed length", with("content-length", "+0")),
        (
            "another scheme",
            vec![
                (":method", "GET"),
                (":scheme", "gopher"),
                (":authority", "x"),
                (":path", "/"),
            ],
        ),
        (
            "a user in the authority",
            vec![
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "u@x"),
                (":path", "/"),
            ],
        ),
        (
            "a request in the method",
            vec![
                (":method", "GET /hidden HTTP/1.1\r\n\r\nGET"),
                (":scheme", "http"),
                (":authority", "x"),
                (":path", "/"),
            ],
        ),
        ("no path", get("/", &[])[..3].to_vec()),
        ("no method", get("/", &[])[1..].to_vec()),
    ]
}

#[tokio::test]
async fn what_http1_could_not_say_is_refused_and_nothing_of_it_goes_through() {
    for (what, fields) in refused() {
        let recorder = Recorder::start().await;
        let sidecar = Sidecar::start(&outbound_to(recorder.addr, "protocol = \"http1\"")).await;
        answered(sidecar.outbound(), &fields, &[]).await;
        assert_eq!(recorder.text(), "", "{what}");
    }
}

#[tokio::test]
async fn a_length_that_is_said_twice_or_with_zeros_is_said_once_and_plainly() {
    for lengths in [&["3", "3"][..], &["003"]] {
        let recorder = Recorder::start().await;
        let sidecar = Sidecar::start(&outbound_to(recorder.addr, "protocol = \"http1\"")).await;
        let lengths: Vec<_> = lengths.iter().map(|length| ("content-length", *length)).collect();
        let body = frame(DATA, END_STREAM, 1, b"abc");
        let answer = answered(sidecar.outbound(), &get("/open", &lengths), &[body]).await;
        assert_eq!(answer, Answered::Head);
        let heard = recorder.text();
        assert_eq!(
            heard.matches("content-length: 3\r\n").count(),
            1,
            "{lengths:?}: {heard}"
        );
        assert_eq!(heard.matches("content-length").count(), 1, "{lengths:?}: {heard}");
    }
}

#[tokio::test]
async fn a_body_that_is_longer_or_shorter_than_its_length_is_never_whole_at_the_app() {
    for length in ["2", "4"] {
        let recorder = Recorder::start().await;
        let sidecar = Sidecar::start(&outbound_to(recorder.addr, "protocol = \"http1\"")).await;
        let body = frame(DATA, END_STREAM, 1, b"abc");
        let fields = get("/open", &[("content-length", length)]);
        assert_eq!(
            answered(sidecar.outbound(), &fields, &[body]).await,
            Answered::Refused
        );
        let heard = recorder.text();
        assert!(!heard.ends_with("ab") && !heard.ends_with("abc"), "{heard}");
    }
}

#[tokio::test]
async fn trailers_carry_nothing_that_belongs_into_a_head() {
    let recorder = Recorder::start().await;
    let sidecar = Sidecar::start(&outbound_to(recorder.addr, "protocol = \"http1\"")).await;
    let late = "x-checksum, content-length, host, cookie, x-forwarded-client-cert, proxy-status";
    let fields = get("/open", &[("trailer", late)]);
    let trailers = vec![
        ("x-checksum", "1"),
        ("content-length", "hidden"),
        ("host", "hidden"),
        ("cookie", "hidden"),
        ("x-forwarded-client-cert", "hidden"),
        ("proxy-status", "hidden"),
    ];
    let more = [
        frame(DATA, 0, 1, b"abc"),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&trailers)),
    ];
    assert_eq!(answered(sidecar.outbound(), &fields, &more).await, Answered::Head);
    let heard = recorder.text();
    assert!(
        heard.ends_with("\r\n3\r\nabc\r\n0\r\nx-checksum: 1\r\n\r\n"),
        "{heard}"
    );
    assert!(!heard.contains("hidden"), "{heard}");
}
