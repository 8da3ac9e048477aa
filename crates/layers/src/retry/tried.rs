//! What was tried, for who tells of it.

use std::fmt;

use super::policy::Refusal;

/// What was tried, in the extensions of the answer that came of several attempts in the end.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    pub(super) attempts: u32,
    pub(super) why: Refusal,
}

impl Tried {
    /// How many attempts were made.
    pub const fn attempts(self) -> u32 {
        self.attempts
    }

    /// Why there was no other.
    pub const fn why(self) -> Refusal {
        self.why
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} attempts: {}", self.attempts, self.why)
    }
}
