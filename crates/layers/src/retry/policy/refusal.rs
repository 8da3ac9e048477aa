//! Why there is no further attempt.

use std::fmt;

/// Why there is no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// All attempts are made.
    Attempts,
    /// A hop behind us has repeated it already.
    RepeatedBehind,
    /// It is a repeat itself: whoever sent it may send another.
    RepeatedBefore,
    /// It would come to the same again.
    Outcome,
    /// It may have been processed, and must not be twice.
    NotIdempotent,
    /// The other side asked us not to, or not for so long.
    AskedToWait,
    /// The wait does not end before the deadline.
    Deadline,
    /// Successes have not earned it.
    Budget,
    /// More of its body has passed than was kept.
    Body,
    /// There is no room for it at once.
    Room,
}

impl Refusal {
    /// Every refusal there is.
    pub const ALL: [Self; 10] = [
        Self::Attempts,
        Self::RepeatedBehind,
        Self::RepeatedBefore,
        Self::Outcome,
        Self::NotIdempotent,
        Self::AskedToWait,
        Self::Deadline,
        Self::Budget,
        Self::Body,
        Self::Room,
    ];

    /// The value of the metric label `outcome`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Attempts => "attempts_used",
            Self::RepeatedBehind => "repeated_behind",
            Self::RepeatedBefore => "repeated_before",
            Self::Outcome => "not_repeatable",
            Self::NotIdempotent => "not_idempotent",
            Self::AskedToWait => "asked_to_wait",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::Body => "body_not_kept",
            Self::Room => "no_room",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attempts => "all attempts are made",
            Self::RepeatedBehind => "a hop behind has repeated it already",
            Self::RepeatedBefore => "it is a repeat of a hop before, which may make another",
            Self::Outcome => "it would fail again",
            Self::NotIdempotent => "it may have been processed and is not idempotent",
            Self::AskedToWait => "the upstream asked to be left alone for longer",
            Self::Deadline => "no time is left to wait and ask again",
            Self::Budget => "the retry budget is used up",
            Self::Body => "more of the request's body has passed than was kept",
            Self::Room => "there is no room for another attempt",
        })
    }
}
