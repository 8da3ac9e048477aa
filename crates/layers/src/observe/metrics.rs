//! Metric handles, made from an explicit recorder and bound once an upstream.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use ::metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use outrigger_gateway::Reason;

use super::EndpointGauges;
use crate::{
    limit::{Limit, adaptive::AdaptiveLimit},
    retry::{RetryLayer, policy::Refusal},
};

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);
const REQUESTS: &str = "outrigger_requests_total";
const DURATION: &str = "outrigger_request_duration_seconds";
const IN_FLIGHT: &str = "outrigger_requests_in_flight";
const ATTEMPTS: &str = "outrigger_attempts_total";
const TAKEN: &str = "outrigger_limit_in_flight";
const LIMIT: &str = "outrigger_limit";
const RETRIES: &str = "outrigger_retries_total";
const BALANCE: &str = "outrigger_retry_budget_balance";

/// Which way requests go, seen from the service beside us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From other services to ours.
    Inbound,
    /// From our service to others.
    Outbound,
}

impl Direction {
    /// The value of the `direction` label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// Where metrics of one direction are recorded.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<dyn Recorder + Send + Sync>,
    direction: Direction,
}

impl Metrics {
    /// Metrics of `direction`, in `recorder`; describes them there.
    pub fn new(recorder: Arc<dyn Recorder + Send + Sync>, direction: Direction) -> Self {
        let name = KeyName::from_const_str;
        let of = "Requests by direction, upstream, status, reason and who made the response.";
        recorder.describe_counter(name(REQUESTS), Some(Unit::Count), of.into());
        let of = "From the request's head to the end of the response's body.";
        recorder.describe_histogram(name(DURATION), Some(Unit::Seconds), of.into());
        recorder.describe_gauge(
            name(IN_FLIGHT),
            Some(Unit::Count),
            "Requests not yet ended.".into(),
        );
        let of = "Requests that hold a place below the upstream's limit.";
        recorder.describe_gauge(name(TAKEN), Some(Unit::Count), of.into());
        let of =
            "Requests that may be in flight; kind=\"adaptive\" is the static one as long as nothing binds.";
        recorder.describe_gauge(name(LIMIT), Some(Unit::Count), of.into());
        let of = "Attempts at an upstream, repeats included.";
        recorder.describe_counter(name(ATTEMPTS), Some(Unit::Count), of.into());
        let of = "Repeats made (outcome=\"repeated\") and not made, by reason.";
        recorder.describe_counter(name(RETRIES), Some(Unit::Count), of.into());
        let of = "Repeats that successes have paid for and nobody has made.";
        recorder.describe_gauge(name(BALANCE), Some(Unit::Count), of.into());
        Self { recorder, direction }
    }

    /// The handles for one upstream; call it once an upstream, never once a request.
    pub fn bind(&self, upstream: &str) -> Arc<Bound> {
        let labels = self.labels(upstream);
        let key = |name: &'static str| Key::from_parts(name, labels.clone());
        Arc::new(Bound {
            name: upstream.into(),
            metrics: self.clone(),
            duration: self.recorder.register_histogram(&key(DURATION), &METADATA),
            in_flight: self.recorder.register_gauge(&key(IN_FLIGHT), &METADATA),
            attempts: self.recorder.register_counter(&key(ATTEMPTS), &METADATA),
            taken: self.recorder.register_gauge(&key(TAKEN), &METADATA),
            endpoints: EndpointGauges::new(self.recorder.clone(), self.direction, upstream),
            answered: (100..600).map(|_| OnceLock::new()).collect(),
            failed: Reason::ALL.iter().map(|_| OnceLock::new()).collect(),
        })
    }

    fn labels(&self, upstream: &str) -> Vec<Label> {
        vec![
            self.direction_label(),
            Label::new("upstream", upstream.to_owned()),
        ]
    }

    fn direction_label(&self) -> Label {
        Label::from_static_parts("direction", self.direction.label())
    }

