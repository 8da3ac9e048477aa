//! How an upstream is treated: timeouts, retries, limits, breaker, health checks, balance.

use std::{
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use serde::Serialize;

use super::{
    text::{Fraction, duration, duration_or_none, or_none, serialize_as_text},
    word::words,
};

/// How long things may take; `None` = no limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timeout {
    /// Connecting, TCP and TLS together.
    #[serde(serialize_with = "duration")]
    pub connect: Duration,
    /// From the end of the request's body to the response head; does not apply to gRPC.
    #[serde(serialize_with = "duration_or_none")]
    pub head: Option<Duration>,
    /// One attempt, from its start to its response head.
    #[serde(serialize_with = "duration_or_none")]
    pub attempt: Option<Duration>,
    /// The whole request, queueing and retries included.
    #[serde(serialize_with = "duration_or_none")]
    pub total: Option<Duration>,
    /// The longest silence while a body is read or written.
    #[serde(serialize_with = "duration_or_none")]
    pub idle: Option<Duration>,
    /// The same for gRPC, server-sent events and upgrades.
    #[serde(serialize_with = "duration_or_none")]
    pub stream_idle: Option<Duration>,
}

/// Repeating what is safe to repeat.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: NonZeroU32,
    /// Retries a success pays for.
    pub budget: Fraction,
    /// Backoff before the first retry, drawn from 0 to this.
    #[serde(serialize_with = "duration")]
    pub base: Duration,
    /// The longest backoff; never below `base`.
    #[serde(serialize_with = "duration")]
    pub cap: Duration,
    /// The largest request body kept for a repetition.
    pub replay_bytes: usize,
}

/// How much an upstream is given at once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// Requests from head to end of the response body.
    pub in_flight: NonZeroUsize,
    /// Upgrades and long streams, which do not count as `in_flight`.
    pub streams: NonZeroUsize,
    /// Requests that may wait for a place; 0 = none waits.
    pub queue: usize,
    /// The longest wait for a place.
    #[serde(serialize_with = "duration")]
    pub queue_wait: Duration,
    /// Whether a limit below `in_flight` is sought by latency.
    pub adaptive: bool,
    /// Requests in a time.
    #[serde(serialize_with = "or_none")]
    pub rate: Option<Rate>,
}

/// A number of requests in a second, a minute or an hour: `100/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In what time.
    pub per: RateUnit,
}

words! {
    /// The time a [`Rate`] counts in.
    RateUnit {
        /// A second.
        Second = "s",
        /// A minute.
        Minute = "m",
        /// An hour.
        Hour = "h",
    }
}

impl RateUnit {
    /// The time as a duration.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per {
            RateUnit::Second => "s",
            RateUnit::Minute => "m",
            RateUnit::Hour => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

serialize_as_text!(Rate);

/// When an endpoint is held back after failures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Breaker {
    /// Failures in a row that open it.
    pub failures: NonZeroU32,
    /// The first hold.
    #[serde(serialize_with = "duration")]
    pub hold: Duration,
    /// The longest hold; never below `hold`.
    #[serde(serialize_with = "duration")]
    pub hold_cap: Duration,
}

/// Probing the endpoints over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// The path to ask for; it begins with a slash.
    pub path: String,
    /// From one probe to the next.
    #[serde(serialize_with = "duration")]
    pub interval: Duration,
    /// How long one probe may take; never above `interval`.
    #[serde(serialize_with = "duration")]
    pub timeout: Duration,
    /// Good probes in a row that bring an endpoint back.
    pub rise: NonZeroU32,
    /// Bad probes in a row that take it out.
    pub fall: NonZeroU32,
}

/// How requests are spread over the endpoints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Balance {
    /// How an endpoint is chosen.
    pub policy: BalancePolicy,
    /// Below this share of usable endpoints, those ejected by statistics are used again.
    pub panic_below: Fraction,
    /// How long a new endpoint's share grows; zero = it gets its full share at once.
    #[serde(serialize_with = "duration")]
    pub slow_start: Duration,
}

words! {
    /// How an endpoint is chosen.
    BalancePolicy {
        /// The better of two drawn at random, by the peak-sensitive average of its latency and its load.
        P2cPeakEwma = "p2c-peak-ewma",
    }
}
