//! Requests that go on in another protocol: WebSocket and its kin, over HTTP/1.1 and HTTP/2, through a pair.

use std::{net::SocketAddr, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use http::{Method, Request, StatusCode};
use hyper::{client::conn::http2, ext::Protocol, server, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, split},
    net::{TcpListener, TcpStream},
};

use crate::harness::{
    App, Body, Keys, LONG, Pair, Raw, Sidecar, empty, eventually, inbound_to, ok, outbound_to, within,
};

/// The example of RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A request for a switch to WebSocket, as a browser makes it.
fn websocket(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: orders.shop.svc\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    )
}

/// An app over HTTP/1.1 that answers every head with `answer`, says `greeting`, then sends back what it gets until
/// that ends.
async fn echo(answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let (mut read, mut write) = split(stream);
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(read.read_u8().await?);
                }
                let head = String::from_utf8_lossy(&head).to_lowercase();
                assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
                let key = header(&head, "sec-websocket-key").unwrap_or_default();
                write.write_all(answer.replace("{key}", &key).as_bytes()).await?;
                copy(&mut read, &mut write).await?;
                write.write_all(b"bye").await?;
                write.shutdown().await
            });
        }
    });
    addr
}

/// The value of a field in a head, in lower case like all of it.
fn header(head: &str, name: &str) -> Option<String> {
    let line = head.lines().find(|line| line.starts_with(&format!("{name}: ")))?;
    Some(line[name.len() + 2..].to_owned())
}

/// The answer of a server that has understood.
fn switching() -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: chat\r\n\r\nwelcome "
    )
}

/// Says and hears something over a WebSocket that is there, and ends it from the client's side.
async fn talk(mut client: Raw) {
    assert_eq!(client.read_until("welcome ").await, "welcome ");
    client.say("to be sent back").await;
    assert_eq!(client.read_until("sent back").await, "to be sent back");
    client.end().await;
    assert_eq!(client.read_to_end().await, "bye");
}

#[tokio::test]
async fn a_websocket_goes_through_a_pair() {
    let pair = Pair::start(echo(switching()).await).await;
    let mut client = Raw::connect(pair.outbound.outbound()).await;
    client.say(websocket("/chat")).await;
    let head = client.read_until("\r\n\r\n").await.to_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert_eq!(header(&head, "upgrade").as_deref(), Some("websocket"));
    assert_eq!(header(&head, "connection").as_deref(), Some("upgrade"));
    assert_eq!(header(&head, "sec-websocket-accept"), Some(ACCEPT.to_lowercase()));
    assert_eq!(header(&head, "sec-websocket-protocol").as_deref(), Some("chat"));
    talk(client).await;
    for sidecar in [&pair.outbound, &pair.inbound] {
        let labels = [("status", "101"), ("reason", "upstream_status")];
        eventually("it has ended", async || {
            let ended = sidecar.metrics().await.sum("outrigger_requests_total", &labels);
            (ended == 1.0).then_some(())
        })
        .await;
        let left = sidecar.metrics().await.sum("outrigger_requests_in_flight", &[]);
        assert_eq!(left, 0.0);
    }
}

#[tokio::test]
async fn what_the_client_says_with_its_request_is_not_lost() {
    let app = echo(switching()).await;
    let sidecar = Sidecar::start(&outbound_to(app, "")).await;
    let mut client = Raw::connect(sidecar.outbound()).await;
    client.say(websocket("/") + "too early").await;
    let heard = client.read_until("too early").await;
    assert!(heard.ends_with("\r\n\r\nwelcome too early"), "{heard}");
}

