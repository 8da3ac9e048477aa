//! The service that is called. It speaks plain HTTP on loopback; who calls it, its sidecar says.

use std::{process, time::Duration};

use axum::{
    Router,
    http::HeaderMap,
    routing::{get, post},
};
use tokio::{net::TcpListener, time::sleep};

use crate::{Error, context};

pub(crate) const ADDR: &str = "127.0.0.1:7001";

/// The exit code of a crash.
pub(crate) const CRASHED: i32 = 42;

pub(crate) async fn serve() -> Result<(), Error> {
    let app = Router::new()
        .route("/", get(orders))
        .route("/slow", get(slow))
        .route("/crash", post(crash));
    let listener = TcpListener::bind(ADDR).await.map_err(context(ADDR))?;
    Ok(axum::serve(listener, app).await?)
}

async fn orders(headers: HeaderMap) -> String {
    format!("two orders, for {}", caller(&headers).unwrap_or("somebody"))
}

/// Longer than the caller's sidecar waits.
async fn slow() -> &'static str {
    sleep(Duration::from_secs(3)).await;
    "two orders, at last"
}

async fn crash() {
    process::exit(CRASHED);
}

/// The SPIFFE ID of the caller. The sidecar removes what callers say of themselves in this field.
fn caller(headers: &HeaderMap) -> Option<&str> {
    let certificate = headers.get("x-forwarded-client-cert")?.to_str().ok()?;
    certificate.split(';').find_map(|part| part.strip_prefix("URI="))
}
