//! What many clients do to one upstream that goes down and comes back.
//!
//! A deterministic discrete-event simulation with virtual time and seeded randomness that runs the policies of
//! `outrigger-layers` themselves: [`Retries`](outrigger_layers::retry::policy::Retries) with its budget and backoff,
//! [`breaker::state`](outrigger_layers::breaker::state), both limits of
//! [`limit::adaptive`](outrigger_layers::limit::adaptive), [`shed::pressure`](outrigger_layers::shed::pressure) and
//! [`throttle`](outrigger_layers::throttle). Strategies that fail stand beside those that hold, since a harness in which
//! nothing falls proves nothing.
//!
//! - [`world`]: one upstream, N clients, and what becomes of them; inputs are a [`scenario`] and a [`strategy`].
//! - [`published`]: results of others that a simulation of ours must reproduce before it is believed.
//! - [`chain`]: three hops that all repeat.
//! - [`bars`]: the limits that the figures must keep.

pub mod bars;
pub mod chain;
pub mod curves;
pub mod explore;
pub mod fleet;
pub mod published;
pub mod random;
pub mod report;
pub mod scenario;
pub mod strategy;
pub mod table;
pub mod world;
