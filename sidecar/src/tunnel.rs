//! Carries bytes both ways between a client and an upstream, until both have ended or one of them breaks.
//!
//! An end of one way is passed on as an end while the other way goes on (half-close). It bounds how long nothing
//! may move, not how long the whole may last; zero bytes of buffer are held while nothing moves.
//!
//! A stream that was cut must not look whole: after anything but [`Ending::Clean`] neither side was told of an end,
//! and the caller drops both. A plain TCP stream says by then what its being dropped means
//! ([`MaybeTls::doom`](crate::stream::MaybeTls::doom)); TLS is missing its `close_notify`.

mod way;

#[cfg(test)]
mod tests;

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

use metrics::Counter;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Sleep, sleep},
};

use self::way::{Broken, Way};

/// How it ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Both sides ended, and each was told that the other did.
    Clean,
    /// Nothing moved for as long as that is borne.
    Silence(Stuck),
    /// The client's side broke.
    Client(io::Error),
    /// The upstream's side broke.
    Upstream(io::Error),
}

/// Who did not take what there was for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stuck {
    /// Nobody had anything to say.
    Nobody,
    Client,
    Upstream,
}

/// The bytes that have moved so far; to be read at any time, by whoever outlives the tunnel.
#[derive(Debug)]
pub(crate) struct Moved {
    up: Bytes,
    down: Bytes,
}

/// The bytes that went one way.
#[derive(Debug)]
struct Bytes {
    count: AtomicU64,
    total: Counter,
}

impl Moved {
    /// Counts here, and in a counter of all tunnels for each way.
    pub(crate) fn new(up: Counter, down: Counter) -> Self {
        let bytes = |total| Bytes {
            count: AtomicU64::new(0),
            total,
        };
        Self {
            up: bytes(up),
            down: bytes(down),
        }
    }

    /// From the client to the upstream.
    pub(crate) fn up(&self) -> u64 {
        self.up.count.load(Relaxed)
    }

    /// From the upstream to the client.
    pub(crate) fn down(&self) -> u64 {
        self.down.count.load(Relaxed)
    }
}

impl Bytes {
    fn add(&self, bytes: usize) {
        self.count.fetch_add(bytes as u64, Relaxed);
        self.total.increment(bytes as u64);
    }
}

/// Carries bytes both ways; `idle` is how long nothing may move.
pub(crate) async fn carry<C, U>(client: &mut C, upstream: &mut U, idle: Duration, moved: &Moved) -> Ending
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut ways = Ways::default();
    let mut patience = pin!(Patience::new(idle));
    poll_fn(|cx| {
        let before = ways.progress(moved);
        if let Poll::Ready(ending) = ways.poll(cx, client, upstream, moved) {
            return Poll::Ready(ending);
        }
        if ways.progress(moved) != before {
            patience.as_mut().note();
        }
        ready!(patience.as_mut().poll_over(cx));
        Poll::Ready(Ending::Silence(ways.stuck()))
    })
    .await
}

/// Both ways, and what became of them.
#[derive(Debug, Default)]
struct Ways {
    up: Way,
    down: Way,
    /// The upstream takes no more. What it said before is still carried: it may say why, in words or in an alert.
    refused: Option<io::Error>,
}

impl Ways {
    fn poll<C, U>(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut C,
        upstream: &mut U,
        moved: &Moved,
    ) -> Poll<Ending>
    where
        C: AsyncRead + AsyncWrite + Unpin,
        U: AsyncRead + AsyncWrite + Unpin,
    {
        if self.refused.is_none() {
            match self.up.poll(cx, client, upstream, &moved.up) {
                Poll::Ready(Err(Broken::Reader(error))) => return Poll::Ready(Ending::Client(error)),
                Poll::Ready(Err(Broken::Writer(error))) => self.refused = Some(error),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        match self.down.poll(cx, upstream, client, &moved.down) {
            Poll::Ready(Err(Broken::Reader(error))) => return Poll::Ready(Ending::Upstream(error)),
            Poll::Ready(Err(Broken::Writer(error))) => return Poll::Ready(Ending::Client(error)),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        match (self.down.is_over(), self.refused.take()) {
            (true, Some(error)) => Poll::Ready(Ending::Upstream(error)),
            (true, None) if self.up.is_over() => Poll::Ready(Ending::Clean),
            (_, refused) => {
                self.refused = refused;
                Poll::Pending
            }
        }
    }

    /// Grows whenever something moves, an end included.
    fn progress(&self, moved: &Moved) -> u64 {
        moved.up() + moved.down() + u64::from(self.up.is_over()) + u64::from(self.down.is_over())
    }

    fn stuck(&self) -> Stuck {
        if self.up.is_stuck() {
            Stuck::Upstream
        } else if self.down.is_stuck() {
            Stuck::Client
        } else {
            Stuck::Nobody
        }
    }
}

pin_project_lite::pin_project! {
    /// Waits for a silence, with one timer that is moved only when it fires.
    struct Patience {
        idle: Duration,
        last: Instant,
        #[pin]
        sleep: Sleep,
    }
}

impl Patience {
    fn new(idle: Duration) -> Self {
        Self {
            idle,
            last: Instant::now(),
            sleep: sleep(idle),
        }
    }

    /// Something moved.
    fn note(self: Pin<&mut Self>) {
        *self.project().last = Instant::now();
    }

    fn poll_over(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            ready!(this.sleep.as_mut().poll(cx));
            let until = *this.last + *this.idle;
            if until <= Instant::now() {
                return Poll::Ready(());
            }
            this.sleep.as_mut().reset(until);
        }
    }
}
