//! A byte stream that counts what was read: only that tells "closed before a response" from "cut in its head".
//!
//! It also lets others have their turn when a peer sends without end, and lets what a peer said before it broke off
//! be read before a failed write is told: who answers 413 and closes is heard, not only noticed.

mod frames;
mod line;

use std::{
    error::Error,
    fmt, io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::yield_now,
    time::{Sleep, sleep},
};

use self::{frames::Frames, line::Line};

/// What was read from a connection so far: how much, and how it began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received(Arc<Record>);

#[derive(Debug, Default)]
struct Record {
    bytes: AtomicU64,
    first: OnceLock<Box<[u8]>>,
    broke: OnceLock<Arc<io::Error>>,
    line: Mutex<Line>,
    refused_all: AtomicBool,
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

    /// The error that the byte stream broke with, if it is more than one of the operating system's.
    pub(crate) fn broke(&self) -> Option<&io::Error> {
        self.0.broke.get().map(|broke| &**broke)
    }

    /// The line that came last, if the connection is young; HTTP/1.1 only.
    pub(crate) fn line(&self) -> Option<MutexGuard<'_, Line>> {
        let young = self.bytes() <= Line::FOLLOWED;
        young.then(|| self.0.line.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a GOAWAY said that no stream at all was processed; HTTP/2 only.
    pub(crate) fn refused_all(&self) -> bool {
        self.0.refused_all.load(Relaxed)
    }

    /// Notes such an error, and passes it on.
    fn note(&self, error: io::Error) -> io::Error {
        if error.get_ref().is_none() {
            return error;
        }
        let error = Arc::new(error);
        self.0.broke.get_or_init(|| error.clone());
        io::Error::new(error.kind(), Shared(error))
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

    fn follow_line(&self, read: &[u8]) {
        if let Some(mut line) = self.line() {
            line.follow(read);
        }
    }
}

/// An error that was noted, on its way.
#[derive(Debug)]
struct Shared(Arc<io::Error>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// So many bytes are read in one go. Then timers have their turn: hyper goes on reading as long as there is
/// anything, and never comes to an end with informational responses.
const TURN: usize = 256 * 1024;

/// How long a failed write is kept back while reading may still say more. Whoever reads ends sooner.
const LAST_WORDS: Duration = Duration::from_secs(1);

pin_project! {
    /// Counts the bytes read from `I`.
    #[derive(Debug)]
    pub(crate) struct Counted<I> {
        #[pin]
        inner: I,
        received: Received,
        turn: usize,
        failed: Option<Failed>,
        speaks: Speaks,
    }
}

/// What is known of the bytes.
#[derive(Debug)]
enum Speaks {
    /// HTTP/1.1, whose reader reads on when a write has failed.
    Http1,
    Http2(Frames),
    Unknown,
}

/// A write that failed and is kept back.
#[derive(Debug)]
struct Failed {
    error: Option<io::Error>,
    until: Pin<Box<Sleep>>,
}

impl Failed {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        ready!(self.until.as_mut().poll(cx));
        Poll::Ready(
            self.error
                .take()
                .unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()),
        )
    }
}

impl<I> Counted<I> {
    pub(crate) fn new(inner: I) -> Self {
        Self {
            inner,
            received: Received::default(),
            turn: 0,
            failed: None,
            speaks: Speaks::Unknown,
        }
    }

    /// Keeps failed writes back, since the reader of HTTP/1.1 reads on meanwhile; HTTP/2's does not.
    pub(crate) fn http1(self) -> Self {
        Self {
            speaks: Speaks::Http1,
            ..self
        }
    }

    /// Follows the peer's frames.
    pub(crate) fn http2(self) -> Self {
        Self {
            speaks: Speaks::Http2(Frames::default()),
            ..self
        }
    }

    pub(crate) fn received(&self) -> Received {
        self.received.clone()
    }
}

impl<I: AsyncRead> AsyncRead for Counted<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        if *this.turn >= TURN {
            *this.turn = 0;
            // Wakes us when the others have had their turn.
            return pin!(yield_now()).poll(cx).map(Ok);
        }
        let before = buf.filled().len();
        let polled = this.inner.poll_read(cx, buf);
        if let read @ [_, ..] = &buf.filled()[before..] {
            this.received.add(read);
            match this.speaks {
                Speaks::Http1 => this.received.follow_line(read),
                Speaks::Http2(frames) => {
                    if frames.follow(read) == Some(0) {
                        this.received.0.refused_all.store(true, Relaxed);
                    }
                }
                Speaks::Unknown => {}
            }
            *this.turn += read.len();
        } else {
            *this.turn = 0;
        }
        polled.map_err(|error| this.received.note(error))
    }
}

impl<I: AsyncWrite> Counted<I> {
    fn write<T>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut I>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let this = self.project();
        if let Some(failed) = this.failed {
            return failed.poll(cx).map(Err);
        }
        let error = match ready!(write(this.inner, cx)) {
            Ok(written) => return Poll::Ready(Ok(written)),
            Err(error) => this.received.note(error),
        };
        if !matches!(this.speaks, Speaks::Http1) {
            return Poll::Ready(Err(error));
        }
        let failed = this.failed.insert(Failed {
            error: Some(error),
            until: Box::pin(sleep(LAST_WORDS)),
        });
        failed.poll(cx).map(Err)
    }
}

impl<I: AsyncWrite> AsyncWrite for Counted<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, |inner, cx| inner.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |inner, cx| inner.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
