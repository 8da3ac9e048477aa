//! The mutual TLS sidecar assembled from Outrigger's layers.

pub mod cli;
pub mod config;
