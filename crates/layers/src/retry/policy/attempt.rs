//! What came of one attempt.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use outrigger_gateway::{Failure, Reason, grpc, retry_after};

use super::{ATTEMPT_COUNT, tells_of_repeats};

/// What came of one attempt.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The failure or the answer.
    pub outcome: Outcome,
    /// When the other side wants to be asked again.
    pub asked: Asked,
    /// Whether a hop behind us has made more than one attempt for it.
    pub repeated_behind: bool,
}

/// A failure or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No answer came.
    Failed {
        /// Why.
        reason: Reason,
        /// Whether it provably was not processed.
        unprocessed: bool,
    },
    /// An answer came.
    Answered(StatusCode),
}

/// When the other side wants to be asked again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// It did not say.
    #[default]
    Nothing,
    /// In so many whole seconds (`Retry-After`).
    After(Duration),
    /// In exactly this time (`grpc-retry-pushback-ms`).
    Exactly(Duration),
    /// Not at all.
    Never,
}

impl Asked {
    /// Reads it from the head of a response; pushback counts before `Retry-After`. Dates count from `now`.
    pub fn of(headers: &HeaderMap, now: SystemTime) -> Self {
        if let Some(pushback) = headers.get(grpc::RETRY_PUSHBACK) {
            // What is negative or cannot be read asks not to repeat (gRFC A6).
            let millis = pushback.to_str().ok().and_then(|text| text.parse().ok());
            return millis.map_or(Self::Never, |ms| {
                Self::Exactly(Duration::from_millis(ms).min(retry_after::LONGEST))
            });
        }
        let after = headers.get(header::RETRY_AFTER);
        let wait = after.and_then(|value| retry_after::from_header(value, now));
        wait.map_or(Self::Nothing, Self::After)
    }

    /// The wait asked for.
    pub(crate) const fn wait(self) -> Option<Duration> {
        match self {
            Self::After(wait) | Self::Exactly(wait) => Some(wait),
            Self::Nothing | Self::Never => None,
        }
    }
}

impl Attempt {
    /// An attempt without an answer. What our own layers advise callers to do is nothing that the other side asked for.
    pub fn failed(failure: &Failure) -> Self {
        Self {
            outcome: Outcome::Failed {
                reason: failure.reason(),
                unprocessed: failure.unprocessed(),
            },
            asked: Asked::Nothing,
            repeated_behind: false,
        }
    }

    /// An attempt that was answered with this head.
    pub fn answered(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Self {
        Self {
            outcome: Outcome::Answered(status),
            asked: Asked::of(headers, now),
            repeated_behind: tells_of_repeats(headers.get(ATTEMPT_COUNT)),
        }
    }
}
