//! How values are written where the effective configuration shows them; `none` stands for an absent one.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Serialize, Serializer};

use super::duration;

/// The word for "no limit", "no listener", "switched off".
pub(super) const NONE: &str = "none";

/// Writes a value as its `Display`, or `none`.
pub(super) fn or_none<T: Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_str(NONE),
    }
}

/// Writes a duration with its unit.
pub(super) fn duration<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&duration::format(*value))
}

/// Writes a duration with its unit, or `none`.
pub(super) fn duration_or_none<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    or_none(&value.map(duration::format), to)
}

/// Writes a path.
pub(super) fn path<S: Serializer>(value: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&value.display())
}

/// Writes a list of paths.
pub(super) fn paths<S: Serializer>(value: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(value.iter().map(|path| path.display().to_string()))
}

/// Writes a list of values as their `Display`.
pub(super) fn list<T: Display, S: Serializer>(value: &[T], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(value.iter().map(ToString::to_string))
}

/// Implements `Serialize` by `Display`.
macro_rules! serialize_as_text {
    ($($name:ty),*) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    )*};
}
pub(super) use serialize_as_text;

/// A share between nothing (0) and all (1).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct Fraction(f64);

impl Fraction {
    /// A share within 0 ..= 1, or nothing.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The share as a number within 0 ..= 1.
    pub const fn get(self) -> f64 {
        self.0
    }
}
