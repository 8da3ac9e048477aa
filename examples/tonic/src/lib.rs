//! A tonic service and a client of it, each within its standard stack.

mod client;
mod service;

use std::{net::SocketAddr, time::Duration};

use tokio::net::TcpListener;
use tonic::{Code, Response, Status};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};

pub use self::{
    client::{channel, wrapped},
    service::serve,
};

/// An error of anyone.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Longer than the service allows itself.
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(100);

/// Starts the service, asks it for this and that, stops it and asks again; what came of each, line by line.
///
/// # Errors
/// No port can be bound, say.
pub async fn tour() -> Result<Vec<String>, BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let (serving, switch) = serve(listener)?;
    let serving = tokio::spawn(serving);
    let mut lines = Vec::new();
    let mut tell = |what: &str, told: String| lines.push(format!("{what:<42} {told}"));

    tell("well", check(addr, LONG, "").await?);
    tell(
        "the service takes longer than it may",
        check(addr, LONG, "slow").await?,
    );
    let mut plain = HealthClient::new(channel(addr, SHORT)?);
    tell(
        "tonic's own timeout, without the stack",
        told(plain.check(asking("slow")).await),
    );
    tell(
        "tonic's own timeout, within the stack",
        check(addr, SHORT, "slow").await?,
    );
    switch.turn(true);
    tell("out of service by order", check(addr, LONG, "").await?);
    serving.abort();
    let _ = serving.await;
    tell("gone", check(addr, LONG, "").await?);
    Ok(lines)
}

/// Asks over a channel of its own.
async fn check(addr: SocketAddr, timeout: Duration, service: &str) -> Result<String, BoxError> {
    let mut client = wrapped(channel(addr, timeout)?)?;
    Ok(told(client.check(asking(service)).await))
}

fn asking(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

fn told(result: Result<Response<HealthCheckResponse>, Status>) -> String {
    match result {
        Ok(response) => format!("{:?}", response.get_ref().status()),
        // The sentence has an address in it.
        Err(status) if status.code() == Code::Unavailable => {
            let reason = status.message().split(':').next().unwrap_or_default();
            format!("{:?} {reason}", status.code())
        }
        Err(status) => format!("{:?} {}", status.code(), status.message()),
    }
}
