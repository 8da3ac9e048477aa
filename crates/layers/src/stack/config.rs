//! The settings of a stack, with the defaults that are shipped.

use std::{fmt, time::Duration};

use crate::{breaker::state, rate::Quota};

/// How one upstream is treated. The sidecar reads the same type from its file, key by key.
///
/// ```
/// use std::time::Duration;
/// use outrigger_layers::stack::{Config, Limit, Timeouts};
///
/// let config = Config {
///     timeout: Timeouts { total: Some(Duration::from_secs(10)), ..Timeouts::default() },
///     limit: Limit { in_flight: 512, ..Limit::default() },
///     ..Config::default()
/// };
/// assert_eq!(config.retry.attempts, 3);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Whether it is out of service from the start; [`Parts::maintenance`](super::Parts::maintenance) has the switch.
    pub maintenance: bool,
    /// How long things may take.
    pub timeout: Timeouts,
    /// Repeating what is safe to repeat.
    pub retry: Retry,
    /// How much there may be at once.
    pub limit: Limit,
    /// When something is held back after failures.
    pub breaker: Breaker,
}

/// How long things may take; `None` = no limit, zero is an error.
///
/// Layers keep `total` and `attempt`. The others bound what happens on a connection, and are kept by who holds it:
/// `outrigger-upstream`, and with it the sidecar. Around an app, or a client of others, they have nothing to bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeouts {
    /// Connecting, TCP and TLS together: 1 s.
    pub connect: Duration,
    /// From the end of the request's body to the response head, gRPC excepted: 30 s.
    pub head: Option<Duration>,
    /// One attempt, from its start to its response head: no limit.
    pub attempt: Option<Duration>,
    /// The whole request, queueing, retries and the response's body included: no limit.
    pub total: Option<Duration>,
    /// The longest silence while a body is read or written: 60 s.
    pub idle: Option<Duration>,
    /// The same for gRPC, server-sent events and upgrades: 1 h.
    pub stream_idle: Option<Duration>,
}

impl Default for Timeouts {
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

/// Repeating what is safe to repeat.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// Attempts in all, the first included, from 1 to 100: 3.
    pub attempts: u32,
    /// Retries that a success pays for, from 0 to 1: 0.2.
    pub budget: f64,
    /// Backoff before the first retry, drawn from 0 to this: 100 ms.
    pub base: Duration,
    /// The longest backoff, never below `base`: 10 s.
    pub cap: Duration,
    /// The most bytes of a request's body that are kept for a repetition: 64 KiB.
    pub replay_bytes: usize,
    /// How long an idempotent request is unanswered when a second attempt begins beside the first: never.
    pub hedge: Option<Duration>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            budget: 0.2,
            base: Duration::from_millis(100),
            cap: Duration::from_secs(10),
            replay_bytes: 65_536,
            hedge: None,
        }
    }
}

impl Retry {
    /// One attempt: only the outermost of several hops repeats.
    pub fn never() -> Self {
        Self {
            attempts: 1,
            ..Self::default()
        }
    }
}

/// How much there may be at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Requests from head to end of the response's body, at least one: 1024.
    pub in_flight: usize,
    /// Upgrades, where they are told apart; they do not count as `in_flight`. At least one: 1024.
    pub streams: usize,
    /// Requests that may wait for a place: 128; none waits with 0.
    pub queue: usize,
    /// The longest wait for a place: 250 ms.
    pub queue_wait: Duration,
    /// Whether a limit below `in_flight` is sought by latency: yes.
    pub adaptive: bool,
    /// Requests in a time: no limit.
    pub rate: Option<Rate>,
    /// Requests in a time of each caller, by the [`Client`](crate::hop::Client) that the server puts into their extensions:
    /// no limit, nor without one.
    pub rate_per_caller: Option<Rate>,
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            in_flight: 1024,
            streams: 1024,
            queue: 128,
            queue_wait: Duration::from_millis(250),
            adaptive: true,
            rate: None,
            rate_per_caller: None,
        }
    }
}

