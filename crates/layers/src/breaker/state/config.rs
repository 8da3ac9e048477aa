//! The settings of a [`State`](super::State).

use std::time::Duration;

/// When a [`State`](super::State) opens, for how long, and how it comes back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Failures in a row that open it; zero does not count them.
    pub failures: u32,
    /// The share of failures that opens it, of all outcomes lately.
    pub ratio: f64,
    /// The fewest outcomes of which such a share says anything; zero does not look at it.
    pub ratio_of: u32,
    /// What "lately" is.
    pub window: Duration,
    /// The first hold, before jitter takes up to half of it away.
    pub hold: Duration,
    /// The longest, before jitter.
    pub hold_cap: Duration,
    /// How long closing takes; zero closes at once.
    pub ramp: Duration,
    /// The share let through at the start of the ramp.
    pub ramp_from: f64,
}

impl Default for Config {
    /// 5 in a row, or half of 20 in 10 s; 1 s up to 5 s; a ramp of 3 s from a twentieth.
    fn default() -> Self {
        Self {
            failures: 5,
            ratio: 0.5,
            ratio_of: 20,
            window: Duration::from_secs(10),
            hold: Duration::from_secs(1),
            hold_cap: Duration::from_secs(5),
            ramp: Duration::from_secs(3),
            ramp_from: 0.05,
        }
    }
}
