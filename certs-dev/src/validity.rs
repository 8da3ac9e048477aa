//! From when until when a certificate holds. X.509 counts whole seconds; fractions are cut.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

/// How long a leaf holds unless asked otherwise: one day.
pub const LEAF_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an authority holds unless asked otherwise: seven days.
pub const AUTHORITY_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How far back a new certificate's start lies, so that a peer whose clock is slow takes it too.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// The span in which a certificate holds, both ends included (RFC 5280 §4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    not_before: SystemTime,
    not_after: SystemTime,
}

impl Validity {
    /// From `not_before` to `not_after`; the order is not checked, an empty span is a fault to test with.
    pub const fn between(not_before: SystemTime, not_after: SystemTime) -> Self {
        Self {
            not_before,
            not_after,
        }
    }

    /// From [`CLOCK_SKEW`] ago until `lifetime` from now.
    pub fn lasting(lifetime: Duration) -> Self {
        let now = SystemTime::now();
        Self::between(now - CLOCK_SKEW, now + lifetime)
    }

    /// Two days long, ended an hour ago.
    pub fn expired() -> Self {
        let end = SystemTime::now() - HOUR;
        Self::between(end - 2 * LEAF_LIFETIME, end)
    }

    /// A day long, begins in an hour.
    pub fn not_yet() -> Self {
        let start = SystemTime::now() + HOUR;
        Self::between(start, start + LEAF_LIFETIME)
    }

    /// The first moment of it.
    pub const fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// The last moment of it.
    pub const fn not_after(&self) -> SystemTime {
        self.not_after
    }

    pub(crate) fn ending_by(self, end: SystemTime) -> Self {
        Self {
            not_after: self.not_after.min(end),
            ..self
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.not_after < self.not_before
    }

    pub(crate) fn dates(self) -> (OffsetDateTime, OffsetDateTime) {
        (self.not_before.into(), self.not_after.into())
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);
