//! Tower layers that fail with a named reason.

pub mod breaker;
pub mod classify;
pub mod deadline;
mod ends;
pub mod exchange;
pub mod hedge;
pub mod hop;
pub mod limit;
pub mod maintenance;
pub mod observe;
pub mod priority;
pub mod random;
pub mod rate;
mod ready;
pub mod refusal;
pub mod respond;
pub mod retry;
pub mod shed;
pub mod spare;
#[cfg(feature = "stack")]
pub mod stack;
#[cfg(test)]
mod testing;
pub mod throttle;
pub mod timeout;
pub mod trace;
mod window;
