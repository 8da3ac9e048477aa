//! Seeks how much an upstream can take at once, by how much longer than usual it takes.
//!
//! [`AdaptiveLayer`] refuses what exceeds the limit with [`Reason::Overload`]: 503 with `Retry-After`, spread over a window that
//! grows with the share of refused requests, before the upstream and the body are touched. Nobody waits here: the queue that
//! is too long is the upstream's own. While nothing comes back from there at all, the refusal is told as that (502, 504).
//! `poll_ready` asks only the service below.
//!
//! What is usual is learned: the latency that a quarter of the requests beat while nothing binds. A request is late when it
//! takes longer than that by both a slack (50 ms for the server's limit, 100 ms for the client's) and twice the usual itself. A
//! delay *stands* when nine in ten of a cohort are late: of those who began within 50 ms (longer for slow apps), at least 20
//! (5 after a second). A queue delays all that pass through it; slow requests among quick ones delay no others. And it delays
//! them the more, the more there are: only where latency is seen to grow with what is in flight, or where nothing comes any
//! longer while ever more wait, does a limit begin. Where it is seen not to, the app has become slower, and that is usual
//! from then on.
//!
//! - [`ServerLimit`] protects the app beside us: a standing delay takes a fifth of what was in flight each tenth of a
//!   second, else a limit that was reached grows by its root. From 10 to 1000, and back to 10 when the app was gone: what is
//!   behind it refused connections.
//! - [`ClientLimit`] is one client's share of an upstream: failures, refusals (503, 429 and their like in gRPC) and a standing
//!   delay take three tenths, a success gives one in as many as there are, if they are used. At least 1.
//!
//! Neither binds before it has learned, before the first trouble, or once half a minute went by without any: then there is
//! no limit at all. Nothing is slowed down or refused in order to measure.
//!
//! A request counts from the end of its body, if that is large or of unknown size, to the response's head, 16 s at most; of
//! bodies, either way, a second does: streams and long polling fill nothing. Latency is that to the head, slow readers
//! and slow uploads left out. Who is dropped before he is late is not measured.
//! Not covered: a bound for what is well (see [`limit`](crate::limit)), and waiting (see [`shed`](crate::shed)).
//! Time of the laws is since an epoch of the caller's choice. Source: AIMD as in TCP; gradient limits of Netflix and Envoy,
//! less their probing.
//!
//! ```
//! # use std::convert::Infallible;
//! # use http::{Request, Response};
//! # use http_body_util::{Empty, Full};
//! # use outrigger_layers::limit::adaptive::AdaptiveLayer;
//! # use tower::{Layer, ServiceExt, service_fn};
//! # type Body = Empty<&'static [u8]>;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let app = service_fn(async |_: Request<_>| Ok::<_, Infallible>(Response::new(Full::new(&b"hello"[..]))));
//! let layer = AdaptiveLayer::server();
//! let limit = layer.limit().unwrap();
//!
//! let response = layer.layer(app).oneshot(Request::new(Body::new())).await.unwrap();
//! assert_eq!((limit.max(), limit.in_flight()), (None, 1)); // nothing binds; the body has not been read
//! drop(response);
//! assert_eq!(limit.in_flight(), 0);
//! # }
//! ```
//!
//! [`Reason::Overload`]: outrigger_gateway::Reason::Overload

mod body;
mod client;
mod delay;
mod law;
mod layer;
mod line;
mod place;
mod recent;
mod server;
mod state;

pub use self::{
    body::{Counted, Upload},
    client::{ClientLimit, Outcome},
    delay::Begun,
    layer::{Adaptive, AdaptiveLayer, AdaptiveLimit, ResponseFuture},
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
