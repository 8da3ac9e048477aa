//! A client on one connection, HTTP/1.1 or HTTP/2.

use std::net::SocketAddr;

use http::{Method, Request, Response, Uri, header::HOST};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::{Body, LONG, Reply, empty, within};

/// The host of every request that does not say otherwise.
const AUTHORITY: &str = "orders.shop.svc";

/// A request that works over both protocols.
pub(crate) fn request(method: Method, path: &str, body: Body) -> Request<Body> {
    let uri = format!("http://{AUTHORITY}{path}");
    Request::builder().method(method).uri(uri).body(body).unwrap()
}

pub(crate) fn get(path: &str) -> Request<Body> {
    request(Method::GET, path, empty())
}

/// One connection; its task ends with it.
#[derive(Clone, Debug)]
pub(crate) struct Client(Sender);

#[derive(Clone, Debug)]
enum Sender {
    Http1(std::sync::Arc<tokio::sync::Mutex<http1::SendRequest<Body>>>),
    Http2(http2::SendRequest<Body>),
}

impl Client {
    pub(crate) async fn http1(addr: SocketAddr) -> Self {
        Self::http1_over(connect(addr).await).await
    }

    /// HTTP/2 with prior knowledge.
    pub(crate) async fn http2(addr: SocketAddr) -> Self {
        Self::http2_over(connect(addr).await).await
    }

    pub(crate) async fn http1_over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(Sender::Http1(std::sync::Arc::new(sender.into())))
    }

    pub(crate) async fn http2_over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        // Half of it is what h2 lets small frames cost before it takes them for a flood.
        builder.initial_connection_window_size(256 << 20);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(Sender::Http2(sender))
    }

    /// Sends a request and waits for the response's head.
    pub(crate) async fn try_send(&self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        match &self.0 {
            Sender::Http1(sender) => {
                let mut sender = sender.lock().await;
                sender.ready().await?;
                sender.send_request(in_origin_form(request)).await
            }
            Sender::Http2(sender) => {
                let mut sender = sender.clone();
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    /// Sends a request and waits for the response's head, which must come.
    #[track_caller]
    pub(crate) fn send(&self, request: Request<Body>) -> impl Future<Output = Response<Incoming>> {
        let sent = within(LONG, "a response's head", self.try_send(request));
        async move { sent.await.expect("the sidecar answers every request") }
    }

    /// Sends a request and reads the response to its end, good or bad.
    #[track_caller]
    pub(crate) fn ask(&self, request: Request<Body>) -> impl Future<Output = Reply> {
        let sent = self.send(request);
        within(LONG, "the end of a response", async move {
            Reply::read(sent.await).await
        })
    }
}

async fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// As HTTP/1.1 asks an origin: the authority in `Host` (RFC 9112 §3.2.1).
fn in_origin_form(mut request: Request<Body>) -> Request<Body> {
    let uri = request.uri().clone();
    if let (Some(authority), Some(target)) = (uri.authority(), uri.path_and_query()) {
        let host = authority.as_str().parse().unwrap();
        request.headers_mut().entry(HOST).or_insert(host);
        *request.uri_mut() = Uri::from(target.clone());
    }
    request
}
