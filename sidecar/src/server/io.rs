//! A client's byte stream: plaintext or TLS, sniffed for what it speaks, watched for when it speaks.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use outrigger_identity as identity;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use super::activity::Activity;
use crate::stream::MaybeTls;

/// How an HTTP/2 client begins (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection from a client.
pub(crate) type ClientStream = MaybeTls<identity::server::TlsStream<TcpStream>>;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sniffed {
    Http1,
    Http2,
    /// It went away, or kept silent for too long.
    Nothing,
}

/// A client's stream that tells its [`Activity`] when bytes come, and gives back what was sniffed.
#[derive(Debug)]
pub(super) struct Watched {
    inner: ClientStream,
    activity: Arc<Activity>,
    sniffed: Vec<u8>,
}

impl Watched {
    pub(super) fn new(inner: ClientStream, activity: Arc<Activity>) -> Self {
        Self {
            inner,
            activity,
            sniffed: Vec::new(),
        }
    }

    /// Reads until it is clear whether the client begins with HTTP/2's preface; what was read is read again.
    pub(super) async fn sniff(&mut self, limit: Duration) -> Sniffed {
        let mut read = Vec::with_capacity(PREFACE.len());
        let sniff = async {
            while PREFACE.starts_with(&read) {
                if read.len() == PREFACE.len() {
                    return Sniffed::Http2;
                }
                let mut rest = [0; PREFACE.len()];
                let wanted = PREFACE.len() - read.len();
                match self.inner.read(&mut rest[..wanted]).await {
                    Ok(0) | Err(_) => return Sniffed::Nothing,
                    Ok(bytes) => read.extend_from_slice(&rest[..bytes]),
                }
            }
            Sniffed::Http1
        };
        let sniffed = timeout(limit, sniff).await.unwrap_or(Sniffed::Nothing);
        self.sniffed = read;
        sniffed
    }

    /// Gives back what was read already; it is read again first.
    pub(super) fn unread(&mut self, read: &[u8]) {
        self.sniffed.extend_from_slice(read);
    }

    /// Ready when there is something to read, or an end or an error to be read; says whether there is more to come.
    pub(super) fn poll_stirs(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if !self.sniffed.is_empty() {
            return Poll::Ready(true);
        }
        let mut first = [0; 1];
        let mut buf = ReadBuf::new(&mut first);
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf));
        self.sniffed.extend_from_slice(buf.filled());
        Poll::Ready(read.is_ok() && !self.sniffed.is_empty())
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.sniffed.is_empty() {
            let given = self.sniffed.len().min(buf.remaining());
            buf.put_slice(&self.sniffed[..given]);
            self.sniffed.drain(..given);
            self.activity.hear();
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.hear();
        }
        polled
    }
}

impl Watched {
    fn wrote<T>(&self, written: Poll<T>) -> Poll<T> {
        self.activity.wrote(written.is_ready());
        written
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.wrote(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
