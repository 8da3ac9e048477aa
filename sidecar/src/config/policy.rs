//! How requests to an upstream are treated: timeouts, retries, limits.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use serde::Serialize;

use super::{
    rate::Rate,
    section::Section,
    text::{Fraction, duration, duration_or_none, or_none},
    value::{self, at_least_one, boolean, count, fraction, positive},
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

impl Default for Timeout {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            head: Some(Duration::from_secs(30)),
            attempt: None,
            total: None,
            idle: Some(Duration::from_secs(60)),
            stream_idle: Some(Duration::from_secs(3600)),
        }
    }
}

impl Timeout {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let limit = value::or_none(positive);
        Self {
            connect: section.or("connect", default.connect, positive),
            head: section.or("head", default.head, &limit),
            attempt: section.or("attempt", default.attempt, &limit),
            total: section.or("total", default.total, &limit),
            idle: section.or("idle", default.idle, &limit),
            stream_idle: section.or("stream_idle", default.stream_idle, &limit),
        }
    }
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

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: NonZeroU32::MIN.saturating_add(2),
            budget: Fraction::new(0.2).expect("0.2 is a share"),
            base: Duration::from_millis(100),
            cap: Duration::from_secs(10),
            replay_bytes: 65_536,
        }
    }
}

impl Retry {
    /// The default beside the app: only the outermost of several proxies repeats.
    pub(super) fn never() -> Self {
        Self {
            attempts: NonZeroU32::MIN,
            ..Self::default()
        }
    }

    pub(super) fn read(mut section: Section<'_>, default: &Self) -> Self {
        let retry = Self {
            attempts: section.or("attempts", default.attempts, value::whole(1..=100)),
            budget: section.or("budget", default.budget, fraction),
            base: section.or("base", default.base, positive),
            cap: section.or("cap", default.cap, positive),
            replay_bytes: section.or("replay_bytes", default.replay_bytes, count),
        };
        section.ordered(("base", retry.base), ("cap", retry.cap));
        retry
    }
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

impl Default for Limit {
    fn default() -> Self {
        const NORMAL: NonZeroUsize = NonZeroUsize::new(1024).expect("1024 is not zero");
        Self {
            in_flight: NORMAL,
            streams: NORMAL,
            queue: 128,
            queue_wait: Duration::from_millis(250),
            adaptive: true,
            rate: None,
        }
    }
}

impl Limit {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        Self {
            in_flight: section.or("in_flight", default.in_flight, at_least_one),
            streams: section.or("streams", default.streams, at_least_one),
            queue: section.or("queue", default.queue, count),
            queue_wait: section.or("queue_wait", default.queue_wait, value::duration),
            adaptive: section.or("adaptive", default.adaptive, boolean),
            rate: section.or("rate", default.rate, value::or_none(Rate::read)),
        }
    }
}
