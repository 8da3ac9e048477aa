//! What may be sent again, when, and how often: decisions without sockets and without a clock of their own.
//!
//! Time is a [`Duration`](std::time::Duration) since an epoch that the caller chooses once for all that share a state;
//! randomness comes in as a number. So a simulation with virtual time runs the same code as a proxy.
//!
//! | module | decides |
//! |---|---|
//! | [`budget`] | whether there is a repeat to spend, of those that successes have earned |
//! | [`backoff`] | how long to wait before the next attempt |
//! | [`policy`] | whether this outcome of this request may be followed by another attempt at all |

pub mod backoff;
pub mod budget;
mod layer;
pub mod policy;
mod replay;
mod spare;
mod tally;

pub use self::{
    layer::{Config, ResponseFuture, Retry, RetryLayer, Tried},
    replay::Replay,
    tally::Tally,
};
