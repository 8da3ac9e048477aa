//! Counts TLS handshakes by side and result: `outrigger_handshakes_total{side,result}`.

use std::{collections::HashMap, fmt, sync::Arc};

use metrics::{Counter, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use outrigger_gateway::Failure;
use outrigger_identity::{AcceptError, HandshakeResult};

const NAME: &str = "outrigger_handshakes_total";
const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// The counters of one side, all bound beforehand: the results are a closed list.
#[derive(Clone)]
pub(crate) struct Handshakes(Arc<HashMap<&'static str, Counter>>);

impl Handshakes {
    /// Handshakes that we answer.
    pub(crate) fn server(recorder: &dyn Recorder) -> Self {
        Self::bind(recorder, "server")
    }

    /// Handshakes that we begin.
    pub(crate) fn client(recorder: &dyn Recorder) -> Self {
        Self::bind(recorder, "client")
    }

    fn bind(recorder: &dyn Recorder, side: &'static str) -> Self {
        let describe = "TLS handshakes by side and result.";
        recorder.describe_counter(KeyName::from_const_str(NAME), Some(Unit::Count), describe.into());
        let counter = |result: &'static str| {
            let labels = vec![
                Label::from_static_parts("side", side),
                Label::from_static_parts("result", result),
            ];
            (
                result,
                recorder.register_counter(&Key::from_parts(NAME, labels), &METADATA),
            )
        };
        Self(Arc::new(HandshakeResult::labels().map(counter).collect()))
    }

    /// Counts a handshake that we began.
    pub(crate) fn count(&self, failure: Option<&Failure>) {
        self.increment(failure.map_or(HandshakeResult::Ok, HandshakeResult::of_failure));
    }

    /// Counts a handshake that we answered.
    pub(crate) fn count_accept(&self, error: Option<&AcceptError>) {
        self.increment(error.map_or(HandshakeResult::Ok, AcceptError::result));
    }

    fn increment(&self, result: HandshakeResult) {
        if let Some(counter) = self.0.get(result.label()) {
            counter.increment(1);
        }
    }
}

impl fmt::Debug for Handshakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshakes").finish_non_exhaustive()
    }
}
