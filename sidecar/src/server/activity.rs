//! What a client's connection is doing, and for how long it may.
//!
//! Between requests a connection may idle for `idle_time`; once the first byte of a head has come, and from the
//! start until the first request over HTTP/1.1, it has `header_time`. While requests are in flight neither counts, but
//! a client that has taken nothing of any of its responses for `idle_time`, though there was something, is left.
//! An HTTP/1.1 connection that has idled for a moment may [nap](super::nap), and give back its buffers.

use std::{
    pin::Pin,
    sync::{
        LazyLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::{
    sync::Notify,
    time::{Instant, Sleep, sleep},
};

use super::strict::Framing;

/// An HTTP/1.1 connection that has idled this long naps.
const NAP: Duration = Duration::from_millis(500);
/// Connections look this often whether they may.
const TOGETHER: Duration = Duration::from_millis(250);

/// No body is this long.
const UPGRADE: u64 = u64::MAX - 1;
const CHUNKED: u64 = u64::MAX;

/// The doings of one connection. One thread writes and reads it; the atomics only make it shareable.
#[derive(Debug)]
pub(super) struct Activity {
    born: Instant,
    http2: AtomicBool,
    in_flight: AtomicUsize,
    /// Of those in flight, how many have given the client something that it has not taken yet.
    offered: AtomicUsize,
    /// A head has begun to arrive.
    heard: AtomicBool,
    /// How the latest request's body is framed: by this length, or as one of the two below. Of one that has none,
    /// nothing can be left to read once it is answered.
    framing: AtomicU64,
    /// What was written last has not gone out whole.
    unwritten: AtomicBool,
    /// It naps already.
    napping: AtomicBool,
    /// Told when what the connection was switched to has ended.
    tunnel_over: Notify,
    /// Milliseconds from birth to the latest change of the above.
    since: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            http2: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            offered: AtomicUsize::new(0),
            // The first request is expected at once.
            heard: AtomicBool::new(true),
            framing: AtomicU64::new(UPGRADE),
            unwritten: AtomicBool::new(false),
            napping: AtomicBool::new(false),
            tunnel_over: Notify::new(),
            since: AtomicU64::new(0),
        }
    }

    /// An HTTP/2 connection may be opened ahead of its first request, and its frames are no heads.
    pub(super) fn speaks_http2(&self) {
        self.http2.store(true, Relaxed);
        self.heard.store(false, Relaxed);
    }

    /// Bytes came.
    pub(super) fn hear(&self) {
        if self.in_flight.load(Relaxed) == 0 && !self.heard.load(Relaxed) && !self.http2.load(Relaxed) {
            self.heard.store(true, Relaxed);
            self.mark();
        }
    }

    /// Something was written, whole or not.
    pub(super) fn wrote(&self, whole: bool) {
        self.unwritten.store(!whole, Relaxed);
    }

    /// A request has arrived.
    pub(super) fn begin(&self, framing: Framing) {
        self.in_flight.fetch_add(1, Relaxed);
        self.heard.store(false, Relaxed);
        let framing = match framing {
            Framing::Length(length) => length.min(UPGRADE - 1),
            Framing::Upgrade => UPGRADE,
            Framing::Chunked => CHUNKED,
        };
        self.framing.store(framing, Relaxed);
    }

    /// How the body of the latest request is framed.
    pub(super) fn framing(&self) -> Framing {
        match self.framing.load(Relaxed) {
            UPGRADE => Framing::Upgrade,
            CHUNKED => Framing::Chunked,
            length => Framing::Length(length),
        }
    }

    /// The connection naps, or no longer does.
    pub(super) fn nap(&self, naps: bool) {
        self.napping.store(naps, Relaxed);
    }

    /// A response has given the client a part of its body.
    pub(super) fn offer(&self) {
        self.offered.fetch_add(1, Relaxed);
        self.mark();
    }

    /// The client has taken the part, or the response has ended.
    pub(super) fn taken(&self) {
        self.offered.fetch_sub(1, Relaxed);
        self.mark();
    }

    /// Its response has ended.
    pub(super) fn end(&self) {
        if self.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.mark();
        }
    }

    /// What the connection was switched to has ended.
    pub(super) fn end_tunnel(&self) {
        self.tunnel_over.notify_one();
    }

    /// Waits until that is said, if there is anything.
    pub(super) async fn tunnel_over(&self) {
        if self.in_flight.load(Relaxed) > 0 {
            self.tunnel_over.notified().await;
        }
    }

    /// Whether it speaks HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Relaxed)
    }

    /// Whether a connection that is asked to end loses nothing by saying so now.
    pub(super) fn may_leave(&self) -> bool {
        self.http2.load(Relaxed) || self.in_flight.load(Relaxed) > 0
    }

    fn mark(&self) {
        let millis = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(millis, Relaxed);
    }

    /// What is awaited from the client, and since when.
    fn awaits(&self) -> Option<(Overdue, Instant)> {
        let since = self.born + Duration::from_millis(self.since.load(Relaxed));
        let in_flight = self.in_flight.load(Relaxed);
        if in_flight > 0 {
            let taken = self.offered.load(Relaxed) < in_flight;
            return (!taken).then_some((Overdue::Taking, since));
        }
        if self.heard.load(Relaxed) {
            return Some((Overdue::Head, since));
        }
        let may_nap = self.framing() == Framing::Length(0)
            && !self.unwritten.load(Relaxed)
            && !self.napping.load(Relaxed)
            && !self.http2.load(Relaxed);
        Some((if may_nap { Overdue::Nap } else { Overdue::Idle }, since))
    }
}

