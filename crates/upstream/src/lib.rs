//! Endpoints, connections and pools, and what every error of theirs means.

mod body;
mod classify;
pub mod connect;
mod connection;
pub mod discover;
mod endpoint;
mod guess;
mod io;
mod pool;
mod spawn;
#[cfg(test)]
mod testing;
pub mod tunnel;
mod upstream;
mod window;

pub use body::{RequestBody, ResponseBody};
pub use connection::HttpLimits;
pub use endpoint::Endpoint;
pub use pool::PoolConfig;
pub use spawn::Spawn;
pub use upstream::{Speak, Timeouts, Upstream, UpstreamConfig};
pub use window::{CONNECTION_WINDOW, STREAM_WINDOW};
