//! A byte stream that counts what was read: only that tells "closed before a response" from "cut in its head".

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What was read from a connection so far: how much, and how it began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received(Arc<Record>);

#[derive(Debug, Default)]
struct Record {
    bytes: AtomicU64,
    first: OnceLock<Box<[u8]>>,
}

impl Received {
    /// So much of the beginning is kept, to guess what a peer speaks that does not speak HTTP.
    const KEPT: usize = 16;

    /// Bytes read so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    /// The first bytes that ever came.
    pub(crate) fn first(&self) -> Option<&[u8]> {
        self.0.first.get().map(|first| &**first)
    }

    fn add(&self, read: &[u8]) {
        let before = self.bytes();
        if before == 0 {
            self.0
                .first
                .get_or_init(|| read[..read.len().min(Self::KEPT)].into());
        }
        // There is one reader, so a load and a store lose nothing.
        self.0.bytes.store(before + read.len() as u64, Relaxed);
    }
}

pin_project! {
    /// Counts the bytes read from `I`.
    #[derive(Debug)]
    pub(crate) struct Counted<I> {
        #[pin]
        inner: I,
        received: Received,
    }
}

impl<I> Counted<I> {
    pub(crate) fn new(inner: I) -> Self {
        Self {
            inner,
            received: Received::default(),
        }
    }

    pub(crate) fn received(&self) -> Received {
        self.received.clone()
    }
}

impl<I: AsyncRead> AsyncRead for Counted<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buf.filled().len();
        let polled = this.inner.poll_read(cx, buf);
        if let read @ [_, ..] = &buf.filled()[before..] {
            this.received.add(read);
        }
        polled
    }
}

impl<I: AsyncWrite> AsyncWrite for Counted<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }
}
