//! Decides on the client's side which requests are hopeless, by the share that was accepted lately.
//!
//! A request is refused here with probability `(requests - K·accepts) / (requests + 1)`, both of the last 30 s, refused
//! ones included: as long as one in K is accepted, nothing is (K = 2). [`ThrottleLayer`] takes for accepted what was answered with
//! anything but 429, 503 or gRPC's words for them, and fails what it does not send with `Reason::Overload` (503). One given up
//! before its answer tells nothing; `poll_ready` passes through.
//! To be used with care: a client of fewer than ten requests a second has too few to judge by, and goes on rejecting
//! itself for more than a minute after the upstream is well; so it is off unless asked for.
//! Source: Site Reliability Engineering, chapter 21, "Handling Overload".

mod layer;

use std::time::Duration;

pub use self::layer::{ResponseFuture, ThrottleLayer, Throttled};
use crate::{random::share, window::Window};

const LATELY: Duration = Duration::from_secs(30);
const K: f64 = 2.0;

/// Counts requests and those accepted, and refuses in proportion.
#[derive(Debug)]
pub struct Throttle {
    k: f64,
    lately: Window,
}

impl Default for Throttle {
    /// K = 2.
    fn default() -> Self {
        Self::new(K)
    }
}

impl Throttle {
    /// Refuses what exceeds `k` times of what was accepted; below 1 counts as 1.
    pub fn new(k: f64) -> Self {
        Self {
            k: k.max(1.0),
            lately: Window::new(LATELY),
        }
    }

    /// Whether the next request may go. `random` is uniform over all its values.
    pub fn admit(&self, now: Duration, random: u64) -> bool {
        let admitted = share(random) >= self.refused_share(now);
        if !admitted {
            self.lately.add(now, false);
        }
        admitted
    }

    /// Tells whether the upstream accepted a request that went.
    pub fn report(&self, accepted: bool, now: Duration) {
        self.lately.add(now, accepted);
    }

    /// The share of requests that is refused now, from 0 to 1.
    pub fn refused_share(&self, now: Duration) -> f64 {
        let (requests, accepts) = self.lately.sum(now);
        ((requests as f64 - self.k * accepts as f64) / (requests as f64 + 1.0)).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn after(accepted: u32, refused: u32) -> Throttle {
        let throttle = Throttle::default();
        (0..accepted).for_each(|_| throttle.report(true, NOW));
        (0..refused).for_each(|_| throttle.report(false, NOW));
        throttle
    }

    #[test]
    fn half_of_all_may_be_refused_before_it_begins() {
        assert!(after(50, 50).refused_share(NOW) <= 0.0);
        assert!((after(50, 150).refused_share(NOW) - 100.0 / 201.0).abs() < 1e-9);
        assert!(after(0, 0).admit(NOW, 0));
    }

    #[test]
    fn what_it_refuses_counts_as_a_request() {
        let throttle = after(0, 10);
        let before = throttle.refused_share(NOW);
        assert!(!throttle.admit(NOW, 0));
        assert!(throttle.refused_share(NOW) > before);
    }

    #[test]
    fn half_a_minute_later_all_is_forgotten() {
        let throttle = after(0, 1000);
        assert!(!throttle.admit(NOW, u64::MAX / 2));
        assert!(throttle.admit(NOW + LATELY, 0));
    }

    proptest! {
        #[test]
        fn it_never_refuses_everything(accepted in 0_u32..500, refused in 0_u32..500) {
            let share = after(accepted, refused).refused_share(NOW);
            prop_assert!((0.0..1.0).contains(&share));
        }
    }
}
