//! What a text lacks to be a SPIFFE ID.

/// Why a text is no SPIFFE ID or pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeError {
    /// It begins otherwise.
    #[error("does not begin with spiffe:// (in lower case)")]
    Scheme,
    /// It has more than [`MAX_ID`](super::MAX_ID) bytes.
    #[error("has {0} bytes, more than 2048")]
    TooLong(usize),
    /// Nothing stands between `spiffe://` and the path.
    #[error("has no trust domain")]
    NoTrustDomain,
    /// The trust domain has more than 255 bytes.
    #[error("has a trust domain of {0} bytes, more than 255")]
    TrustDomainTooLong(usize),
    /// The trust domain may not be a `*`.
    #[error("has a * in its trust domain; one trust domain must be named")]
    TrustDomainWildcard,
    /// A character that a trust domain may not have.
    #[error("has {0:?} in its trust domain; allowed are a-z 0-9 . - _")]
    TrustDomainCharacter(char),
    /// Two slashes in a row, or one at the end.
    #[error("has an empty path segment (a double slash, or one at the end)")]
    EmptySegment,
    /// A segment that is `.` or `..`.
    #[error("has the path segment {0:?}; paths are not relative")]
    DotSegment(String),
    /// A `*` beside other characters, or where no pattern is expected.
    #[error("has the path segment {0:?}; a * stands only for whole segments, and only in patterns")]
    Wildcard(String),
    /// A character that a path may not have.
    #[error("has {0:?} in its path; allowed are a-z A-Z 0-9 . - _ between slashes")]
    PathCharacter(char),
}
