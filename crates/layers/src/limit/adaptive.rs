//! Seeks how much an upstream can take at once, by how much longer than usual it takes: the laws alone.
//!
//! What is usual is learned: the latency that a quarter of the requests beat while nothing binds. A request is late when it
//! takes longer than that by both a slack (50 ms for the server's limit, 100 ms for the client's) and twice the usual itself. A
//! delay *stands* when nine in ten of a cohort are late: of those who began within 50 ms (longer for slow apps), at least 20
//! (5 after a second). A queue delays all that pass through it; slow requests among quick ones delay no others.
//!
//! - [`ServerLimit`] protects the app beside us: a standing delay takes a fifth of what was in flight each tenth of a
//!   second, else a limit that was reached grows by its root. When cuts turn out not to shorten the delay, there is no
//!   queue: the app has become slower, and after some seconds that is usual. Back to the smallest limit when the app was
//!   restarted.
//! - [`ClientLimit`] is one client's share of an upstream: failures, refusals and a standing delay take three tenths, a
//!   success gives one in as many as there are, if they are used.
//!
//! Neither binds before it has learned, before the first trouble, or once half a minute went by without any: then there is
//! no limit at all. Nothing is slowed down or refused in order to measure.
//! Not covered: a bound for what is well (see [`limit`](crate::limit)), and who is refused (see [`shed`](crate::shed)).
//! Time is since an epoch of the caller's choice. Source: AIMD as in TCP; gradient limits of Netflix and Envoy, less their
//! probing.

mod client;
mod delay;
mod line;
mod server;

pub use self::{
    client::{ClientLimit, Outcome},
    delay::Begun,
    server::ServerLimit,
};

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// No trouble for this long, and there is no limit any more.
const QUIET: Duration = Duration::from_secs(30);

/// A number with a fraction that threads share; infinite is "none".
#[derive(Debug)]
struct Bound(AtomicU64);

impl Bound {
    const NONE: f64 = f64::INFINITY;

    fn none() -> Self {
        Self(AtomicU64::new(Self::NONE.to_bits()))
    }

    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }

    fn set(&self, bound: f64) {
        self.0.store(bound.to_bits(), Relaxed);
    }

    fn update(&self, change: impl Fn(f64) -> f64) {
        let change = |bits| Some(change(f64::from_bits(bits)).to_bits());
        // It never declines.
        let _ = self.0.fetch_update(Relaxed, Relaxed, change);
    }

    /// The whole number of requests that it allows.
    fn whole(&self) -> usize {
        self.get() as usize
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
