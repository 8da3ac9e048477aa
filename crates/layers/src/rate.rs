//! Bounds how many requests begin in a span of time, by the generic cell rate algorithm: of all together or of each caller.
//!
//! - [`RateLayer`]: what a service may be asked in all. Beyond its [`Rate`] requests fail with
//!   [`Reason::RateLimited`](outrigger_gateway::Reason::RateLimited): 503, `Retry-After` with jitter.
//! - [`QuotaLayer`]: what each caller may ask, by a [`Key`] such as [`ByCaller`]. Beyond its [`Quota`] it is told
//!   [`Reason::Quota`](outrigger_gateway::Reason::Quota): 429, and in `Retry-After` when exactly there is room for it again.
//!
//! Requests may come in bursts, up to `burst` at once after a pause; in the long run there are never more than
//! `per_second` in a second. One word holds it, the time at which all that was admitted will be paid for; a quota has
//! room for a fixed number of those. Exempt requests ([`Priority`](crate::priority)) pass and are not counted.
//! Not covered: how many are in flight (see [`limit`](crate::limit)). Source: ITU-T I.371, "virtual scheduling"; RFC 6585 §4.
//!
//! ```
//! # use std::time::Duration;
//! # use outrigger_layers::rate::Rate;
//! let rate = Rate::try_new(10.0, 2)?;
//! let now = Duration::from_secs(1);
//! assert!(rate.admit(now).is_ok() && rate.admit(now).is_ok());
//! assert_eq!(rate.admit(now), Err(Duration::from_millis(100)));
//! assert!(rate.admit(now + Duration::from_millis(100)).is_ok());
//! # Ok::<_, outrigger_layers::rate::InvalidRate>(())
//! ```
//!
//! A quota for each tenant, whom an authenticated field names:
//!
//! ```
//! # use std::convert::Infallible;
//! # use http::{Request, Response};
//! # use outrigger_gateway::Reason;
//! # use outrigger_layers::rate::{Quota, QuotaLayer};
//! # use tower::{Layer, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), outrigger_layers::rate::InvalidRate> {
//! # let app = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
//! let tenant = |request: &Request<_>| request.headers().get("x-tenant").cloned();
//! let service = QuotaLayer::new(Quota::try_new(10.0, 1)?, tenant).layer(app);
//!
//! let request = |name| Request::get("/").header("x-tenant", name).body(()).unwrap();
//! assert!(service.clone().oneshot(request("a")).await.is_ok());
//! assert!(service.clone().oneshot(request("b")).await.is_ok());
//! let failure = service.oneshot(request("a")).await.unwrap_err();
//! assert_eq!(failure.reason(), Reason::Quota);
//! # Ok(())
//! # }
//! ```

mod caller;
mod layer;
mod per_key;
mod quota;

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

pub use self::{
    caller::{ByCaller, Caller, Key},
    layer::{Limited, RateLayer},
    per_key::{QuotaLayer, Rationed},
    quota::Quota,
};

/// Admits a steady number of requests a second, and small bursts.
#[derive(Debug)]
pub struct Rate {
    pace: Pace,
    /// When all that was admitted will be paid for, in nanoseconds.
    paid: AtomicU64,
}

impl Rate {
    /// `per_second` requests, `burst` of them at once; zero of those counts as one.
    ///
    /// # Errors
    /// [`InvalidRate`] unless `per_second` is a number from one a day to a thousand million.
    pub fn try_new(per_second: f64, burst: u32) -> Result<Self, InvalidRate> {
        Ok(Self {
            pace: Pace::try_new(per_second, burst)?,
            paid: AtomicU64::new(0),
        })
    }

    /// Admits one request.
    ///
    /// # Errors
    /// How long to wait until there is room again.
    pub fn admit(&self, now: Duration) -> Result<(), Duration> {
        self.pace.pay(&self.paid, now)
    }
}

/// What requests cost, and how much may be owed.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Nanoseconds that one request is worth.
    cost: u64,
    /// How far ahead of the time admissions may be paid for.
    ahead: u64,
}

impl Pace {
    fn try_new(per_second: f64, burst: u32) -> Result<Self, InvalidRate> {
        const SLOWEST: f64 = 1.0 / 86_400.0;
        if !(SLOWEST..=1e9).contains(&per_second) {
            return Err(InvalidRate);
        }
        let cost = (1e9 / per_second).round() as u64;
        Ok(Self {
            cost,
            ahead: cost.saturating_mul(u64::from(burst.max(1))),
        })
    }

    /// Pays for one request, or tells in how much time it can be paid for.
    fn pay(self, paid: &AtomicU64, now: Duration) -> Result<(), Duration> {
        let now = nanos(now);
        let latest = now.saturating_add(self.ahead);
        let pay = |paid: u64| {
            let next = paid.max(now).saturating_add(self.cost);
            (next <= latest).then_some(next)
        };
        match paid.fetch_update(Relaxed, Relaxed, pay) {
            Ok(_) => Ok(()),
            Err(paid) => Err(Duration::from_nanos(paid.saturating_add(self.cost) - latest)),
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A rate is not a number of requests a second, from one a day to a thousand million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRate;

impl fmt::Display for InvalidRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate must be from one request a day to a thousand million a second")
    }
}

impl std::error::Error for InvalidRate {}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    #[test]
    fn a_burst_after_a_pause_and_then_the_rate() {
        let rate = Rate::try_new(100.0, 5).unwrap();
        assert_eq!((0..9).filter(|_| rate.admit(NOW).is_ok()).count(), 5);
        let later = |ms| NOW + Duration::from_millis(ms);
        assert_eq!(rate.admit(later(9)), Err(Duration::from_millis(1)));
        assert!(rate.admit(later(10)).is_ok());
        assert_eq!((0..9).filter(|_| rate.admit(later(5000)).is_ok()).count(), 5);
    }

    #[test]
    fn threads_share_one_rate() {
        let rate = Rate::try_new(1.0, 1000).unwrap();
        let admitted: usize = thread::scope(|scope| {
            let count = || (0..1000).filter(|_| rate.admit(NOW).is_ok()).count();
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(admitted, 1000);
    }

    #[test]
    fn rates_that_are_none_are_refused() {
        for per_second in [0.0, -1.0, 1e-6, 1e10, f64::NAN, f64::INFINITY] {
            assert_eq!(Rate::try_new(per_second, 1).unwrap_err(), InvalidRate);
        }
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_and_one_burst(
            per_second in 1.0..10_000.0_f64,
            burst in 0_u32..50,
            pauses in prop::collection::vec(0_u64..20_000_000, 1..500),
        ) {
            let rate = Rate::try_new(per_second, burst).unwrap();
            let (mut passed, mut admitted) = (Duration::ZERO, 0_u32);
            for pause in pauses {
                passed += Duration::from_nanos(pause);
                admitted += u32::from(rate.admit(NOW + passed).is_ok());
                let most = f64::from(burst.max(1)) + passed.as_secs_f64() * per_second * 1.001;
                prop_assert!(f64::from(admitted) <= most + 1e-6);
            }
        }

        #[test]
        fn who_waits_as_told_is_admitted(per_second in 0.01..10_000.0_f64, burst in 0_u32..50) {
            let rate = Rate::try_new(per_second, burst).unwrap();
            let wait = loop {
                if let Err(wait) = rate.admit(NOW) {
                    break wait;
                }
            };
            prop_assert!(rate.admit(NOW + wait - Duration::from_nanos(1)).is_err());
            prop_assert!(rate.admit(NOW + wait).is_ok());
        }
    }
}
