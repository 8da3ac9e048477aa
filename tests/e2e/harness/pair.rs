//! Two sidecars: the client's outbound, mutual TLS between, the server's inbound, and the app behind it.

use std::net::SocketAddr;

use super::{Certificates, Client, Sidecar};

/// A pair whose certificates are from one authority.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) outbound: Sidecar,
    pub(crate) inbound: Sidecar,
    /// The files stay for as long as the sidecars that read them.
    _certificates: Certificates,
}

/// What differs from a plain pair: more keys, as TOML.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keys<'a> {
    /// Of `[[outbound.upstream]]`.
    pub(crate) upstream: &'a str,
    /// Of `[[inbound]]`.
    pub(crate) inbound: &'a str,
    /// Of `[inbound.app]`.
    pub(crate) app: &'a str,
}

impl Pair {
    /// A pair before the app at `app`.
    pub(crate) async fn start(app: SocketAddr) -> Self {
        Self::with(app, Keys::default()).await
    }

    /// A pair before an app that speaks gRPC, hence HTTP/2.
    pub(crate) async fn grpc(app: SocketAddr) -> Self {
        let keys = Keys {
            app: "protocol = \"http2\"",
            ..Keys::default()
        };
        Self::with(app, keys).await
    }

    /// A pair with more keys.
    pub(crate) async fn with(app: SocketAddr, keys: Keys<'_>) -> Self {
        let certificates = Certificates::new();
        let listen = "127.0.0.1:0".parse().unwrap();
        let inbound = Sidecar::start(&inbound(&certificates, listen, app, keys)).await;
        let outbound = Sidecar::start(&outbound(&certificates, &[inbound.inbound()], keys)).await;
        Self {
            outbound,
            inbound,
            _certificates: certificates,
        }
    }

    /// Where the upstream's own listener is.
    pub(crate) fn own_listener(&self) -> SocketAddr {
        self.outbound.outbounds[1]
    }

    /// A client of the outbound sidecar.
    pub(crate) async fn http1(&self) -> Client {
        Client::http1(self.outbound.outbound()).await
    }

    /// The same over HTTP/2.
    pub(crate) async fn http2(&self) -> Client {
        Client::http2(self.outbound.outbound()).await
    }
}

/// The configuration of the server's side.
pub(crate) fn inbound(
    certificates: &Certificates,
    listen: SocketAddr,
    app: SocketAddr,
    keys: Keys<'_>,
) -> String {
    let identity = certificates.identity("orders");
    format!(
        "name = \"orders.shop\"\n{identity}[[inbound]]\nlisten = \"{listen}\"\n{}\n[inbound.app]\n\
         endpoints = [\"{app}\"]\n{}\n",
        keys.inbound, keys.app
    )
}

/// The configuration of the client's side.
pub(crate) fn outbound(certificates: &Certificates, endpoints: &[SocketAddr], keys: Keys<'_>) -> String {
    let identity = certificates.identity("web");
    let endpoints: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
    format!(
        "name = \"web.shop\"\n{identity}[outbound]\nlisten = \"127.0.0.1:0\"\n[[outbound.upstream]]\nname = \"orders\"\n\
         endpoints = {endpoints:?}\ntls = {{ server_name = \"orders.shop.svc\" }}\n{}\n",
        keys.upstream
    )
}
