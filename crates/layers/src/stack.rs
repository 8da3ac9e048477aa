//! All layers of one upstream from one [`Config`], in the order that is right for them.
//!
//! [`Parts`] makes the single layers, for who has an order of their own: the sidecar is built from them. Everything is checked
//! here; nothing panics later for what was configured.

mod config;
mod parts;
#[cfg(test)]
mod tests;

pub use self::{
    config::{Breaker, Config, ConfigError, Limit, Rate, Retry, Timeouts},
    parts::{Parts, Room},
};
