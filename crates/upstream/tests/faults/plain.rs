//! An upstream over plain TCP, and what a call to it ends with.

use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use outrigger_gateway::Failure;
use outrigger_upstream::{
    Endpoint, PoolConfig, Speak, Timeouts, Upstream, UpstreamConfig,
    connect::{Connect, Connected, tcp},
    discover::Endpoints,
};
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

/// Every limit of the upstreams here: long for loopback, short for a test.
pub(crate) const LIMIT: Duration = Duration::from_millis(400);
/// More than all limits of one call together.
const PATIENCE: Duration = Duration::from_secs(5);

/// TCP and nothing else.
pub(crate) struct Plain;

impl Connect for Plain {
    type Io = TcpStream;

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connected<TcpStream>, Failure> {
        let io = tcp(endpoint).await?;
        Ok(Connected { io, protocol: None })
    }

    fn classify(&self, _: &(dyn Error + 'static)) -> Option<Failure> {
        None
    }

    fn is_secure(&self) -> bool {
        false
    }
}

pub(crate) type PlainUpstream = Upstream<Plain, Full<Bytes>>;

pub(crate) fn upstream(addresses: impl IntoIterator<Item = SocketAddr>, speak: Speak) -> PlainUpstream {
    let timeouts = Timeouts {
        head: LIMIT,
        idle: LIMIT,
        ..Timeouts::default()
    };
    let pool = PoolConfig {
        connect_timeout: LIMIT,
        ..PoolConfig::default()
    };
    let config = UpstreamConfig {
        speak,
        timeouts,
        pool,
    };
    Upstream::new(
        "test".into(),
        Endpoints::fixed(addresses),
        Arc::new(Plain),
        config,
    )
}

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Well(StatusCode, Bytes),
    /// Before there was a head.
    InHead(Failure),
    /// After there was one.
    InBody(Failure),
}

/// Sends a request with an empty body and reads the response to its end.
pub(crate) async fn call(upstream: &PlainUpstream, method: Method) -> Ended {
    send(upstream, method, Full::default()).await
}

pub(crate) async fn send(upstream: &PlainUpstream, method: Method, body: Full<Bytes>) -> Ended {
    let request = Request::builder().method(method).uri("/").header("host", "test");
    let request = request.body(body).expect("a request");
    timeout(PATIENCE, whole(upstream.clone(), request))
        .await
        .expect("a call ends")
}

async fn whole(mut upstream: PlainUpstream, request: Request<Full<Bytes>>) -> Ended {
    let response = match upstream.call(request).await {
        Ok(response) => response,
        Err(failure) => return Ended::InHead(failure),
    };
    let status = response.status();
    match response.into_body().collect().await {
        Ok(body) => Ended::Well(status, body.to_bytes()),
        Err(failure) => Ended::InBody(failure),
    }
}
