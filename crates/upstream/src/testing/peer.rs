//! The other end of a connection, played by a test.

use std::{future::poll_fn, sync::Arc};

use bytes::Bytes;
use h2::server::{self, SendResponse};
use http::{Request, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::Notify,
    task::JoinHandle,
};

use super::soon;

pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A server of HTTP/1.1 by hand.
pub(crate) struct Http1(DuplexStream);

impl Http1 {
    pub(crate) fn new(io: DuplexStream) -> Self {
        Self(io)
    }

    /// Reads up to and with `end`.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            let byte = soon(self.0.read_u8()).await;
            read.push(byte.expect("more is to come"));
        }
        String::from_utf8(read).expect("heads are text")
    }

    /// The head of a request.
    pub(crate) async fn head(&mut self) -> String {
        self.read_until("\r\n\r\n").await
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the client is there");
    }

    /// Reads a request without a body and answers it well.
    pub(crate) async fn serve(&mut self) -> String {
        let head = self.head().await;
        self.say(OK).await;
        head
    }

    /// What comes until the client closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        soon(self.0.read_to_end(&mut rest))
            .await
            .expect("memory does not fail");
        rest
    }
}

/// A request over HTTP/2, and how to answer it.
pub(crate) type Asked = (Request<h2::RecvStream>, SendResponse<Bytes>);

/// A server of HTTP/2, whose connection is driven by a task of its own.
pub(crate) struct Http2 {
    requests: tokio::sync::mpsc::UnboundedReceiver<Asked>,
    connection: JoinHandle<()>,
    drain: Arc<Notify>,
}

impl Http2 {
    pub(crate) fn new(io: DuplexStream) -> Self {
        Self::with_streams(io, 1000)
    }

    /// Allows so many streams at once.
    pub(crate) fn with_streams(io: DuplexStream, most: u32) -> Self {
        let (pass, requests) = tokio::sync::mpsc::unbounded_channel();
        let drain = Arc::new(Notify::new());
        let drained = drain.clone();
        let connection = tokio::spawn(async move {
            let mut builder = server::Builder::new();
            let handshake = builder.max_concurrent_streams(most).handshake(io);
            let Ok(mut connection) = handshake.await else {
                return;
            };
            loop {
                tokio::select! {
                    asked = connection.accept() => match asked {
                        Some(Ok(asked)) => drop(pass.send(asked)),
                        _ => return,
                    },
                    () = drained.notified() => connection.graceful_shutdown(),
                }
            }
        });
        Self {
            requests,
            connection,
            drain,
        }
    }

    pub(crate) async fn next(&mut self) -> Asked {
        soon(self.requests.recv()).await.expect("a request comes")
    }

    /// Answers the next request well.
    pub(crate) async fn serve(&mut self) -> Request<h2::RecvStream> {
        let (request, mut respond) = self.next().await;
        let mut body = respond
            .send_response(Response::new(()), false)
            .expect("the stream is open");
        body.send_data(Bytes::from_static(b"ok"), true)
            .expect("the stream is open");
        request
    }

    /// Says GOAWAY, and takes no more requests.
    pub(crate) fn drain(&self) {
        self.drain.notify_one();
    }

    /// Cuts the connection.
    pub(crate) fn cut(&self) {
        self.connection.abort();
    }
}

/// How the client reset the stream of a response.
pub(crate) async fn reset(respond: &mut SendResponse<Bytes>) -> h2::Reason {
    soon(poll_fn(|cx| respond.poll_reset(cx)))
        .await
        .expect("a stream is reset by number")
}
