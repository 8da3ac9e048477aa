//! What a [`State`](super::State) is told, and what it tells.

use std::{fmt, time::Duration};

use outrigger_gateway::Reason;

/// What came of a request that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was served.
    Success,
    /// It failed, for this reason.
    Failure(Reason),
    /// It was refused by an upstream that protects itself, which may have said for how long.
    Shed(Option<Duration>),
}

/// What opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// So many failures, and nothing else in between.
    InARow(u32),
    /// So many failures of so many outcomes lately.
    Share {
        /// How many failed.
        failed: u64,
        /// How many there were.
        of: u64,
    },
    /// The probe failed.
    Probe,
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InARow(1) => f.write_str("a failure"),
            Self::InARow(failures) => write!(f, "{failures} failures in a row"),
            Self::Share { failed, of } => write!(f, "{failed} failures of {of} lately"),
            Self::Probe => f.write_str("the probe failed, too"),
        }
    }
}

/// What is seen of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum View {
    /// Everything passes.
    Closed,
    /// Nothing passes.
    Open {
        /// What opened it.
        cause: Reason,
        /// How long until a probe may go.
        wait: Duration,
    },
    /// A probe is out.
    HalfOpen {
        /// What opened it.
        cause: Reason,
    },
    /// A share passes.
    Closing {
        /// What opened it.
        cause: Reason,
        /// How much, from 0 to 1.
        share: f64,
        /// How long until everything passes.
        wait: Duration,
    },
    /// Held by order.
    Forced(Force),
}

impl View {
    /// Every word of [`state`](Self::state).
    pub const STATES: [&'static str; 4] = ["usable", "returning", "probing", "held"];

    /// What becomes of requests, in one word, for metrics and counts.
    pub const fn state(self) -> &'static str {
        let [usable, returning, probing, held] = Self::STATES;
        match self {
            Self::Closed | Self::Forced(Force::Closed) => usable,
            Self::Closing { .. } => returning,
            Self::HalfOpen { .. } => probing,
            Self::Open { .. } | Self::Forced(Force::Open) => held,
        }
    }
}

/// An order that overrules what is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Nothing passes.
    Open,
    /// Everything passes.
    Closed,
}
