//! Carries bytes both ways between a client and an upstream, until both have ended or one of them breaks.
//!
//! An end of one way is passed on as an end while the other way goes on (half-close). It bounds how long nothing
//! may move, not how long the whole may last; zero bytes of buffer are held while nothing moves.
//!
//! A stream that was cut must not look whole: after anything but [`Ending::Clean`] no side is told of an end, and
//! the caller drops both. TLS is then missing its `close_notify`; plain TCP is for the caller to reset (`SO_LINGER`
//! of zero), since being closed looks like an end that is meant.
//!
//! What an ending is called is [`Ending::failure`]'s to say: `client_gone`, `read_timeout`, `write_timeout`, or what
//! [`broken_stream`] finds.

mod way;

#[cfg(test)]
mod tests;

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use outrigger_gateway::{Failure, Reason, os::plain};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Sleep, sleep},
};

use self::way::{Broken, Way};
use crate::{
    connect::{Connect, broken_stream},
    endpoint::Endpoint,
};

/// How a tunnel ended.
#[derive(Debug)]
pub enum Ending {
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
pub enum Stuck {
    /// Nobody had anything to say.
    Nobody,
    /// The client.
    Client,
    /// The upstream.
    Upstream,
}

impl Ending {
    /// Why it was not a good end, if it was none: of a tunnel to `endpoint` in which `moved` had moved.
    ///
    /// `idle` is what the tunnel was carried with.
    pub fn failure<C: Connect>(
        &self,
        connector: &C,
        endpoint: &Endpoint,
        moved: &Moved,
        idle: Duration,
    ) -> Option<Failure> {
        let failure = match self {
            Self::Clean => return None,
            Self::Upstream(error) => broken_stream(connector, endpoint, moved.down() > 0, error),
            Self::Client(error) => {
                Failure::new(Reason::ClientGone).with_detail(format_args!("the client {}", broke_off(error)))
            }
            Self::Silence(Stuck::Nobody) => {
                Failure::new(Reason::ReadTimeout).with_detail(format_args!("nothing moved for {idle:?}"))
            }
            Self::Silence(Stuck::Upstream) => Failure::new(Reason::WriteTimeout)
                .with_detail(format_args!("{endpoint} took nothing for {idle:?}")),
            Self::Silence(Stuck::Client) => Failure::new(Reason::ClientGone)
                .with_detail(format_args!("the client took nothing for {idle:?}")),
        };
        Some(failure.at_endpoint(endpoint.label().clone()))
    }
}

/// How a client left that did not end its stream.
fn broke_off(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            "reset the connection".to_owned()
        }
        // Only TLS can tell this from an end that is meant.
        io::ErrorKind::UnexpectedEof => "closed the connection without TLS close_notify".to_owned(),
        _ => format!("broke off: {}", plain(error)),
    }
}

/// The bytes that have moved so far; to be read at any time, by whoever outlives the tunnel.
#[derive(Debug, Default)]
pub struct Moved {
    up: AtomicU64,
    down: AtomicU64,
    total: Option<Arc<Self>>,
}

impl Moved {
    /// Counts here, and in a total of many tunnels as well.
    pub fn within(total: Arc<Self>) -> Self {
        Self {
            total: Some(total),
            ..Self::default()
        }
    }

    /// From the client to the upstream.
    pub fn up(&self) -> u64 {
        self.up.load(Relaxed)
    }

    /// From the upstream to the client.
    pub fn down(&self) -> u64 {
        self.down.load(Relaxed)
    }

    fn add_up(&self, bytes: u64) {
        self.up.fetch_add(bytes, Relaxed);
        if let Some(total) = &self.total {
            total.add_up(bytes);
        }
    }

    fn add_down(&self, bytes: u64) {
        self.down.fetch_add(bytes, Relaxed);
        if let Some(total) = &self.total {
            total.add_down(bytes);
        }
    }
}

/// Carries bytes both ways; `idle` is how long nothing may move.
pub async fn carry<C, U>(client: &mut C, upstream: &mut U, idle: Duration, moved: &Moved) -> Ending
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
            match self.up.poll(cx, client, upstream, |bytes| moved.add_up(bytes)) {
                Poll::Ready(Err(Broken::Reader(error))) => return Poll::Ready(Ending::Client(error)),
                Poll::Ready(Err(Broken::Writer(error))) => self.refused = Some(error),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        match self
            .down
            .poll(cx, upstream, client, |bytes| moved.add_down(bytes))
        {
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