/// A number of requests in a time, from one a day to a thousand million a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many, all of which may come at once after a pause.
    pub requests: u32,
    /// In what time.
    pub per: Duration,
}

/// When something is held back after failures.
#[derive(Clone, Debug, PartialEq)]
pub struct Breaker {
    /// Failures in a row that open it: 5; with 0 nothing is ever held back.
    pub failures: u32,
    /// The first hold: 1 s.
    pub hold: Duration,
    /// The longest hold, never below `hold`: 5 s.
    pub hold_cap: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: 5,
            hold: Duration::from_secs(1),
            hold_cap: Duration::from_secs(5),
        }
    }
}

/// A setting of a [`Config`] that cannot be obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    setting: &'static str,
    rule: &'static str,
}

impl ConfigError {
    /// Which setting, as the sidecar's file calls it: `retry.budget`.
    pub const fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.setting, self.rule)
    }
}

impl std::error::Error for ConfigError {}

const POSITIVE: &str = "must be longer than zero";
const AT_LEAST_ONE: &str = "must be at least 1";

impl Config {
    /// Whether all of it can be obeyed; the first setting that cannot is told.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self {
            timeout,
            retry,
            limit,
            breaker,
            ..
        } = self;
        let positive = |time: Option<Duration>| time != Some(Duration::ZERO);
        let rules = [
            ("timeout.connect", !timeout.connect.is_zero(), POSITIVE),
            ("timeout.head", positive(timeout.head), POSITIVE),
            ("timeout.attempt", positive(timeout.attempt), POSITIVE),
            ("timeout.total", positive(timeout.total), POSITIVE),
            ("timeout.idle", positive(timeout.idle), POSITIVE),
            ("timeout.stream_idle", positive(timeout.stream_idle), POSITIVE),
            (
                "retry.attempts",
                (1..=100).contains(&retry.attempts),
                "must be from 1 to 100",
            ),
            (
                "retry.budget",
                (0.0..=1.0).contains(&retry.budget),
                "must be from 0 to 1",
            ),
            ("retry.base", !retry.base.is_zero(), POSITIVE),
            (
                "retry.cap",
                retry.base <= retry.cap,
                "must not be shorter than retry.base",
            ),
            ("retry.hedge", positive(retry.hedge), POSITIVE),
            ("limit.in_flight", limit.in_flight > 0, AT_LEAST_ONE),
            ("limit.streams", limit.streams > 0, AT_LEAST_ONE),
            ("breaker.hold", !breaker.hold.is_zero(), POSITIVE),
            (
                "breaker.hold_cap",
                breaker.hold <= breaker.hold_cap,
                "must not be shorter than breaker.hold",
            ),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((setting, _, rule)) => Err(ConfigError { setting, rule }),
            None => Ok(()),
        }
    }
}

impl Breaker {
    /// The settings of the decision; none if nothing is ever held back.
    pub fn decision(&self) -> Option<state::Config> {
        let &Self {
            failures,
            hold,
            hold_cap,
        } = self;
        (failures > 0).then(|| state::Config {
            failures,
            hold,
            hold_cap,
            ..state::Config::default()
        })
    }
}

impl Rate {
    /// The rate to be counted against.
    pub(super) fn start(self) -> Result<crate::rate::Rate, ConfigError> {
        let rate = crate::rate::Rate::try_new(self.per_second(), self.requests);
        rate.map_err(|_| no_rate("limit.rate"))
    }

    /// The same for each caller.
    pub(super) fn start_each(self) -> Result<Quota, ConfigError> {
        let quota = Quota::try_new(self.per_second(), self.requests);
        quota.map_err(|_| no_rate("limit.rate_per_caller"))
    }

    fn per_second(self) -> f64 {
        f64::from(self.requests) / self.per.as_secs_f64()
    }
}

const fn no_rate(setting: &'static str) -> ConfigError {
    ConfigError {
        setting,
        rule: "must be from one request a day to a thousand million a second",
    }
}
