//! One row: what was done to the hop, what its caller got, and whether that was right.

use outrigger_gateway::grpc;

use super::{
    caller::{NoAnswer, Seen, gist},
    expect::Expect,
};

/// One row of the table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// What was done to the hop.
    pub(super) done: &'static str,
    /// The status, and whatever goes with it.
    pub(super) status: String,
    /// What each hop says, without addresses and sentences.
    pub(super) told: Vec<String>,
    /// One sentence of ours.
    pub(super) plain: String,
    /// The hop that failed, and its sentence.
    pub(super) details: Option<(String, String)>,
    /// What is not as it should be.
    pub(super) wrong: Vec<String>,
}

impl Row {
    /// Judges what was seen.
    pub(super) fn new(done: &'static str, seen: Result<Seen, NoAnswer>, expect: &Expect<'_>) -> Self {
        let wrong = expect.complaints(&seen);
        let seen = seen.ok();
        Self {
            done,
            status: seen.as_ref().map_or_else(|| "none".to_owned(), status),
            told: seen
                .iter()
                .flat_map(Seen::members)
                .map(|member| gist(&member))
                .collect(),
            plain: String::new(),
            details: seen.as_ref().and_then(Seen::details),
            wrong,
        }
    }

    /// Adds the sentence that says what it means.
    pub(super) fn saying(self, plain: impl Into<String>) -> Self {
        Self {
            plain: plain.into(),
            ..self
        }
    }

    /// Adds something that is wrong.
    pub(super) fn complaining(mut self, complaint: &str) -> Self {
        self.wrong.push(complaint.to_owned());
        self
    }

    /// Whether all was as it should be.
    pub(super) fn is_right(&self) -> bool {
        self.wrong.is_empty()
    }
}

fn status(seen: &Seen) -> String {
    let status = seen.status.as_u16();
    match seen.field(grpc::STATUS) {
        Some(code) => format!("{status} grpc {code}"),
        None if !seen.is_whole => format!("{status}, cut"),
        None => status.to_string(),
    }
}
