//! Tower layers that fail with a named reason.

pub mod deadline;
pub mod exchange;
pub mod hop;
pub mod limit;
pub mod observe;
pub mod random;
mod ready;
pub mod respond;
pub mod shed;
#[cfg(test)]
mod testing;
pub mod timeout;
pub mod trace;