    fn requests(&self, upstream: &str, status: u16, reason: Reason) -> Counter {
        // What came to no upstream was answered here.
        let by = if reason == Reason::UpstreamStatus && !upstream.is_empty() {
            "upstream"
        } else {
            "proxy"
        };
        let labels = vec![
            self.direction_label(),
            Label::new("upstream", upstream.to_owned()),
            Label::new("status", status.to_string()),
            Label::from_static_parts("reason", reason.label()),
            Label::from_static_parts("generated_by", by),
        ];
        self.recorder
            .register_counter(&Key::from_parts(REQUESTS, labels), &METADATA)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}

/// The metric handles of one upstream in one direction.
pub struct Bound {
    name: Arc<str>,
    metrics: Metrics,
    duration: Histogram,
    in_flight: Gauge,
    attempts: Counter,
    taken: Gauge,
    endpoints: EndpointGauges,
    /// By status from 100 on: what the upstream answered.
    answered: Box<[OnceLock<Counter>]>,
    /// By reason, each with the status of its row: what we answered.
    failed: Box<[OnceLock<Counter>]>,
}

impl Bound {
    /// The upstream's name, as configured.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The direction that requests go.
    pub fn direction(&self) -> Direction {
        self.metrics.direction
    }

    /// Shows the upstream's limits and how much of them is used; for whoever renders the metrics.
    pub fn show_limit(&self, limit: &Limit, adaptive: Option<&AdaptiveLimit>) {
        self.taken.set(limit.in_flight() as f64);
        self.limit("static", limit.max());
        if let Some(adaptive) = adaptive {
            let max = adaptive.max().unwrap_or(usize::MAX);
            self.limit("adaptive", max.min(limit.max()));
        }
    }

    fn limit(&self, kind: &'static str, max: usize) {
        let mut labels = self.metrics.labels(&self.name);
        labels.push(Label::from_static_parts("kind", kind));
        let key = Key::from_parts(LIMIT, labels);
        let gauge = self.metrics.recorder.register_gauge(&key, &METADATA);
        gauge.set(max as f64);
    }

    /// The gauges of its endpoints; for whoever renders the metrics.
    pub fn endpoints(&self) -> &EndpointGauges {
        &self.endpoints
    }

    /// Shows what was repeated, what was not, and how much more may be; for whoever renders the metrics.
    pub fn show_retries(&self, retries: &RetryLayer) {
        let Metrics { recorder, .. } = &self.metrics;
        let tally = retries.tally();
        let refused = Refusal::ALL.map(|why| (why.label(), tally.refused(why)));
        let made = [
            ("repeated", tally.repeated()),
            ("hedged", tally.hedged()),
            ("hedge_won", tally.hedges_won()),
            ("hedge_refused", tally.hedges_refused()),
        ];
        for (outcome, count) in refused.into_iter().chain(made) {
            let mut labels = self.metrics.labels(&self.name);
            labels.push(Label::from_static_parts("outcome", outcome));
            let counter = recorder.register_counter(&Key::from_parts(RETRIES, labels), &METADATA);
            counter.absolute(count);
        }
        if let Some(balance) = retries.balance() {
            let key = Key::from_parts(BALANCE, self.metrics.labels(&self.name));
            recorder.register_gauge(&key, &METADATA).set(balance);
        }
    }

    /// Counts an attempt at one of the upstream's endpoints.
    pub fn attempt(&self) {
        self.attempts.increment(1);
    }

    /// Notes that a request is on its way; [`end`](Self::end) must follow.
    pub(crate) fn begin(&self) {
        self.in_flight.increment(1.0);
    }

    /// Notes that a request has ended.
    pub(crate) fn end(&self, status: u16, reason: Reason, took: Duration) {
        self.in_flight.decrement(1.0);
        self.count(status, reason, took);
    }

    /// Counts a request that never was in flight, such as one that a server refused to read.
    pub fn count(&self, status: u16, reason: Reason, took: Duration) {
        self.duration.record(took.as_secs_f64());
        let requests = || self.metrics.requests(&self.name, status, reason);
        let cached = match reason {
            Reason::UpstreamStatus => self.answered.get(usize::from(status).wrapping_sub(100)),
            reason if reason.row().status == status => self.failed.get(reason as usize),
            _ => None,
        };
        match cached {
            Some(counter) => counter.get_or_init(requests).increment(1),
            None => requests().increment(1),
        }
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
