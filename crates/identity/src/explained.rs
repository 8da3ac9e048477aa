//! A byte stream over TLS that says why it broke, if the peer did.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::classify::find_rustls;

/// A stream of which a write fails with what the peer had said before it went away, an alert that nobody has read.
///
/// Under TLS 1.3 a server that refuses our certificate says so after the handshake; who only writes hears of a broken pipe.
#[derive(Debug)]
pub struct Explained<IO> {
    inner: IO,
    /// A write that failed, while it is looked for why.
    failed: Option<io::Error>,
    /// Whether to read on behalf of the reader then; what is read is lost.
    explains: bool,
}

impl<IO> Explained<IO> {
    /// A stream whose reader may not read again once a write has failed: it is read here, and what that reads is lost.
    pub const fn new(inner: IO) -> Self {
        Self {
            inner,
            failed: None,
            explains: true,
        }
    }

    /// A stream that is left as it is: its reader finds out for itself.
    pub const fn plain(inner: IO) -> Self {
        Self {
            inner,
            failed: None,
            explains: false,
        }
    }

    /// The stream itself.
    pub const fn get_ref(&self) -> &IO {
        &self.inner
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Explained<IO> {
    /// Writes, and finds out what a failed write means.
    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut IO>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.failed.is_none() {
            match write(Pin::new(&mut self.inner), cx) {
                Poll::Ready(Err(error)) if self.explains => self.failed = Some(error),
                other => return other,
            }
        }
        let cause = ready!(self.poll_cause(cx));
        let failed = self
            .failed
            .take()
            .unwrap_or_else(|| io::ErrorKind::BrokenPipe.into());
        Poll::Ready(Err(cause.unwrap_or(failed)))
    }

    /// The peer may have said why before it went away: an alert that nobody has read. Whether there is one may be
    /// known only a moment later, when the runtime hears of it; since the peer is gone, that moment comes.
    fn poll_cause(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Error>> {
        let mut scratch = [0; 512];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                Err(cause) if find_rustls(&cause).is_some() => return Poll::Ready(Some(cause)),
                _ => return Poll::Ready(None),
            }
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Explained<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Explained<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, |inner, cx| inner.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |inner, cx| inner.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, |inner, cx| inner.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
