//! How a connection to an endpoint is made: whatever implements [`Connect`].
//!
//! This crate knows TCP; what is spoken over it (TLS, say) is the business of whoever assembles it. A connector
//! also reads the errors that only it understands, wherever they turn up later: under TLS 1.3 a refused client
//! certificate is told after the handshake is done.

use std::{error::Error, time::Duration};

use outrigger_gateway::{Failure, Reason, os};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout},
};

pub use crate::classify::broken_stream;
use crate::endpoint::Endpoint;

/// An HTTP version that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, by ALPN or with prior knowledge.
    Http2,
}

/// A connection just made.
#[derive(Debug)]
pub struct Connected<I> {
    /// The byte stream.
    pub io: I,
    /// What the two sides agreed to speak (ALPN), if they did.
    pub protocol: Option<Protocol>,
}

/// Makes connections to endpoints.
pub trait Connect: Send + Sync + 'static {
    /// The byte stream of a connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Connects to `endpoint`, ready for HTTP. It need not bound its time: the caller does.
    fn connect(
        &self,
        endpoint: &Endpoint,
    ) -> impl Future<Output = Result<Connected<Self::Io>, Failure>> + Send;

    /// The failure that an error of the byte stream means, if it is one that this connector knows best.
    fn classify(&self, error: &(dyn Error + 'static)) -> Option<Failure>;

    /// Whether requests travel as `https` (they are told so over HTTP/2).
    fn is_secure(&self) -> bool;
}

/// Opens a TCP connection, without delay of small writes.
///
/// # Errors
///
/// The failure that names why: refused, unroutable, timed out in the kernel, or our own fault.
pub async fn tcp(endpoint: &Endpoint) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(endpoint.address())
        .await
        .map_err(|error| os::not_connected(error, endpoint))?;
    stream
        .set_nodelay(true)
        .map_err(|error| os::not_connected(error, endpoint))?;
    Ok(stream)
}

/// Connects within `limit` and says how long it took.
///
/// # Errors
///
/// The connector's failure, or [`Reason::ConnectionTimeout`]; either names the endpoint.
pub async fn within<C: Connect>(
    connector: &C,
    endpoint: &Endpoint,
    limit: Duration,
) -> Result<(Connected<C::Io>, Duration), Failure> {
    let started = Instant::now();
    match timeout(limit, connector.connect(endpoint)).await {
        Ok(Ok(connected)) => Ok((connected, started.elapsed())),
        Ok(Err(failure)) => Err(failure.at_endpoint(endpoint.label().clone())),
        Err(_) => Err(Failure::new(Reason::ConnectionTimeout)
            .with_detail(format_args!("no connection to {endpoint} within {limit:?}"))
            .at_endpoint(endpoint.label().clone())),
    }
}
