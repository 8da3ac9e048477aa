//! A client's byte stream: plaintext or TLS, sniffed for what it speaks, watched for when it speaks, and, where that is
//! HTTP/1.1, for what hyper would let pass.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::BytesMut;
use outrigger_identity as identity;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use super::{
    activity::Activity,
    strict::{BROKEN, Strict},
};
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
    /// Read already, and not by hyper.
    ahead: BytesMut,
    strict: Strict,
}

impl Watched {
    pub(super) fn new(inner: ClientStream, activity: Arc<Activity>) -> Self {
        Self {
            inner,
            activity,
            ahead: BytesMut::new(),
            strict: Strict::new(),
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
        self.ahead.extend_from_slice(&read);
        sniffed
    }

    /// Gives back what was read already of a head, and no more; it is read again first.
    pub(super) fn unread(&mut self, read: &[u8]) {
        self.ahead = [read, &self.ahead].concat().as_slice().into();
        self.strict.begin_head();
    }

    /// It speaks HTTP/2, whose frames h2 is strict with.
    pub(super) fn speaks_http2(&mut self) {
        self.strict.ignore();
    }

    /// Ready when there is something to read, or an end or an error to be read; says whether there is more to come.
    pub(super) fn poll_stirs(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if !self.ahead.is_empty() {
            return Poll::Ready(true);
        }
        let mut first = [0; 1];
        let mut buf = ReadBuf::new(&mut first);
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf));
        self.ahead.extend_from_slice(buf.filled());
        Poll::Ready(read.is_ok() && !self.ahead.is_empty())
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.ahead.is_empty() {
            let mut ahead = std::mem::take(&mut this.ahead);
            let wanted = ahead.len().min(buf.remaining());
            match this.strict.check(&ahead[..wanted], || this.activity.framing()) {
                Ok(given) => {
                    buf.put_slice(&ahead.split_to(given));
                    this.ahead = Some(ahead).filter(|rest| !rest.is_empty()).unwrap_or_default();
                }
                Err(wrong) => {
                    buf.put_slice(&ahead[..wrong]);
                    this.break_off(buf);
                }
            }
            this.activity.hear();
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(cx, buf);
        let read = &buf.filled()[before..];
        if read.is_empty() {
            return polled;
        }
        match this.strict.check(read, || this.activity.framing()) {
            Ok(given) => {
                this.ahead.extend_from_slice(&read[given..]);
                buf.set_filled(before + given);
            }
            Err(wrong) => {
                buf.set_filled(before + wrong);
                this.break_off(buf);
            }
        }
        this.activity.hear();
        polled
    }
}

impl Watched {
    /// Has hyper refuse what it reads, and closes the connection with that.
    fn break_off(&mut self, buf: &mut ReadBuf<'_>) {
        let (now, later) = BROKEN.split_at(BROKEN.len().min(buf.remaining()));
        buf.put_slice(now);
        self.ahead = later.into();
        self.strict.ignore();
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
