//! How requests to an upstream are treated: the settings of [`outrigger_layers::stack`], read key by key.
//!
//! Each type is written for the effective configuration by its `Written` twin: with units, and `none` for what is absent.

use std::time::Duration;

use outrigger_layers::stack::{Breaker, Limit, Rate, Retry, Timeouts};
use serde::Serialize;

use super::{
    duration, rate,
    section::Section,
    text::{Fraction, duration, duration_or_none},
    value::{self, at_least_one, boolean, count, fraction, positive},
};

#[derive(Serialize)]
#[serde(remote = "Timeouts")]
pub(super) struct WrittenTimeouts {
    #[serde(serialize_with = "duration")]
    connect: Duration,
    #[serde(serialize_with = "duration_or_none")]
    head: Option<Duration>,
    #[serde(serialize_with = "duration_or_none")]
    attempt: Option<Duration>,
    #[serde(serialize_with = "duration_or_none")]
    total: Option<Duration>,
    #[serde(serialize_with = "duration_or_none")]
    idle: Option<Duration>,
    #[serde(serialize_with = "duration_or_none")]
    stream_idle: Option<Duration>,
}

pub(super) fn timeouts(mut section: Section<'_>) -> Timeouts {
    let default = Timeouts::default();
    let limit = value::or_none(positive);
    Timeouts {
        connect: section.or("connect", default.connect, positive),
        head: section.or("head", default.head, &limit),
        attempt: section.or("attempt", default.attempt, &limit),
        total: section.or("total", default.total, &limit),
        idle: section.or("idle", default.idle, &limit),
        stream_idle: section.or("stream_idle", default.stream_idle, &limit),
    }
}

#[derive(Serialize)]
#[serde(remote = "Retry")]
pub(super) struct WrittenRetry {
    attempts: u32,
    budget: f64,
    #[serde(serialize_with = "duration")]
    base: Duration,
    #[serde(serialize_with = "duration")]
    cap: Duration,
    replay_bytes: usize,
    #[serde(serialize_with = "duration_or_none")]
    hedge: Option<Duration>,
}

pub(super) fn retry(mut section: Section<'_>, default: &Retry) -> Retry {
    let retry = Retry {
        attempts: section.or("attempts", default.attempts, value::whole(1..=100)),
        budget: section.or("budget", default.budget, |value| {
            fraction(value).map(Fraction::get)
        }),
        base: section.or("base", default.base, positive),
        cap: section.or("cap", default.cap, positive),
        replay_bytes: section.or("replay_bytes", default.replay_bytes, count),
        hedge: section.or("hedge", default.hedge, value::or_none(positive)),
    };
    section.ordered(("base", retry.base), ("cap", retry.cap));
    retry
}

#[derive(Serialize)]
#[serde(remote = "Limit")]
pub(super) struct WrittenLimit {
    in_flight: usize,
    streams: usize,
    queue: usize,
    #[serde(serialize_with = "duration")]
    queue_wait: Duration,
    adaptive: bool,
    #[serde(serialize_with = "rate::or_none")]
    rate: Option<Rate>,
    #[serde(serialize_with = "rate::or_none")]
    rate_per_caller: Option<Rate>,
}

/// `total` is the time for a whole request: by default nobody waits for more than half of it.
pub(super) fn limit(mut section: Section<'_>, total: Option<Duration>) -> Limit {
    let mut default = Limit::default();
    if let Some(total) = total {
        default.queue_wait = default.queue_wait.min(total / 2);
    }
    Limit {
        in_flight: section.or("in_flight", default.in_flight, at_least_one),
        streams: section.or("streams", default.streams, at_least_one),
        queue: section.or("queue", default.queue, count),
        queue_wait: section.or("queue_wait", default.queue_wait, value::duration),
        adaptive: section.or("adaptive", default.adaptive, boolean),
        rate: section.or("rate", default.rate, value::or_none(rate::read)),
        rate_per_caller: section.or(
            "rate_per_caller",
            default.rate_per_caller,
            value::or_none(rate::read),
        ),
    }
}

/// Who waits must still have time to be served: else the work is done for callers that have left, and the more of it the
/// longer the line.
pub(super) fn check_queue(section: &Section<'_>, limit: &Limit, total: Option<Duration>) {
    let Some(total) = total.filter(|_| limit.queue > 0) else {
        return;
    };
    let (wait, time) = (limit.queue_wait, duration::format(total));
    if wait >= total {
        let text = format!(
            "{} leaves none of `timeout.total` ({time}) to be served in",
            duration::format(wait)
        );
        section.clash_within("limit", "queue_wait", text);
    }
    let Some(rate) = limit.rate else {
        return;
    };
    let drains = rate.per.as_secs_f64() / f64::from(rate.requests) * limit.queue as f64;
    if drains > total.as_secs_f64() && section.has_within("limit", "queue") {
        let text = format!(
            "{} requests take {drains:.1} s at `rate`, longer than `timeout.total` ({time})",
            limit.queue
        );
        section.clash_within("limit", "queue", text);
    }
}

#[derive(Serialize)]
#[serde(remote = "Breaker")]
pub(super) struct WrittenBreaker {
    failures: u32,
    #[serde(serialize_with = "duration")]
    hold: Duration,
    #[serde(serialize_with = "duration")]
    hold_cap: Duration,
}

pub(super) fn breaker(mut section: Section<'_>) -> Breaker {
    let default = Breaker::default();
    let breaker = Breaker {
        failures: section.or("failures", default.failures, count),
        hold: section.or("hold", default.hold, positive),
        hold_cap: section.or("hold_cap", default.hold_cap, positive),
    };
    section.ordered(("hold", breaker.hold), ("hold_cap", breaker.hold_cap));
    breaker
}
