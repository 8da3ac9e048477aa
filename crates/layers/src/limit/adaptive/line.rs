//! How latency goes with what is in flight, over the cohorts of late: in step with it, or not at all.

/// What a cohort leaves of the weight of those before it: the last fifty count.
const KEPT: f64 = 0.98;
/// The fewest cohorts of which a line can be drawn.
const ENOUGH: f64 = 8.0;
/// How much what is in flight must have varied, as a share of it.
const SPREAD: f64 = 0.15;

/// Weighted sums for a line of latency over requests in flight, both as logarithms.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    cohorts: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Line {
    /// Draws one more point, of a latency in seconds.
    pub(super) fn add(&mut self, in_flight: f64, latency: f64) {
        let (x, y) = (in_flight.ln(), latency.ln());
        if !x.is_finite() || !y.is_finite() {
            return;
        }
        let add = |sum: &mut f64, value| *sum = *sum * KEPT + value;
        add(&mut self.cohorts, 1.0);
        add(&mut self.x, x);
        add(&mut self.y, y);
        add(&mut self.xx, x * x);
        add(&mut self.xy, x * y);
        add(&mut self.yy, y * y);
    }

    /// The mean latency in seconds, by logarithms; zero if there is none.
    pub(super) fn latency(&self) -> f64 {
        if self.cohorts > 0.0 {
            (self.y / self.cohorts).exp()
        } else {
            0.0
        }
    }

    /// Whether it is safe to say that latency does not grow with what is in flight.
    ///
    /// In a queue both are proportional, and the slope is one; where there is none it is zero. A slope of half that must lie
    /// three standard errors above the one that is seen.
    pub(super) fn is_flat(&self) -> bool {
        if self.cohorts < ENOUGH {
            return false;
        }
        let (x, y) = (self.x / self.cohorts, self.y / self.cohorts);
        let spread = self.xx / self.cohorts - x * x;
        if spread < SPREAD * SPREAD {
            return false;
        }
        let slope = (self.xy / self.cohorts - x * y) / spread;
        let rest = (self.yy / self.cohorts - y * y - slope * slope * spread).max(0.0);
        let error = (rest / spread / (self.cohorts - 2.0)).sqrt();
        slope + 3.0 * error < 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{random, share};

    /// A line through cohorts of which latency is this function of what is in flight, give or take a fifth.
    fn drawn(latency: impl Fn(f64) -> f64) -> Line {
        let mut line = Line::default();
        for n in 0..100 {
            let in_flight = if n % 8 < 4 { 15.0 } else { 10.0 };
            let noise = 0.8 + 0.4 * share(random());
            line.add(in_flight, latency(in_flight) * noise);
        }
        line
    }

    #[test]
    fn a_queue_is_not_flat() {
        assert!((0..200).all(|_| !drawn(|in_flight| 0.01 * in_flight).is_flat()));
    }

    #[test]
    fn a_slow_app_is() {
        assert!((0..200).filter(|_| drawn(|_| 0.4).is_flat()).count() > 50);
    }

    #[test]
    fn nothing_is_said_of_what_does_not_vary_or_was_hardly_seen() {
        let mut line = Line::default();
        (0..40).for_each(|_| line.add(10.0, 0.4));
        assert!(!line.is_flat() && (line.latency() - 0.4).abs() < 1e-9);
        let mut line = Line::default();
        (1..4).for_each(|n| line.add(10.0 * f64::from(n), 0.4));
        assert!(!line.is_flat());
    }
}
