//! How latency goes with what is in flight, request by request while some are late: in step with it, or not at all.

use std::{
    array,
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// What a cohort leaves of the weight of what was drawn before it: the last fifty count.
const KEPT: f64 = 0.98;
/// The fewest requests of which a line can be drawn.
const ENOUGH: f64 = 20.0;
/// How much what is in flight must have varied, as a share of it.
const SPREAD: f64 = 0.15;
/// From this slope on latency is in step with what is in flight; below that one it is not. In between are queues behind
/// something that takes its time whatever is in flight.
const STEEP: f64 = 0.5;
const FLAT: f64 = 0.3;
/// Sums are kept as whole numbers of this part.
const PART: f64 = 1e4;
/// Where somebody gave up, those who are left are served the sooner, for so long.
const TAINTED: Duration = Duration::from_secs(1);
/// Nothing is called flat before this time has passed without.
const CLEAR: Duration = Duration::from_secs(2);

/// Requests not yet drawn into a line, from all threads: how many, and the sums of x, y, xx, xy and yy.
#[derive(Debug)]
pub(super) struct Points {
    count: AtomicU64,
    sums: [AtomicI64; 5],
    /// Whether somebody gave up after having waited long.
    missed: AtomicBool,
}

impl Default for Points {
    fn default() -> Self {
        Self {
            count: AtomicU64::new(0),
            sums: array::from_fn(|_| AtomicI64::new(0)),
            missed: AtomicBool::new(false),
        }
    }
}

impl Points {
    /// Notes a request that took so long and began as one of so many.
    pub(super) fn add(&self, in_flight: u64, latency: Duration) {
        let (x, y) = ((in_flight as f64).ln(), latency.as_secs_f64().ln());
        if !x.is_finite() || !y.is_finite() {
            return;
        }
        self.count.fetch_add(1, Relaxed);
        for (sum, value) in self.sums.iter().zip([x, y, x * x, x * y, y * y]) {
            sum.fetch_add((value * PART) as i64, Relaxed);
        }
    }

    /// Somebody gave up after having waited long: who are left are the quick ones.
    pub(super) fn miss(&self) {
        self.missed.store(true, Relaxed);
    }

    /// Draws them into a line, unless they are not all. One that is just being noted may be torn: one among many.
    pub(super) fn draw(&self, line: &mut Line, now: Duration) {
        let count = self.count.swap(0, Relaxed) as f64;
        let [x, y, xx, xy, yy] = self.sums.each_ref().map(|sum| sum.swap(0, Relaxed) as f64 / PART);
        if self.missed.swap(false, Relaxed) {
            line.missed = Some(now);
        }
        if line.is_within(TAINTED, now) {
            return;
        }
        *line = Line {
            count: line.count * KEPT + count,
            x: line.x * KEPT + x,
            y: line.y * KEPT + y,
            xx: line.xx * KEPT + xx,
            xy: line.xy * KEPT + xy,
            yy: line.yy * KEPT + yy,
            missed: line.missed,
        };
    }
}

/// Weighted sums for a line of latency over requests in flight, both as logarithms.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
    /// When somebody gave up last.
    missed: Option<Duration>,
}

impl Line {
    /// The mean latency in seconds, by logarithms; zero if there is none.
    pub(super) fn latency(&self) -> f64 {
        if self.count > 0.0 {
            (self.y / self.count).exp()
        } else {
            0.0
        }
    }

    /// Whether it is safe to say that latency does not grow with what is in flight: where there is no queue.
    pub(super) fn is_flat(&self, now: Duration) -> bool {
        // In a queue both are proportional, and the slope is one; where there is none it is zero.
        let slope = self.slope().filter(|_| !self.is_within(CLEAR, now));
        slope.is_some_and(|(slope, error)| slope + 3.0 * error < FLAT)
    }

    /// Whether it is safe to say that it does: who begins beside more others waits longer.
    pub(super) fn is_steep(&self) -> bool {
        self.slope()
            .is_some_and(|(slope, error)| slope - 2.0 * error > STEEP)
    }

    fn is_within(&self, time: Duration, now: Duration) -> bool {
        self.missed
            .is_some_and(|missed| now.saturating_sub(missed) < time)
    }

    /// The slope and its standard error, if enough was seen.
    fn slope(&self) -> Option<(f64, f64)> {
        if self.count < ENOUGH {
            return None;
        }
        let (x, y) = (self.x / self.count, self.y / self.count);
        let spread = self.xx / self.count - x * x;
        if spread < SPREAD * SPREAD {
            return None;
        }
        let slope = (self.xy / self.count - x * y) / spread;
        let rest = (self.yy / self.count - y * y - slope * slope * spread).max(0.0);
        Some((slope, (rest / spread / (self.count - 2.0)).sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{random, share};

    const NOW: Duration = Duration::from_secs(100);

    /// A line through requests of which latency is this function of what is in flight, give or take the half.
    fn drawn(count: u64, latency: impl Fn(f64) -> f64) -> Line {
        let points = Points::default();
        for n in 0..count {
            let in_flight = 10 + n % 10;
            let noise = 0.5 + share(random());
            points.add(
                in_flight,
                Duration::from_secs_f64(latency(in_flight as f64) * noise),
            );
        }
        let mut line = Line::default();
        points.draw(&mut line, NOW);
        line
    }

    #[test]
    fn a_queue_is_steep_and_never_flat() {
        let queue = |in_flight| 0.01 * in_flight;
        assert!((0..200).all(|_| !drawn(300, queue).is_flat(NOW)));
        assert!((0..200).filter(|_| drawn(300, queue).is_steep()).count() > 190);
    }

    #[test]
    fn a_queue_behind_something_slow_is_not_flat() {
        let behind = |in_flight| 0.1 + 0.01 * in_flight;
        assert!((0..200).all(|_| !drawn(1000, behind).is_flat(NOW)));
    }

    #[test]
    fn a_slow_app_is_flat_and_never_steep() {
        let slow = |_| 0.4;
        assert!((0..200).all(|_| !drawn(300, slow).is_steep()));
        assert!((0..200).filter(|_| drawn(1000, slow).is_flat(NOW)).count() > 150);
    }

    #[test]
    fn where_somebody_gave_up_nothing_is_drawn() {
        let points = Points::default();
        let mut line = Line::default();
        (1..100).for_each(|n| points.add(n, Duration::from_millis(400)));
        points.miss();
        points.draw(&mut line, NOW);
        assert!(!line.is_flat(NOW));
        let later = NOW + CLEAR;
        (1..100).for_each(|n| points.add(n, Duration::from_millis(400)));
        points.draw(&mut line, later);
        assert!(line.is_flat(later) && !line.is_flat(NOW));
    }

    #[test]
    fn nothing_is_said_of_what_does_not_vary_or_was_hardly_seen() {
        let points = Points::default();
        (0..400).for_each(|_| points.add(10, Duration::from_millis(400)));
        let mut line = Line::default();
        points.draw(&mut line, NOW);
        assert!(!line.is_flat(NOW) && !line.is_steep() && (line.latency() - 0.4).abs() < 1e-3);
        let few = drawn(19, |in_flight| in_flight);
        assert!(!few.is_flat(NOW) && !few.is_steep());
    }
}
