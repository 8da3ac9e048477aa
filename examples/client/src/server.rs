//! What is called: an HTTP and gRPC service over mutual TLS. No part of what the example shows.

use axum::routing::get;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use outrigger::identity::{Acceptor, ClientAuth, Identity, ServerSettings};
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic_health::server::health_reporter;

use crate::BoxError;

/// Serves callers with a certificate of the same authority, until it is dropped.
///
/// # Errors
/// An identity that cannot be served with.
pub fn serve(
    listener: TcpListener,
    identity: &Identity,
) -> Result<impl Future<Output = ()> + Send + use<>, BoxError> {
    let acceptor = Acceptor::try_new(identity, ServerSettings::new(ClientAuth::Required))?;
    let (_, health) = health_reporter();
    let app = Routes::new(health).into_axum_router();
    let app = app.route("/", get(async || "orders\n"));
    Ok(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, app) = (acceptor.clone(), app.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let service = TowerToHyperService::new(app);
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                }
            });
        }
    })
}
