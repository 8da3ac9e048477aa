//! The service: gRPC's health check, which needs no code to be generated; of a name that it does not know it never answers.

use std::time::Duration;

use futures_util::stream::Pending;
use outrigger::{
    maintenance::Switch,
    stack::{Config, ServerLayer, Timeouts},
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{Health, HealthServer},
};

use crate::BoxError;

/// Serves until it is dropped; the switch takes it out of service.
///
/// # Errors
/// A setting that cannot be obeyed.
pub fn serve(
    listener: TcpListener,
) -> Result<(impl Future<Output = Result<(), BoxError>> + Send, Switch), BoxError> {
    let stack = ServerLayer::standard(&Config {
        timeout: Timeouts {
            total: Some(Duration::from_secs(1)), // or the caller's `grpc-timeout`, if that is shorter
            ..Timeouts::default()
        },
        ..Config::default()
    })?;
    let switch = stack.parts().maintenance.switch().clone();
    let server = Server::builder()
        .layer(stack)
        .add_service(HealthServer::new(Checks));
    let incoming = TcpIncoming::from(listener);
    Ok((async { Ok(server.serve_with_incoming(incoming).await?) }, switch))
}

#[derive(Debug)]
struct Checks;

#[tonic::async_trait]
impl Health for Checks {
    type WatchStream = Pending<Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !request.get_ref().service.is_empty() {
            return std::future::pending().await;
        }
        Ok(Response::new(HealthCheckResponse {
            status: ServingStatus::Serving.into(),
        }))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("only checks are served"))
    }
}
