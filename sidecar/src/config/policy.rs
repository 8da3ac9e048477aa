//! How an upstream is treated: timeouts, retries, limits, breaker, health checks, balance.

use std::{
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use serde::Serialize;
use toml::de::DeValue;

use super::{
    section::Section,
    text::{Fraction, duration, duration_or_none, or_none, serialize_as_text},
    value::{self, MOST, Read, at_least_one, boolean, count, fraction, positive, text, word},
    word::{Word, words},
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
        write!(f, "{}/{}", self.count, self.per.word())
    }
}

impl Rate {
    fn read(value: &DeValue<'_>) -> Read<Self> {
        let text = text(value)?;
        let parsed = text.split_once('/').and_then(|(count, unit)| {
            let count: NonZeroU32 = count.parse().ok()?;
            let (_, per) = RateUnit::WORDS.iter().find(|(word, _)| *word == unit)?;
            (u64::from(count.get()) <= MOST).then_some(Self { count, per: *per })
        });
        parsed.ok_or_else(|| {
            format!("\"{text}\" is not a rate; write it like \"100/s\", \"100/m\" or \"100/h\"")
        })
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

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: NonZeroU32::MIN.saturating_add(4),
            hold: Duration::from_secs(1),
            hold_cap: Duration::from_secs(5),
        }
    }
}

impl Breaker {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let breaker = Self {
            failures: section.or("failures", default.failures, at_least_one),
            hold: section.or("hold", default.hold, positive),
            hold_cap: section.or("hold_cap", default.hold_cap, positive),
        };
        section.ordered(("hold", breaker.hold), ("hold_cap", breaker.hold_cap));
        breaker
    }
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

impl Health {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let path = section.required("path", path);
        let interval = section.or("interval", Duration::from_secs(5), positive);
        let timeout = section.or("timeout", Duration::from_secs(1), positive);
        let rise = section.or("rise", NonZeroU32::MIN.saturating_add(1), at_least_one);
        let fall = section.or("fall", NonZeroU32::MIN.saturating_add(2), at_least_one);
        section.ordered(("timeout", timeout), ("interval", interval));
        Some(Self {
            path: path?,
            interval,
            timeout,
            rise,
            fall,
        })
    }
}

/// The path of a request: what may follow an authority (RFC 3986 §3.3), and a query.
fn path(value: &DeValue<'_>) -> Read<String> {
    let path = text(value)?;
    let fits = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if fits {
        Ok(path.to_owned())
    } else {
        Err(format!("\"{path}\" is not a path; it begins with `/`"))
    }
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

impl Default for Balance {
    fn default() -> Self {
        Self {
            policy: BalancePolicy::P2cPeakEwma,
            panic_below: Fraction::new(0.5).expect("0.5 is a share"),
            slow_start: Duration::from_secs(10),
        }
    }
}

impl Balance {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        Self {
            policy: section.or("policy", default.policy, word),
            panic_below: section.or("panic_below", default.panic_below, fraction),
            slow_start: section.or("slow_start", default.slow_start, value::duration),
        }
    }
}
