//! What HTTP/1 has and HTTP/2 has not: versions, pipelining, absolute targets, expectations.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use crate::harness::{App, Body, Pair, Raw, Sidecar, channel, echo, full, get, ok, outbound_to};

#[tokio::test]
async fn an_expectation_is_honoured_before_the_body_is_sent() {
    let app = App::http1(echo).await;
    let pair = Pair::start(app.addr).await;
    let request = "POST / HTTP/1.1\r\nhost: orders\r\nexpect: 100-continue\r\ncontent-length: 4\r\nconnection: close\r\n\r\n";
    let mut raw = Raw::connect(pair.outbound.outbound()).await;
    raw.say(request).await;
    assert!(raw.read_until("\r\n\r\n").await.starts_with("HTTP/1.1 100 "));
    raw.say("body").await;
    let answer = raw.read_to_end().await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("body"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_http_1_0_client_gets_an_answer_and_its_end() {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    let mut raw = Raw::connect(pair.outbound.outbound()).await;
    raw.say("GET / HTTP/1.0\r\nhost: orders\r\n\r\n").await;
    let answer = raw.read_to_end().await;
    assert!(
        answer.starts_with("HTTP/1.0 200 ") && answer.ends_with("\r\n\r\nok"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_http_1_0_client_that_names_no_host_is_served_through_the_pair() {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    let mut raw = Raw::connect(pair.outbound.outbound()).await;
    raw.say("GET / HTTP/1.0\r\n\r\n").await;
    let answer = raw.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
}

#[tokio::test]
async fn an_http_1_0_client_gets_a_body_of_unknown_length_without_chunks() {
    let app = App::http1(|_| async {
        let (mut sender, body) = channel();
        tokio::spawn(async move { sender.send_data("unmeasured".into()).await });
        Response::<Body>::new(body)
    })
    .await;
    let pair = Pair::start(app.addr).await;
    let mut raw = Raw::connect(pair.outbound.outbound()).await;
    raw.say("GET / HTTP/1.0\r\nhost: orders\r\n\r\n").await;
    let answer = raw.read_to_end().await;
    assert!(answer.ends_with("\r\n\r\nunmeasured"), "{answer}");
}

#[tokio::test]
async fn requests_sent_in_one_breath_are_answered_in_order() {
    let app =
        App::http1(async |request: Request<Incoming>| Response::new(full(request.uri().path().to_owned())))
            .await;
    let pair = Pair::start(app.addr).await;
    let mut raw = Raw::connect(pair.outbound.outbound()).await;
    let one = |n: u32| format!("GET /{n} HTTP/1.1\r\nhost: orders\r\n\r\n");
    raw.say(&(1..=5).map(one).collect::<String>()).await;
    raw.say("GET /last HTTP/1.1\r\nhost: orders\r\nconnection: close\r\n\r\n")
        .await;
    let answer = raw.read_to_end().await;
    let bodies: Vec<_> = answer
        .split("\r\n\r\n")
        .skip(1)
        .map(|rest| &rest[..2.min(rest.len())])
        .collect();
    assert_eq!(bodies, ["/1", "/2", "/3", "/4", "/5", "/l"], "{answer}");
}

#[tokio::test]
async fn as_the_apps_http_proxy_it_takes_targets_in_absolute_form() {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    let mut raw = Raw::connect(pair.outbound.outbound()).await;
    raw.say("GET http://orders.shop.svc/list?all HTTP/1.1\r\nhost: else.where\r\nproxy-connection: keep-alive\r\nconnection: close\r\n\r\n").await;
    let answer = raw.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = app.saw();
    // RFC 9112 §3.2.2: the target's authority wins over Host.
    assert_eq!(
        (seen.uri.to_string(), seen.field("host")),
        ("/list?all".to_owned(), "orders.shop.svc".to_owned())
    );
    assert_eq!(seen.field("proxy-connection"), "");
}

/// An app that answers every head with these bytes; where it is, and what it was sent.
async fn app_that_says(answer: &'static str) -> (SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let heard = Arc::<Mutex<String>>::default();
    let kept = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let heard = heard.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                while let Ok(1..) = stream.read_line(&mut line).await {
                    if line == "\r\n" {
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                    heard.lock().unwrap().push_str(&line);
                    line.clear();
                }
            });
        }
    });
    (addr, kept)
}

#[tokio::test]
async fn not_modified_tells_the_length_of_what_was_not_sent_and_no_content_tells_none() {
    for (answer, length) in [
        (
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 1234\r\n\r\n",
            "1234",
        ),
        ("HTTP/1.1 204 No Content\r\ncontent-length: 1234\r\n\r\n", ""),
    ] {
        let (app, _) = app_that_says(answer).await;
        let pair = Pair::start(app).await;
        for client in [pair.http1().await, pair.http2().await] {
            for _ in 0..2 {
                let reply = client.ask(get("/")).await;
                assert!(answer.contains(reply.status.as_str()), "{reply:?}");
                assert!(reply.body.is_empty() && reply.cut.is_none(), "{reply:?}");
                assert_eq!(reply.field("content-length"), length, "{reply:?}");
            }
        }
    }
}

#[tokio::test]
async fn trace_and_options_that_may_go_no_further_are_answered_here() {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, "")).await;
    let ask = async |method: &str| {
        let mut raw = Raw::connect(sidecar.outbound()).await;
        let fields = "host: orders\r\nmax-forwards: 0\r\ncookie: hidden\r\nx-kept: 1\r\nconnection: close";
        raw.say(&format!("{method} /list HTTP/1.1\r\n{fields}\r\n\r\n"))
            .await;
        raw.read_to_end().await
    };
    let options = ask("OPTIONS").await;
    assert!(options.starts_with("HTTP/1.1 200 "), "{options}");
    assert!(options.contains("content-length: 0\r\n"), "{options}");
    let trace = ask("TRACE").await;
    assert!(
        trace.starts_with("HTTP/1.1 200 ") && trace.contains("content-type: message/http"),
        "{trace}"
    );
    assert!(
        trace.contains("\r\n\r\nTRACE /list HTTP/1.1\r\n") && trace.contains("\r\nx-kept: 1\r\n"),
        "{trace}"
    );
    assert!(!trace.contains("hidden"), "{trace}");
    assert!(app.seen().is_empty());
}

/// The names of a message's fields.
fn names(head: &str) -> Vec<&str> {
    let lines = head.split("\r\n").skip(1).take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split(':').next()).collect()
}

#[tokio::test]
async fn names_of_fields_keep_their_case_if_asked_where_http1_is_spoken_on_both_sides() {
    let app = app_that_says("HTTP/1.1 200 OK\r\nX-CamelCase: 1\r\nETag: 2\r\nContent-Length: 0\r\n\r\n");
    let (app, heard) = app.await;
    let sidecar = Sidecar::start(&outbound_to(app, "header_case = \"kept\"")).await;
    let mut raw = Raw::connect(sidecar.outbound()).await;
    raw.say("GET / HTTP/1.1\r\nHost: orders\r\nX-REQUEST-id: 1\r\nSOAPAction: 2\r\nConnection: Close, X-Gone\r\nX-Gone: 3\r\n\r\n")
        .await;
    let answer = raw.read_to_end().await;
    for name in ["X-CamelCase", "ETag", "Content-Length"] {
        assert!(names(&answer).contains(&name), "{answer}");
    }
    let heard = heard.lock().unwrap().clone();
    for name in ["Host", "X-REQUEST-id", "SOAPAction"] {
        assert!(names(&heard).contains(&name), "{heard}");
    }
    assert!(!heard.to_lowercase().contains("x-gone"), "{heard}");
}