#[tokio::test]
async fn megabytes_pass_both_ways_at_once() {
    let pair = Pair::start(echo(switching()).await).await;
    let mut stream = TcpStream::connect(pair.outbound.outbound()).await.unwrap();
    stream.write_all(websocket("/").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\nwelcome ") {
        head.push(stream.read_u8().await.unwrap());
    }
    let sent: Vec<u8> = (0..5_000_000_u32).map(|index| (index % 251) as u8).collect();
    let (mut read, mut write) = stream.into_split();
    let saying = sent.clone();
    tokio::spawn(async move {
        write.write_all(&saying).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut heard = Vec::new();
    within(LONG, "all of it", read.read_to_end(&mut heard))
        .await
        .unwrap();
    assert!(heard.strip_suffix(b"bye").is_some_and(|echoed| echoed == sent));
}

#[tokio::test]
async fn any_other_answer_to_an_upgrade_passes_untouched() {
    let answer = "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\nContent-Length: 3\r\n\r\nno!";
    let sidecar = Sidecar::start(&outbound_to(echo(answer.into()).await, "")).await;
    let mut client = Raw::connect(sidecar.outbound()).await;
    client.say(websocket("/")).await;
    let heard = client.read_until("no!").await;
    assert!(heard.starts_with("HTTP/1.1 426 "), "{heard}");
    assert!(
        heard.to_lowercase().contains("sec-websocket-version: 8"),
        "{heard}"
    );
}

#[tokio::test]
async fn a_switch_to_something_else_is_an_upgrade_that_failed() {
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: mqtt\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ] {
        let sidecar = Sidecar::start(&outbound_to(echo(answer.into()).await, "")).await;
        let mut client = Raw::connect(sidecar.outbound()).await;
        client.say(websocket("/")).await;
        let head = client.read_until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        assert!(head.contains("error=http_upgrade_failed"), "{head}");
    }
}

#[tokio::test]
async fn what_would_hide_requests_from_us_is_not_asked_for() {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, "")).await;
    let mut client = Raw::connect(sidecar.outbound()).await;
    client
        .say(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n\
             HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        )
        .await;
    assert!(client.read_to_end().await.starts_with("HTTP/1.1 200 "));
    for name in ["upgrade", "http2-settings", "connection"] {
        assert!(!app.saw().headers.contains_key(name));
    }
}

#[tokio::test]
async fn a_silent_websocket_ends_at_its_idle_time_and_not_at_that_of_requests() {
    let keys = r#"timeout = { head = "50ms", total = "100ms", idle = "50ms", stream_idle = "600ms" }"#;
    let sidecar = Sidecar::start(&outbound_to(echo(switching()).await, keys)).await;
    let mut client = Raw::connect(sidecar.outbound()).await;
    client.say(websocket("/")).await;
    client.read_until("welcome ").await;
    assert!(client.stays_open(Duration::from_millis(300)).await);
    client.read_to_end().await;
    let line = sidecar.access_line(|_| true).await;
    assert_eq!(line["reason"], "read_timeout", "{line}");
}

#[tokio::test]
async fn upgrades_have_a_limit_of_their_own() {
    let app = echo(switching()).await;
    let sidecar = Sidecar::start(&outbound_to(
        app,
        "limit = { in_flight = 1, queue = 0, streams = 2 }",
    ))
    .await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = Raw::connect(sidecar.outbound()).await;
        client.say(websocket("/")).await;
        client.read_until("welcome ").await;
        open.push(client);
    }
    let mut third = Raw::connect(sidecar.outbound()).await;
    third.say(websocket("/")).await;
    let head = third.read_until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    open.pop();
    eventually("a place is free again", async || {
        let mut next = Raw::connect(sidecar.outbound()).await;
        next.say(websocket("/")).await;
        let head = next.read_until("\r\n\r\n").await;
        head.starts_with("HTTP/1.1 101 ").then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_app_that_dies_breaks_its_websockets_and_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sidecar = Sidecar::start(&outbound_to(listener.local_addr().unwrap(), "")).await;
    let mut client = Raw::connect(sidecar.outbound()).await;
    client.say(websocket("/")).await;
    let (mut app, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(app.read_u8().await.unwrap());
    }
    app.write_all(switching().as_bytes()).await.unwrap();
    client.read_until("welcome ").await;
    // Closed with something unread, it is reset.
    client.say("unread").await;
    let mut seen = [0; 1];
    while app.peek(&mut seen).await.unwrap() == 0 {}
    socket2::SockRef::from(&app)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(app);
    client.read_to_end().await;
    let line = sidecar.access_line(|_| true).await;
    assert_eq!(line["reason"], "response_incomplete", "{line}");
}

/// A client over HTTP/2 that may ask for extended CONNECT.
async fn http2_client(addr: SocketAddr) -> http2::SendRequest<Body> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn extended_connect() -> Request<Body> {
    Request::builder()
        .method(Method::CONNECT)
        .uri("http://orders.shop.svc/chat")
        .header("sec-websocket-version", "13")
        .extension(Protocol::from_static("websocket"))
        .body(empty())
        .unwrap()
}

/// Sends an extended CONNECT once the server has said that it takes it, and talks over what follows.
async fn talk_over_http2(addr: SocketAddr) {
    let mut sender = http2_client(addr).await;
    // Its settings come with the answer to anything.
    let _ = sender
        .send_request(Request::get("http://none.invalid/").body(empty()).unwrap())
        .await;
    let mut response = sender.send_request(extended_connect()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key("upgrade"));
    assert!(!response.headers().contains_key("sec-websocket-accept"));
    let upgraded = hyper::upgrade::on(&mut response).await.unwrap();
    let mut stream = TokioIo::new(upgraded);
    let mut heard = [0; 8];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"welcome ");
    stream.write_all(b"to be sent back").await.unwrap();
    let mut heard = [0; 15];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"to be sent back");
    stream.shutdown().await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "bye");
}

