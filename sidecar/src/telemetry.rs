//! Where metrics and log lines go.

use std::{io::IsTerminal, sync::Arc, time::Duration};

use metrics::{Counter, Key, KeyName, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, registry, util::SubscriberInitExt};

use crate::{
    config::{Log, LogFormat},
    panics, tcp,
};

/// Upper bounds of the duration histograms: OpenTelemetry's, and one more for what is fast.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// The same for streams, which may last for days.
const STREAM_SECONDS: &[f64] = &[
    0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 1800.0, 3600.0, 21_600.0, 86_400.0,
];
/// Histograms keep every sample until they are looked after.
const UPKEEP: Duration = Duration::from_secs(5);
const PANICS: &str = "outrigger_panics_total";

/// The metrics of one sidecar: a recorder of its own, since two may run in one process.
#[derive(Clone)]
pub(crate) struct Telemetry {
    pub(crate) recorder: Arc<dyn Recorder + Send + Sync>,
    prometheus: PrometheusHandle,
    panics: Counter,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

impl Telemetry {
    pub(crate) fn new() -> Self {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Full(tcp::DURATION.into()), STREAM_SECONDS)
            })
            .expect("there are buckets");
        let recorder = builder.build_recorder();
        let prometheus = recorder.handle();
        let describe = "Faults of ours that ended a task; of the whole process.";
        recorder.describe_counter(
            KeyName::from_const_str(PANICS),
            Some(Unit::Count),
            describe.into(),
        );
        let metadata = Metadata::new(module_path!(), Level::INFO, None);
        let panics = recorder.register_counter(&Key::from_static_name(PANICS), &metadata);
        Self {
            recorder: Arc::new(recorder),
            prometheus,
            panics,
        }
    }

    /// Everything so far, in Prometheus's text format.
    pub(crate) fn render(&self) -> String {
        self.panics.absolute(panics::count());
        self.prometheus.render()
    }

    /// Keeps the histograms small, for as long as it is polled.
    pub(crate) async fn upkeep(self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            self.prometheus.run_upkeep();
        }
    }
}

/// Sends log lines of the whole process to standard error; `filter` as `OUTRIGGER_LOG` has it.
///
/// # Errors
///
/// The filter cannot be read, or something else logs already.
pub fn log(log: &Log, filter: Option<&str>) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(filter.unwrap_or("info")).map_err(|error| format!("OUTRIGGER_LOG: {error}"))?;
    let started = match log.format {
        LogFormat::Json => {
            let lines = fmt::layer()
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false);
            registry()
                .with(filter)
                .with(lines.with_writer(std::io::stderr))
                .try_init()
        }
        LogFormat::Text => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let lines = fmt::layer().with_ansi(colour);
            registry()
                .with(filter)
                .with(lines.with_writer(std::io::stderr))
                .try_init()
        }
    };
    started.map_err(|error| error.to_string())
}
