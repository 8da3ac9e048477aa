//! The vocabulary of gateway failures: [`Reason`], [`Failure`], the one [`table`], and every form they are told in.
//!
//! 502: I asked, got nothing usable. 503: I asked, was told no. 504: I asked, gave up waiting.

mod failure;
pub mod grpc;
mod reason;
pub mod table;

pub use failure::{Extra, Failure, Source};
pub use reason::{Reason, UnknownReason};
