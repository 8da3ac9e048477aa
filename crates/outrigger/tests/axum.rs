//! The layers around a real axum server, asked over a real socket.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::get};
use outrigger::stack::{Config, Limit, ServerLayer, Timeouts};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

/// Longer than any test should take; only a broken layer lets it pass.
const AGES: Duration = Duration::from_secs(3600);

/// An app in which a request to `/slow` is held until it is released.
struct App {
    addr: SocketAddr,
    entered: Arc<Notify>,
    release: Arc<Notify>,
}

impl App {
    async fn serve(deadline: Duration, limit: usize) -> Self {
        let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (entered, release) = (entered.clone(), release.clone());
            move || async move {
                entered.notify_one();
                release.notified().await;
                "at last"
            }
        };
        let config = Config {
            timeout: Timeouts {
                total: Some(deadline),
                ..Timeouts::default()
            },
            limit: Limit {
                in_flight: limit,
                queue: 0,
                ..Limit::default()
            },
            ..Config::default()
        };
        let app = Router::new()
            .route("/", get(async || "hello"))
            .route("/slow", get(slow.clone()).post(slow))
            .route("/endless", get(endless))
            .layer(ServerLayer::standard(&config).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, app).await });
        Self {
            addr,
            entered,
            release,
        }
    }

    /// Everything that comes back for one request on a connection of its own, until the server closes it.
    async fn ask(&self, request_line: &str, fields: &str) -> Answer {
        ask(
            self.addr,
            format!("{request_line} HTTP/1.1\r\nhost: app\r\n{fields}connection: close\r\n\r\n"),
        )
        .await
    }

    /// A request to `/slow` that has reached its handler.
    async fn occupy(&self) -> JoinHandle<Answer> {
        let request = "GET /slow HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n".to_owned();
        let held = tokio::spawn(ask(self.addr, request));
        self.entered.notified().await;
        held
    }
}

async fn ask(addr: SocketAddr, request: String) -> Answer {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    Answer(String::from_utf8(text).unwrap())
}

/// A response as it was on the wire; hyper writes names of fields in lower case.
#[derive(Debug)]
struct Answer(String);

impl Answer {
    fn status(&self) -> u16 {
        self.0[9..12].parse().unwrap()
    }

    fn field(&self, name: &str) -> Option<&str> {
        let head = self.0.split("\r\n\r\n").next()?;
        let mut fields = head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// A response of which the body never comes.
async fn endless() -> Body {
    Body::from_stream(futures_util::stream::pending::<Result<&str, Infallible>>())
}

#[tokio::test]
async fn a_healthy_answer_passes_untouched() {
    let app = App::serve(AGES, 1).await;
    let answer = app.ask("GET /", "").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.field("content-length"), Some("5"));
    assert!(answer.0.ends_with("\r\n\r\nhello"), "{answer:?}");
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_504() {
    let app = App::serve(Duration::from_millis(20), 1).await;
    let answer = app.ask("GET /slow", "").await;
    assert_eq!(answer.status(), 504);
    assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    assert!(answer.0.contains(r#""reason":"deadline_exceeded""#), "{answer:?}");
    assert_eq!(answer.field("proxy-status"), None, "an origin is no proxy");
}

#[tokio::test]
async fn beyond_the_limit_it_is_503_with_retry_after_on_every_route() {
    let app = App::serve(AGES, 1).await;
    let held = app.occupy().await;
    for path in ["/", "/slow"] {
        let answer = app.ask(&format!("GET {path}"), "").await;
        assert_eq!(answer.status(), 503, "{path}");
        let wait: u64 = answer.field("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert!(answer.0.contains(r#""reason":"overload""#), "{answer:?}");
    }

    app.release.notify_one();
    assert_eq!(held.await.unwrap().status(), 200, "whoever was inside is served");
    assert_eq!(app.ask("GET /", "").await.status(), 200);
}

#[tokio::test]
async fn browsers_get_a_page() {
    let app = App::serve(Duration::from_millis(20), 1).await;
    let answer = app.ask("GET /slow", "accept: text/html\r\n").await;
    assert_eq!(answer.status(), 504);
    assert!(
        answer.field("content-type").unwrap().starts_with("text/html"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn grpc_callers_get_a_grpc_status() {
    let app = App::serve(Duration::from_millis(20), 1).await;
    let late = app.ask("POST /slow", "content-type: application/grpc\r\n").await;
    assert_eq!(late.status(), 200);
    assert_eq!(late.field("grpc-status"), Some("4"), "DEADLINE_EXCEEDED");

    let app = App::serve(AGES, 1).await;
    let _held = app.occupy().await;
    let refused = app
        .ask("POST /slow", "content-type: application/grpc+proto\r\n")
        .await;
    assert_eq!(refused.field("grpc-status"), Some("14"), "UNAVAILABLE");
    let pushback: u64 = refused.field("grpc-retry-pushback-ms").unwrap().parse().unwrap();
    assert!(pushback >= 1000, "{pushback}");
}

#[tokio::test]
async fn a_body_that_misses_its_deadline_is_cut_and_never_made_to_look_whole() {
    let app = App::serve(Duration::from_millis(20), 1).await;
    let answer = app.ask("GET /endless", "").await;
    assert_eq!(answer.status(), 200, "the head was sent in time");
    assert_eq!(answer.field("transfer-encoding"), Some("chunked"));
    assert!(!answer.0.ends_with("0\r\n\r\n"), "{answer:?}");
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place() {
    let app = App::serve(AGES, 1).await;
    let held = app.occupy().await;
    held.abort();
    let freed = async {
        while app.ask("GET /", "").await.status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), freed)
        .await
        .unwrap();
}
