//! Counts TLS handshakes by side and result: `outrigger_handshakes_total{side,result}`.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use metrics::{Counter, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use outrigger_gateway::Failure;
use outrigger_identity::{AcceptError, HandshakeResult};

const NAME: &str = "outrigger_handshakes_total";
const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// The counters of one side, each bound when it is first needed: dozens of results never occur.
#[derive(Clone)]
pub(crate) struct Handshakes(Arc<Side>);

struct Side {
    recorder: Arc<dyn Recorder + Send + Sync>,
    side: &'static str,
    bound: Mutex<HashMap<&'static str, Counter>>,
}

impl Handshakes {
    /// Handshakes that we answer.
    pub(crate) fn server(recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        Self::new(recorder, "server")
    }

    /// Handshakes that we begin.
    pub(crate) fn client(recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        Self::new(recorder, "client")
    }

    fn new(recorder: Arc<dyn Recorder + Send + Sync>, side: &'static str) -> Self {
        let describe = "TLS handshakes by side and result.";
        recorder.describe_counter(KeyName::from_const_str(NAME), Some(Unit::Count), describe.into());
        Self(Arc::new(Side {
            recorder,
            side,
            bound: Mutex::default(),
        }))
    }

    /// Counts a handshake that we began.
    pub(crate) fn count(&self, failure: Option<&Failure>) {
        self.0
            .increment(failure.map_or(HandshakeResult::Ok, HandshakeResult::of_failure));
    }

    /// Counts a handshake that we answered.
    pub(crate) fn count_accept(&self, error: Option<&AcceptError>) {
        self.0
            .increment(error.map_or(HandshakeResult::Ok, AcceptError::result));
    }
}

impl Side {
    fn increment(&self, result: HandshakeResult) {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = bound.entry(result.label()).or_insert_with_key(|result| {
            let labels = vec![
                Label::from_static_parts("side", self.side),
                Label::from_static_parts("result", result),
            ];
            self.recorder
                .register_counter(&Key::from_parts(NAME, labels), &METADATA)
        });
        counter.increment(1);
    }
}

impl fmt::Debug for Handshakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshakes")
            .field("side", &self.0.side)
            .finish_non_exhaustive()
    }
}
