//! What becomes of an upstream's endpoints, as gauges that are computed when somebody looks.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use ::metrics::{Key, KeyName, Label, Level, Metadata, Recorder, Unit};

use super::Direction;
use crate::breaker::state::View;

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);
const ENDPOINTS: &str = "outrigger_endpoints";
const STATE: &str = "outrigger_breaker_state";
/// So many endpoints of an upstream have a series of their own.
const MOST: usize = 32;
/// The worst of all others.
const OTHER: &str = "other";

/// The gauges of one upstream's endpoints in one direction.
pub struct EndpointGauges {
    recorder: Arc<dyn Recorder + Send + Sync>,
    labels: Vec<Label>,
    /// Those that have a series of their own; series do not go away, so neither do they.
    named: Mutex<Vec<String>>,
}

impl EndpointGauges {
    /// The gauges of `upstream`, in `recorder`; describes them there.
    pub fn new(recorder: Arc<dyn Recorder + Send + Sync>, direction: Direction, upstream: &str) -> Self {
        let name = KeyName::from_const_str;
        let of = "Endpoints that are known, by what becomes of requests to them.";
        recorder.describe_gauge(name(ENDPOINTS), Some(Unit::Count), of.into());
        let of = "An endpoint's breaker: 0 closed, 1 half open or closing, 2 open.";
        recorder.describe_gauge(name(STATE), None, of.into());
        let labels = vec![
            Label::from_static_parts("direction", direction.label()),
            Label::new("upstream", upstream.to_owned()),
        ];
        Self {
            recorder,
            labels,
            named: Mutex::default(),
        }
    }

    /// Shows the endpoints that are known now; for whoever renders the metrics.
    pub fn show(&self, endpoints: &[(String, View)]) {
        for state in View::STATES {
            let count = endpoints.iter().filter(|(_, view)| view.state() == state).count();
            self.set(ENDPOINTS, Label::from_static_parts("state", state), count as f64);
        }
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        for (endpoint, _) in endpoints {
            if named.len() < MOST && !named.contains(endpoint) {
                named.push(endpoint.clone());
            }
        }
        // Those that are gone are held back by nobody.
        for name in named.iter() {
            let view = endpoints.iter().find(|(endpoint, _)| endpoint == name);
            let value = view.map_or(0.0, |(_, view)| value(view));
            self.set(STATE, Label::new("endpoint", name.clone()), value);
        }
        if named.len() == MOST {
            let others = endpoints.iter().filter(|(endpoint, _)| !named.contains(endpoint));
            let worst = others.map(|(_, view)| value(view)).fold(0.0, f64::max);
            self.set(STATE, Label::from_static_parts("endpoint", OTHER), worst);
        }
    }

    fn set(&self, name: &'static str, label: Label, value: f64) {
        let labels = self.labels.iter().cloned().chain([label]).collect::<Vec<_>>();
        let gauge = self
            .recorder
            .register_gauge(&Key::from_parts(name, labels), &METADATA);
        gauge.set(value);
    }
}

fn value(view: &View) -> f64 {
    match view.state() {
        "usable" => 0.0,
        "held" => 2.0,
        _ => 1.0,
    }
}

impl fmt::Debug for EndpointGauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointGauges").finish_non_exhaustive()
    }
}
