//! How latency goes with what is in flight, over the windows of late: in step with it, or not at all.

use super::delay::Seen;

/// What a window leaves of the weight of those before it: the last twenty count.
const KEPT: f64 = 0.95;
/// The fewest windows of which a line can be drawn.
const ENOUGH: f64 = 5.0;

/// Weighted sums for a line of latency over requests in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    windows: f64,
    in_flight: f64,
    latency: f64,
    squares: f64,
    products: f64,
    latency_squares: f64,
}

impl Line {
    pub(super) fn add(&mut self, seen: Seen) {
        let add = |sum: &mut f64, value| *sum = *sum * KEPT + value;
        add(&mut self.windows, 1.0);
        add(&mut self.in_flight, seen.in_flight);
        add(&mut self.latency, seen.latency);
        add(&mut self.squares, seen.in_flight * seen.in_flight);
        add(&mut self.products, seen.in_flight * seen.latency);
        add(&mut self.latency_squares, seen.latency * seen.latency);
    }

    /// Whether it is safe to say that latency does not grow with what is in flight.
    ///
    /// Of a queue both are proportional: one in a hundred more of the one are one in a hundred more of the other. Half
    /// of that must lie two standard errors above what is seen.
    pub(super) fn is_flat(&self) -> bool {
        if self.windows < ENOUGH {
            return false;
        }
        let (x, y) = (self.in_flight / self.windows, self.latency / self.windows);
        let spread = self.squares / self.windows - x * x;
        if spread <= 1e-3 * x * x {
            return false;
        }
        let slope = (self.products / self.windows - x * y) / spread;
        let rest = (self.latency_squares / self.windows - y * y - slope * slope * spread).max(0.0);
        let error = (rest / spread / (self.windows - 2.0)).sqrt();
        (slope + 2.0 * error) * x < 0.5 * y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{random, share};

    /// A line through windows of which latency is this function of what is in flight, give or take a fifth.
    fn drawn(latency: impl Fn(f64) -> f64) -> Line {
        let mut line = Line::default();
        for n in 0..40 {
            let in_flight = if n % 8 < 4 { 15.0 } else { 10.0 };
            let noise = 0.8 + 0.4 * share(random());
            line.add(Seen::new(in_flight, latency(in_flight) * noise));
        }
        line
    }

    #[test]
    fn a_queue_is_not_flat() {
        assert!((0..200).all(|_| !drawn(|in_flight| 0.01 * in_flight).is_flat()));
    }

    #[test]
    fn a_slow_app_is() {
        assert!((0..200).filter(|_| drawn(|_| 0.4).is_flat()).count() > 100);
    }

    #[test]
    fn nothing_is_said_of_what_does_not_vary_or_was_hardly_seen() {
        let mut line = Line::default();
        (0..40).for_each(|_| line.add(Seen::new(10.0, 0.4)));
        assert!(!line.is_flat());
        let mut line = Line::default();
        (1..4).for_each(|n| line.add(Seen::new(10.0 * f64::from(n), 0.4)));
        assert!(!line.is_flat());
    }
}
