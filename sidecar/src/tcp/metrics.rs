//! What is counted of raw streams, bound once an upstream.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use outrigger_gateway::Reason;
use outrigger_layers::observe::{Direction, EndpointGauges};
use outrigger_upstream::tunnel::Moved;

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);
const STREAMS: &str = "outrigger_streams_total";
const OPEN: &str = "outrigger_streams_open";
/// From a client's being let in to the stream's end.
pub(crate) const DURATION: &str = "outrigger_stream_duration_seconds";
const BYTES: &str = "outrigger_stream_bytes_total";

/// What is said where nothing went wrong; handshakes say so, too.
pub(super) const OK: &str = "ok";

/// The metric handles of one upstream in one direction.
pub(crate) struct Metrics {
    recorder: Arc<dyn Recorder + Send + Sync>,
    upstream: Arc<str>,
    direction: Direction,
    open: Gauge,
    duration: Histogram,
    /// The bytes of all streams; shown when somebody looks.
    moved: Arc<Moved>,
    up: Counter,
    down: Counter,
    ok: Counter,
    endpoints: EndpointGauges,
    /// By reason, each bound when it is first needed.
    failed: Box<[OnceLock<Counter>]>,
}

impl Metrics {
    /// The handles for one upstream, in `recorder`; describes them there.
    pub(crate) fn new(
        recorder: &Arc<dyn Recorder + Send + Sync>,
        direction: Direction,
        upstream: &str,
    ) -> Self {
        describe(&**recorder);
        let labels = |more: Option<(&'static str, &'static str)>| {
            let mut labels = vec![
                Label::from_static_parts("direction", direction.label()),
                Label::new("upstream", upstream.to_owned()),
            ];
            labels.extend(more.map(|(name, value)| Label::from_static_parts(name, value)));
            labels
        };
        let counter =
            |name, more| recorder.register_counter(&Key::from_parts(name, labels(Some(more))), &METADATA);
        Self {
            open: recorder.register_gauge(&Key::from_parts(OPEN, labels(None)), &METADATA),
            duration: recorder.register_histogram(&Key::from_parts(DURATION, labels(None)), &METADATA),
            moved: Arc::default(),
            up: counter(BYTES, ("way", "up")),
            down: counter(BYTES, ("way", "down")),
            ok: counter(STREAMS, ("reason", OK)),
            endpoints: EndpointGauges::new(recorder.clone(), direction, upstream),
            failed: Reason::ALL.iter().map(|_| OnceLock::new()).collect(),
            recorder: recorder.clone(),
            upstream: upstream.into(),
            direction,
        }
    }

    /// The upstream's name, as configured.
    pub(crate) fn upstream(&self) -> &Arc<str> {
        &self.upstream
    }

    /// The bytes that have moved in both directions, over all streams.
    pub(super) fn moved(&self) -> &Arc<Moved> {
        &self.moved
    }

    /// Shows how many bytes have moved; for whoever renders the metrics.
    pub(crate) fn show_bytes(&self) {
        self.up.absolute(self.moved.up());
        self.down.absolute(self.moved.down());
    }

    /// The gauges of its endpoints; for whoever renders the metrics.
    pub(crate) fn endpoints(&self) -> &EndpointGauges {
        &self.endpoints
    }

    /// A stream has begun; [`end`](Self::end) must follow.
    pub(super) fn begin(&self) {
        self.open.increment(1.0);
    }

    /// A stream has ended, well if there is no reason.
    pub(super) fn end(&self, reason: Option<Reason>, took: Duration) {
        self.open.decrement(1.0);
        self.duration.record(took.as_secs_f64());
        let counter = match reason {
            None => &self.ok,
            Some(reason) => self.failed[reason as usize].get_or_init(|| self.bind(reason)),
        };
        counter.increment(1);
    }

    fn bind(&self, reason: Reason) -> Counter {
        let labels = vec![
            Label::from_static_parts("direction", self.direction.label()),
            Label::new("upstream", self.upstream.to_string()),
            Label::from_static_parts("reason", reason.label()),
        ];
        self.recorder
            .register_counter(&Key::from_parts(STREAMS, labels), &METADATA)
    }
}

fn describe(recorder: &dyn Recorder) {
    let name = KeyName::from_const_str;
    let of = "Raw streams that have ended, by direction, upstream and reason; `ok` where nothing went wrong.";
    recorder.describe_counter(name(STREAMS), Some(Unit::Count), of.into());
    let of = "Raw streams that have not ended.";
    recorder.describe_gauge(name(OPEN), Some(Unit::Count), of.into());
    let of = "From a client's being let in to the end of its raw stream.";
    recorder.describe_histogram(name(DURATION), Some(Unit::Seconds), of.into());
    let of = "Bytes of raw streams; `up` is towards the upstream.";
    recorder.describe_counter(name(BYTES), Some(Unit::Bytes), of.into());
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("upstream", &self.upstream)
            .finish_non_exhaustive()
    }
}