/// What a client takes too long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The rest of a request's head.
    Head,
    /// Its next request.
    Idle,
    /// Its next request, to stay awake for it.
    Nap,
    /// More of the responses to all of its requests.
    Taking,
}

/// When to look. Naps are in no hurry: connections look for theirs at the same moments, so that a thousand of them
/// do not wake the thread a thousand times.
fn due(until: Instant, overdue: Overdue) -> Instant {
    static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
    if overdue != Overdue::Nap {
        return until;
    }
    let moments = until.saturating_duration_since(*EPOCH).as_millis() / TOGETHER.as_millis();
    let next = u32::try_from(moments + 1).unwrap_or(u32::MAX);
    (*EPOCH + TOGETHER * next).max(until)
}

pin_project! {
    /// Watches an [`Activity`] with one timer, which is only moved when it fires or would fire too late: a healthy
    /// request does not touch it.
    pub(super) struct Patience {
        header_time: Duration,
        idle_time: Duration,
        #[pin]
        sleep: Sleep,
    }
}

impl Patience {
    pub(super) fn new(header_time: Duration, idle_time: Duration) -> Self {
        Self {
            header_time,
            idle_time,
            sleep: sleep(header_time.min(idle_time)),
        }
    }

    /// A connection that has `left` and idles has `header_time` to be gone.
    pub(super) fn poll_overdue(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        activity: &Activity,
        left: Option<Instant>,
    ) -> Poll<Overdue> {
        let mut this = self.project();
        loop {
            let awaited = activity.awaits().map(|(overdue, since)| match overdue {
                Overdue::Idle | Overdue::Nap if left.is_some() => {
                    let since = left.map_or(since, |left| left.max(since));
                    (since + *this.header_time, Overdue::Idle)
                }
                Overdue::Head => (since + *this.header_time, overdue),
                Overdue::Idle | Overdue::Taking => (since + *this.idle_time, overdue),
                Overdue::Nap => (since + NAP.min(*this.idle_time), overdue),
            });
            if let Some((until, overdue)) = awaited
                && until < this.sleep.deadline()
            {
                this.sleep.as_mut().reset(due(until, overdue));
            }
            ready!(this.sleep.as_mut().poll(cx));
            let now = Instant::now();
            match awaited {
                Some((until, overdue)) if until <= now => {
                    this.sleep.as_mut().reset(now + *this.idle_time);
                    return Poll::Ready(overdue);
                }
                Some((until, overdue)) => this.sleep.as_mut().reset(due(until, overdue)),
                None => this.sleep.as_mut().reset(now + *this.header_time),
            }
        }
    }
}

#[cfg(test)]
mod tests;
