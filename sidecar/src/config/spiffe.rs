//! Patterns for SPIFFE IDs.

use std::{fmt, str::FromStr};

use super::text::serialize_as_text;

/// A SPIFFE ID, or all below a path: `spiffe://shop/ns/web/sa/*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpiffePattern(String);

impl FromStr for SpiffePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("spiffe://") {
            Some(rest) if !rest.is_empty() => Ok(Self(text.to_owned())),
            _ => Err(format!("`{text}` is not a SPIFFE ID")),
        }
    }
}

impl fmt::Display for SpiffePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serialize_as_text!(SpiffePattern);