/// An app over HTTP/1.1 that proves to have understood, whatever key it is asked with.
async fn understanding() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let serve = server::conn::http1::Builder::new().serve_connection(
                TokioIo::new(stream),
                service_fn(async |mut request: Request<hyper::body::Incoming>| {
                    let key = request.headers()["sec-websocket-key"].as_bytes().to_owned();
                    let upgrade = hyper::upgrade::on(&mut request);
                    tokio::spawn(async move { echo_over(TokioIo::new(upgrade.await.unwrap())).await });
                    let response = http::Response::builder()
                        .status(StatusCode::SWITCHING_PROTOCOLS)
                        .header("connection", "upgrade")
                        .header("upgrade", "websocket")
                        .header("sec-websocket-accept", proof(&key));
                    Ok::<_, std::convert::Infallible>(response.body(empty()).unwrap())
                }),
            );
            tokio::spawn(async move { serve.with_upgrades().await });
        }
    });
    addr
}

/// RFC 6455 §4.2.2.
fn proof(key: &[u8]) -> String {
    let mut digest = sha1_smol::Sha1::from(key);
    digest.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64.encode(digest.digest().bytes())
}

async fn echo_over(stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite) -> std::io::Result<()> {
    let (mut read, mut write) = split(stream);
    write.write_all(b"welcome ").await?;
    copy(&mut read, &mut write).await?;
    write.write_all(b"bye").await?;
    write.shutdown().await
}

#[tokio::test]
async fn an_extended_connect_reaches_an_app_over_http1() {
    let app = understanding().await;
    let sidecar = Sidecar::start(&inbound_to(app, "")).await;
    talk_over_http2(sidecar.inbound()).await;
}

#[tokio::test]
async fn an_extended_connect_goes_through_a_pair() {
    let pair = Pair::start(understanding().await).await;
    talk_over_http2(pair.outbound.outbound()).await;
}

#[tokio::test]
async fn an_extended_connect_goes_through_a_pair_that_speaks_http2_between() {
    let keys = Keys {
        upstream: r#"protocol = "http2""#,
        ..Keys::default()
    };
    let pair = Pair::with(understanding().await, keys).await;
    talk_over_http2(pair.outbound.outbound()).await;
}

#[tokio::test]
async fn a_websocket_over_http1_goes_through_a_pair_that_speaks_http2_between() {
    let keys = Keys {
        upstream: r#"protocol = "http2""#,
        ..Keys::default()
    };
    let pair = Pair::with(understanding().await, keys).await;
    let mut client = Raw::connect(pair.outbound.outbound()).await;
    client.say(websocket("/chat")).await;
    let head = client.read_until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(
        header(&head.to_lowercase(), "sec-websocket-accept"),
        Some(ACCEPT.to_lowercase())
    );
    talk(client).await;
}

#[tokio::test]
async fn an_upstream_over_http2_that_takes_no_extended_connect_is_named() {
    let server = outrigger_faults::Server::start(outrigger_faults::Fault::H2None);
    let sidecar = Sidecar::start(&outbound_to(server.addr(), r#"protocol = "http2""#)).await;
    let mut client = Raw::connect(sidecar.outbound()).await;
    client.say(websocket("/")).await;
    let head = client.read_until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    assert!(head.contains("extended CONNECT"), "{head}");
}

#[tokio::test]
async fn a_proof_that_is_wrong_is_an_upgrade_that_failed() {
    // The key is ours, so the proof of another one is none.
    let sidecar = Sidecar::start(&inbound_to(echo(switching()).await, "")).await;
    let mut sender = http2_client(sidecar.inbound()).await;
    let _ = sender
        .send_request(Request::get("http://none.invalid/").body(empty()).unwrap())
        .await;
    let response = sender.send_request(extended_connect()).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn a_drain_lets_websockets_go_on_until_its_grace_is_over() {
    let config = outbound_to(echo(switching()).await, "") + "[drain]\ndelay = \"0s\"\ngrace = \"2s\"\n";
    let mut sidecar = Sidecar::start(&config).await;
    let mut client = Raw::connect(sidecar.outbound()).await;
    client.say(websocket("/")).await;
    client.read_until("welcome ").await;
    sidecar.signal("TERM");
    eventually("it drains", async || {
        let ready = sidecar.ask_probe("/readyz").await;
        (ready.status == 503).then_some(())
    })
    .await;
    client.say("still there").await;
    assert_eq!(client.read_until("there").await, "still there");
    client.end().await;
    assert_eq!(client.read_to_end().await, "bye");
    assert_eq!(sidecar.ended().await, Some(0));
}
