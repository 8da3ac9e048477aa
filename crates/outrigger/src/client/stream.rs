//! The byte stream of a connection, as hyper and hyper-util take it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use outrigger_identity::{Alpn, Connector, Explained, client::TlsStream};
use tokio::net::TcpStream;

use super::connector::Refused;

/// A connection over mutual TLS.
pub struct MtlsStream {
    io: TokioIo<Explained<TlsStream<TcpStream>>>,
    connector: Connector,
    refused: Refused,
}

impl MtlsStream {
    pub(super) fn new(
        stream: Explained<TlsStream<TcpStream>>,
        connector: Connector,
        refused: Refused,
    ) -> Self {
        Self {
            io: TokioIo::new(stream),
            connector,
            refused,
        }
    }

    /// What the two sides agreed to speak.
    pub fn alpn(&self) -> Option<Alpn> {
        Alpn::of(self.io.inner().get_ref().get_ref().1)
    }

    /// Does what `poll` does, and notes why the peer refused us, if it did.
    fn noting<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut TokioIo<Explained<TlsStream<TcpStream>>>>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let polled = poll(Pin::new(&mut self.io));
        if let Poll::Ready(Err(error)) = &polled
            && let Some(failure) = self.connector.classify(error)
        {
            self.refused.note(failure);
        }
        polled
    }
}

impl std::fmt::Debug for MtlsStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MtlsStream")
            .field("alpn", &self.alpn())
            .finish_non_exhaustive()
    }
}

impl Connection for MtlsStream {
    fn connected(&self) -> Connected {
        match self.alpn() {
            Some(Alpn::H2) => Connected::new().negotiated_h2(),
            _ => Connected::new(),
        }
    }
}

impl Read for MtlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.noting(|io| io.poll_read(cx, buf))
    }
}

impl Write for MtlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.noting(|io| io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.noting(|io| io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.noting(|io| io.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.noting(|io| io.poll_shutdown(cx))
    }
}
