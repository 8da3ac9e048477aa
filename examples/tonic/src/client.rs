//! The client: a generated one, over a `Channel` within its stack.

use std::{net::SocketAddr, time::Duration};

use outrigger::{
    stack::Config,
    tonic::{ChannelLayer, Wrapped},
};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::health_client::HealthClient;
use tower_layer::Layer;

use crate::BoxError;

/// tonic's channel as it is, with a timeout of tonic's.
///
/// # Errors
/// An address that makes no URI.
pub fn channel(addr: SocketAddr, timeout: Duration) -> Result<Channel, BoxError> {
    let endpoint = Endpoint::from_shared(format!("http://{addr}"))?.timeout(timeout);
    Ok(endpoint.connect_lazy())
}

/// The same channel within its stack: limits, a deadline, and repeats of what was not processed.
///
/// # Errors
/// A setting that cannot be obeyed.
pub fn wrapped(channel: Channel) -> Result<HealthClient<Wrapped<Channel>>, BoxError> {
    let stack = ChannelLayer::standard(&Config::default())?;
    Ok(HealthClient::new(stack.layer(channel)))
}
