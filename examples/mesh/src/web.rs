//! The service that calls, as if orders were an ordinary host: its sidecar is its HTTP proxy and does the rest.

use axum::{
    Router,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use crate::{
    Error,
    call::{Answer, call},
    context,
};

pub(crate) const ADDR: &str = "127.0.0.1:7101";

/// Where its sidecar listens.
const PROXY: &str = "127.0.0.1:7102";

pub(crate) async fn serve() -> Result<(), Error> {
    let app = Router::new().route("/", get(ask)).route("/slow", get(ask));
    let listener = TcpListener::bind(ADDR).await.map_err(context(ADDR))?;
    Ok(axum::serve(listener, app).await?)
}

/// Asks orders for the same path, and tells its own caller the answer.
async fn ask(uri: Uri) -> Response {
    match call(PROXY, "GET", &format!("http://orders{}", uri.path())).await {
        Ok(answer) => (answer.status, tell(&answer)).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("no sidecar: {error}\n")).into_response(),
    }
}

fn tell(answer: &Answer) -> String {
    match (answer.status.is_success(), &answer.proxy_status) {
        (true, _) => format!("orders says: {}\n", answer.body),
        (false, None) => format!("orders failed: {}\n", answer.status),
        (false, Some(why)) => format!("orders failed: {}\nProxy-Status: {why}\n", answer.status),
    }
}
