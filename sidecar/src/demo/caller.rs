//! Calls through a sidecar, and notes all that comes back: a demo that only looked at the status would prove little.

use std::{error::Error, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Version, header};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Response,
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use outrigger_gateway::{
    grpc,
    proxy_status::{self, Member},
};
use tokio::{net::TcpStream, task::AbortHandle, time::timeout};

/// Longer than anything in the walk takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Nothing came back at all, which is never right: in words.
pub(super) type NoAnswer = String;

/// Someone who calls through a sidecar, each time on a connection of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    sidecar: SocketAddr,
}

impl Caller {
    /// Calls through the sidecar that listens here.
    pub(super) fn through(sidecar: SocketAddr) -> Self {
        Self { sidecar }
    }

    /// Asks a service for a path, and waits for the end of the answer.
    pub(super) async fn get(self, service: &str, path: &str) -> Result<Seen, NoAnswer> {
        in_time(async { self.begin(service, path).await?.finish().await }).await
    }

    /// Asks, and waits for the head of the answer only.
    pub(super) async fn begin(self, service: &str, path: &str) -> Result<Begun, NoAnswer> {
        let request = Request::get(path)
            .header(header::HOST, service)
            .body(Empty::new());
        in_time(self.send(request.map_err(in_words)?)).await
    }

    /// Makes a unary gRPC call.
    pub(super) async fn grpc(self, service: &str, method: &str) -> Result<Seen, NoAnswer> {
        let request = Request::builder()
            .method(Method::POST)
            .version(Version::HTTP_2)
            .uri(format!("http://{service}{method}"))
            .header(header::CONTENT_TYPE, grpc::MEDIA_TYPE)
            .header(header::TE, "trailers")
            .body(Empty::new());
        in_time(async { self.send(request.map_err(in_words)?).await?.finish().await }).await
    }

    async fn send(self, request: Request<Empty<Bytes>>) -> Result<Begun, NoAnswer> {
        let stream = TcpStream::connect(self.sidecar).await.map_err(in_words)?;
        let io = TokioIo::new(stream);
        if request.version() == Version::HTTP_2 {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io)
                .await
                .map_err(in_words)?;
            let connection = Running(tokio::spawn(connection).abort_handle());
            let response = sender.send_request(request).await.map_err(in_words)?;
            return Ok(Begun { response, connection });
        }
        let (mut sender, connection) = http1::handshake(io).await.map_err(in_words)?;
        let connection = Running(tokio::spawn(connection).abort_handle());
        let response = sender.send_request(request).await.map_err(in_words)?;
        Ok(Begun { response, connection })
    }
}

/// A connection that ends with its owner.
#[derive(Debug)]
struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer whose head is here. Dropping it hangs up.
#[derive(Debug)]
pub(super) struct Begun {
    response: Response<Incoming>,
    #[expect(dead_code, reason = "the connection is kept by being kept")]
    connection: Running,
}

impl Begun {
    async fn finish(mut self) -> Result<Seen, NoAnswer> {
        let (mut body, mut is_whole) = (Vec::new(), true);
        while let Some(frame) = self.response.frame().await {
            match frame.map(hyper::body::Frame::into_data) {
                Ok(Ok(data)) => body.extend_from_slice(&data),
                Ok(Err(_trailers)) => {}
                Err(_cut) => is_whole = false,
            }
        }
        let (head, _) = self.response.into_parts();
        Ok(Seen {
            status: head.status,
            headers: head.headers,
            body,
            is_whole,
        })
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether the body came to its end, instead of being cut.
    pub(super) is_whole: bool,
}

impl Seen {
    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A field of the head.
    pub(super) fn field(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The reason that the body names (RFC 9457), or to a gRPC caller its message.
    pub(super) fn reason(&self) -> Option<String> {
        if let Some(message) = self.field(grpc::MESSAGE) {
            return message.split_once(':').map(|(reason, _)| reason.to_owned());
        }
        let problem: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        problem.get("reason")?.as_str().map(str::to_owned)
    }

    /// What each hop says in `Proxy-Status`, the one nearest the origin first.
    pub(super) fn members(&self) -> Vec<Member> {
        proxy_status::members(&self.headers)
    }

    /// The sentence of the hop that failed, and its name.
    pub(super) fn details(&self) -> Option<(String, String)> {
        let members = self.members();
        let spoke = proxy_status::spoke(&members)?;
        Some((spoke.name.clone(), spoke.details.clone()?))
    }
}

/// A member without addresses and sentences, as it is written.
pub(super) fn gist(member: &Member) -> String {
    let mut headers = HeaderMap::new();
    let gist = Member {
        next_hop: None,
        details: None,
        ..member.clone()
    };
    proxy_status::append(&mut headers, &gist);
    let value = headers.get(proxy_status::PROXY_STATUS);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

async fn in_time<T>(call: impl Future<Output = Result<T, NoAnswer>>) -> Result<T, NoAnswer> {
    let late = |_| format!("no answer within {PATIENCE:?}");
    timeout(PATIENCE, call).await.map_err(late)?
}

fn in_words(error: impl Error) -> NoAnswer {
    format!("no answer: {error}")
}
