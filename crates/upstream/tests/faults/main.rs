//! An upstream over plain TCP against servers that misbehave.

mod failures;
mod plain;
mod races;
