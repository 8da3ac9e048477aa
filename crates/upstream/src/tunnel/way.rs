//! One way of a tunnel: from a reader to a writer, with a buffer only for what the writer did not take at once.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that is read at once: one TLS record.
const READ: usize = 16 * 1024;
/// After so many bytes the others on the thread have their turn.
const TURN: usize = 256 * 1024;

thread_local! {
    /// Where all tunnels of a thread read to, one after the other.
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Which side of a way broke.
#[derive(Debug)]
pub(super) enum Broken {
    Reader(io::Error),
    Writer(io::Error),
}

/// ## Open => Ending => Over
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The reader has ended; the writer has not been told.
    Ending,
    Over,
}

/// One way, between polls.
#[derive(Debug, Default)]
pub(super) struct Way {
    state: State,
    /// What was read and not yet written: nothing, or all that is known to be held up.
    rest: Vec<u8>,
    written: usize,
    unflushed: bool,
}

impl Way {
    /// Whether the end was passed on.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether the writer does not take what there is for it.
    pub(super) fn is_stuck(&self) -> bool {
        !self.rest.is_empty() || self.unflushed || self.state == State::Ending
    }

    /// Carries what there is. Ready when the end was passed on, and ever after; or when one side broke.
    pub(super) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
        count: impl Fn(u64) + Copy,
    ) -> Poll<Result<(), Broken>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut turn = TURN;
        loop {
            ready!(self.poll_rest(cx, writer, count)).map_err(Broken::Writer)?;
            match self.state {
                State::Open => {}
                State::Ending => {
                    ready!(Pin::new(&mut *writer).poll_shutdown(cx)).map_err(Broken::Writer)?;
                    self.state = State::Over;
                    continue;
                }
                State::Over => return Poll::Ready(Ok(())),
            }
            if turn == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let mut scratch = SCRATCH.take().unwrap_or_else(|| vec![0; READ].into());
            let passed = self.poll_pass(cx, reader, writer, count, &mut scratch);
            SCRATCH.set(Some(scratch));
            turn = turn.saturating_sub(ready!(passed)?);
        }
    }

    /// Reads once, and writes as much of it as is taken at once; how much was read.
    fn poll_pass<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
        count: impl Fn(u64) + Copy,
        scratch: &mut [u8],
    ) -> Poll<Result<usize, Broken>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut buf = ReadBuf::new(scratch);
        let mut read = match Pin::new(reader).poll_read(cx, &mut buf) {
            Poll::Ready(Ok(())) => buf.filled(),
            Poll::Ready(Err(error)) => {
                // What is left in a TLS buffer may still arrive; nobody waits for it.
                let _ = Pin::new(writer).poll_flush(cx);
                return Poll::Ready(Err(Broken::Reader(error)));
            }
            Poll::Pending => {
                if self.unflushed {
                    ready!(Pin::new(writer).poll_flush(cx)).map_err(Broken::Writer)?;
                    self.unflushed = false;
                }
                return Poll::Pending;
            }
        };
        let length = read.len();
        if length == 0 {
            self.state = State::Ending;
        }
        while !read.is_empty() {
            match self.poll_write(cx, writer, read, count) {
                Poll::Ready(written) => read = &read[written.map_err(Broken::Writer)?..],
                Poll::Pending => {
                    self.rest.extend_from_slice(read);
                    break;
                }
            }
        }
        Poll::Ready(Ok(length))
    }

    /// Writes what was held up; its buffer goes when it is empty.
    fn poll_rest<W>(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut W,
        count: impl Fn(u64) + Copy,
    ) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        let rest = std::mem::take(&mut self.rest);
        while self.written < rest.len() {
            match self.poll_write(cx, writer, &rest[self.written..], count) {
                Poll::Ready(written) => self.written += written?,
                Poll::Pending => {
                    self.rest = rest;
                    return Poll::Pending;
                }
            }
        }
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_write<W>(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut W,
        data: &[u8],
        count: impl Fn(u64) + Copy,
    ) -> Poll<io::Result<usize>>
    where
        W: AsyncWrite + Unpin,
    {
        let written = ready!(Pin::new(writer).poll_write(cx, data))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.unflushed = true;
        count(written as u64);
        Poll::Ready(Ok(written))
    }
}
