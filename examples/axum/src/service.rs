//! The service: a stock of fruit, and a report that takes its time.

use std::time::Duration;

use axum::{Router, extract::Path, routing::get};
use outrigger::{
    maintenance::Switch,
    stack::{Config, ConfigError, Limit, ServerLayer, Timeouts},
};

/// The app within its stack, and the switch that takes it out of service.
///
/// # Errors
/// A setting that cannot be obeyed.
pub fn service() -> Result<(Router, Switch), ConfigError> {
    let stack = ServerLayer::standard(&Config {
        timeout: Timeouts {
            total: Some(Duration::from_secs(1)), // 504, waiting included
            ..Timeouts::default()
        },
        limit: Limit {
            in_flight: 512, // to the end of the response's body; 128 more wait for 250 ms, then 503 + Retry-After
            ..Limit::default()
        },
        ..Config::default()
    })?;
    let switch = stack.parts().maintenance.switch().clone();
    let app = Router::new()
        .route("/stock/{fruit}", get(stock))
        .route("/report", get(report))
        .layer(stack);
    Ok((app, switch))
}

async fn stock(Path(fruit): Path<String>) -> String {
    format!("{} {fruit}\n", fruit.len())
}

/// It never comes.
async fn report() -> String {
    std::future::pending().await
}
