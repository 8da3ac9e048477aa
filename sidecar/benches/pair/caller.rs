//! Who calls: one HTTP/1.1 connection each, or streams of one HTTP/2 connection.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, request::Builder};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

type Body = Empty<Bytes>;

/// What a caller speaks.
#[derive(Clone, Copy)]
pub(crate) enum Speaks {
    Http1,
    Http2,
}

/// Sends one request after the other.
pub(crate) enum Caller {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Caller {
    /// Callers that can all ask at the same time.
    pub(crate) async fn several(count: usize, addr: SocketAddr, speaks: Speaks) -> Vec<Self> {
        let mut callers = Vec::with_capacity(count);
        match speaks {
            Speaks::Http1 => {
                for _ in 0..count {
                    callers.push(Self::Http1(http1(addr).await));
                }
            }
            Speaks::Http2 => {
                let connection = http2(addr).await;
                callers.resize_with(count, || Self::Http2(connection.clone()));
            }
        }
        callers
    }

    /// Asks once and reads the whole answer.
    pub(crate) async fn ask(&mut self) -> Bytes {
        let response = match self {
            Self::Http1(connection) => {
                connection.ready().await.expect("the connection is kept");
                let request = Request::get("/v1/carts/4711/items?limit=20").header("host", "app");
                connection.send_request(request.finish()).await
            }
            Self::Http2(connection) => {
                connection.ready().await.expect("the connection is kept");
                let request = Request::get("http://app/v1/carts/4711/items?limit=20");
                connection.send_request(request.finish()).await
            }
        };
        read(response.expect("the app answers")).await
    }
}

trait Finish {
    /// With what a client says beside.
    fn finish(self) -> Request<Body>;
}

impl Finish for Builder {
    fn finish(self) -> Request<Body> {
        let request = self
            .header("user-agent", "checkout/2.14 (rust; hyper/1.12)")
            .header("accept", "application/json")
            .header("accept-encoding", "gzip, br")
            .header(
                "authorization",
                "Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJjaGVja291dCJ9.c2ln",
            )
            .header(
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )
            .header("x-request-id", "6b1f8f0e-5f57-4b0a-9c0f-0d0a7f6f3c11");
        request.body(Body::new()).expect("the request is well-formed")
    }
}

async fn read(response: Response<Incoming>) -> Bytes {
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await;
    body.expect("the answer comes whole").to_bytes()
}

async fn http1(addr: SocketAddr) -> http1::SendRequest<Body> {
    let (sender, connection) = http1::handshake(connect(addr).await)
        .await
        .expect("HTTP/1.1 has no handshake");
    tokio::spawn(connection);
    sender
}

async fn http2(addr: SocketAddr) -> http2::SendRequest<Body> {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), connect(addr).await)
        .await
        .expect("a sidecar speaks HTTP/2 to who begins with its preface");
    tokio::spawn(connection);
    sender
}

async fn connect(addr: SocketAddr) -> TokioIo<TcpStream> {
    let stream = TcpStream::connect(addr).await.expect("it listens");
    stream.set_nodelay(true).expect("the socket is open");
    TokioIo::new(stream)
}
