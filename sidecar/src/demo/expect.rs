//! What is right, spelled out; and what was wrong, if anything was.

use http::header;
use outrigger_gateway::grpc;

use super::caller::{NoAnswer, Seen, gist};

/// What a caller should get. Every field is checked, also where it is left at its default.
#[derive(Clone, Debug, Default)]
pub(super) struct Expect<'a> {
    /// The HTTP status.
    pub(super) status: u16,
    /// The members of `Proxy-Status`, nearest the origin first, without addresses and sentences.
    pub(super) told: &'a [&'a str],
    /// The reason in the body; none where the app itself answered.
    pub(super) reason: Option<&'a str>,
    /// What the sentence of the hop that failed has in it.
    pub(super) details: &'a [&'a str],
    /// What comes as the body.
    pub(super) body: Body<'a>,
    /// When to come back.
    pub(super) retry_after: RetryAfter<'a>,
    /// `grpc-status`, in the head: the answer is trailers-only.
    pub(super) grpc: Option<&'a str>,
}

/// What comes as the body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Body<'a> {
    /// The sidecar's own words, whole.
    #[default]
    Ours,
    /// The app's, to the byte.
    App(&'a str),
    /// So many bytes of the app's, and then the connection breaks.
    Cut { after: usize },
}

/// What `Retry-After` says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum RetryAfter<'a> {
    /// There is none.
    #[default]
    Absent,
    /// Whole seconds, one at least.
    Seconds,
    /// What the app says.
    App(&'a str),
}

impl Expect<'_> {
    /// Everything that is not as it should be.
    pub(super) fn complaints(&self, seen: &Result<Seen, NoAnswer>) -> Vec<String> {
        let seen = match seen {
            Ok(seen) => seen,
            Err(error) => return vec![error.clone()],
        };
        let told: Vec<_> = seen.members().iter().map(gist).collect();
        let checks = [
            differs("status", &self.status, &seen.status.as_u16()),
            differs("Proxy-Status", &self.told.join(", "), &told.join(", ")),
            differs(
                "reason",
                &or_none(self.reason),
                &or_none(self.reason_of(seen).as_deref()),
            ),
            differs(
                "grpc-status",
                &or_none(self.grpc),
                &or_none(seen.field(grpc::STATUS)),
            ),
            self.body_of(seen),
            self.retry_after_of(seen),
        ];
        checks
            .into_iter()
            .flatten()
            .chain(self.details_of(seen))
            .collect()
    }

    /// The app's own words are not looked through for a reason.
    fn reason_of(&self, seen: &Seen) -> Option<String> {
        match self.body {
            Body::Ours => seen.reason(),
            Body::App(_) | Body::Cut { .. } => None,
        }
    }

    fn body_of(&self, seen: &Seen) -> Option<String> {
        match self.body {
            Body::Cut { .. } if seen.is_whole => Some("the body looks whole, though it was cut".to_owned()),
            Body::Cut { after } => differs("bytes before the cut", &after, &seen.body.len()),
            _ if !seen.is_whole => Some("the body was cut".to_owned()),
            Body::App(text) => differs("body", &text, &&*seen.text()),
            Body::Ours => None,
        }
    }

    fn retry_after_of(&self, seen: &Seen) -> Option<String> {
        let got = seen.field(header::RETRY_AFTER);
        match self.retry_after {
            RetryAfter::Absent => differs("Retry-After", &or_none(None), &or_none(got)),
            RetryAfter::App(value) => differs("Retry-After", &value, &or_none(got)),
            RetryAfter::Seconds => {
                let seconds = got.and_then(|value| value.parse::<u32>().ok());
                let is_right = seconds.is_some_and(|seconds| seconds >= 1);
                (!is_right).then(|| format!("Retry-After: expected seconds, got {}", or_none(got)))
            }
        }
    }

    fn details_of(&self, seen: &Seen) -> Vec<String> {
        let details = seen.details().map(|(_, details)| details).unwrap_or_default();
        let missing = self.details.iter().filter(|part| !details.contains(**part));
        missing
            .map(|part| format!("details: expected to read {part:?} in {details:?}"))
            .collect()
    }
}

fn differs<T: PartialEq + std::fmt::Display>(what: &str, expected: &T, got: &T) -> Option<String> {
    (expected != got).then(|| format!("{what}: expected {expected}, got {got}"))
}

fn or_none(value: Option<&str>) -> &str {
    value.unwrap_or("none")
}
