//! What happens to an upload when one of the two sides does not want to go on.

use std::net::SocketAddr;

use http::Method;
use outrigger_faults::{Fault, Server};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};

use crate::harness::{Client, LONG, Sidecar, channel, get, outbound_to, request, within};

async fn both(addr: SocketAddr) -> [Client; 2] {
    [Client::http1(addr).await, Client::http2(addr).await]
}

#[tokio::test]
async fn a_client_that_breaks_its_upload_off_is_never_blamed_on_the_upstream() {
    for (fault, protocol) in [
        (Fault::None, "http1"),
        (Fault::NoAnswer, "http1"),
        (Fault::H2None, "http2"),
        (Fault::H2NoAnswer, "http2"),
    ] {
        for turn in 0..2 {
            let server = Server::start(fault);
            let keys = format!("protocol = \"{protocol}\"");
            let sidecar = Sidecar::start(&outbound_to(server.addr(), &keys)).await;
            let client = both(sidecar.outbound()).await[turn].clone();
            let (mut sender, body) = channel();
            let asked = tokio::spawn(async move { client.try_send(request(Method::POST, "/", body)).await });
            sender.send_data("part".into()).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            sender.abort("the client has thought better of it".into());
            let answer = within(LONG, "the client to hear of its own failure", asked)
                .await
                .unwrap();
            assert!(answer.is_err(), "{fault:?}: {answer:?}");
            let line = sidecar.access_line(|_| true).await;
            let told = (line["reason"].as_str(), line["status"].as_u64());
            assert_eq!(told, (Some("client_gone"), Some(499)), "{fault:?} {turn}: {line}");
        }
    }
}

/// Takes a connection and reads the head of a request from it.
async fn request_at(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = within(LONG, "a connection", listener.accept()).await.unwrap();
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        within(LONG, "a head", stream.read_buf(&mut head)).await.unwrap();
    }
    stream
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_request_with_it_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Nothing else ends the request: each of these is an hour.
    let hours = r#"timeout = { head = "1h", idle = "1h" }"#;
    let sidecar = Sidecar::start(&outbound_to(listener.local_addr().unwrap(), hours)).await;
    for client in both(sidecar.outbound()).await {
        let asked = tokio::spawn(async move { client.try_send(get("/")).await });
        let mut stream = request_at(&listener).await;
        asked.abort();
        let ended = within(LONG, "the upstream to be left", stream.read(&mut [0; 1])).await;
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    }
}

#[tokio::test]
async fn an_early_answer_is_passed_on_and_ends_the_upload() {
    for (fault, protocol) in [(Fault::EarlyAnswer, "http1"), (Fault::H2EarlyAnswer(0), "http2")] {
        for turn in 0..2 {
            let server = Server::start(fault);
            let keys = format!("protocol = \"{protocol}\"");
            let sidecar = Sidecar::start(&outbound_to(server.addr(), &keys)).await;
            let client = both(sidecar.outbound()).await[turn].clone();
            let (mut sender, body) = channel();
            let response = client.send(request(Method::POST, "/", body)).await;
            assert_eq!(response.status(), 413, "{fault:?} {turn}");
            let endless = async { while sender.send_data("more and more".into()).await.is_ok() {} };
            let ended = async { tokio::join!(endless, crate::harness::Reply::read(response)).1 };
            let reply = within(LONG, "the upload to end", ended).await;
            assert_eq!(reply.text(), "too much", "{fault:?} {turn}");
        }
    }
}
