//! Tower layers that fail with a named reason.

pub mod deadline;
pub mod hop;
pub mod limit;
pub mod random;
mod ready;
pub mod shed;
#[cfg(test)]
mod testing;
pub mod timeout;
