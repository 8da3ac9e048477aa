//! Stops asking an upstream that fails, and comes back to it gently.
//!
//! [`state`] is the decision alone: without sockets, and with time and randomness as parameters.

pub mod state;
