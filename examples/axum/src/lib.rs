//! An axum service and a client of it, each within its standard stack.

mod client;
mod service;

use std::net::SocketAddr;

use tokio::net::TcpListener;

pub use self::{client::Stock, service::service};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves at `addr` until the process ends.
///
/// # Errors
/// The address is taken, say.
pub async fn serve(addr: SocketAddr) -> Result<(), BoxError> {
    let (app, _) = service()?;
    let listener = TcpListener::bind(addr).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// Starts the service, asks it for this and that, stops it and asks again; what came of each, line by line.
///
/// # Errors
/// No port can be bound, say.
pub async fn tour() -> Result<Vec<String>, BoxError> {
    let (app, switch) = service()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let stock = Stock::new()?;
    let mut lines = Vec::new();
    let mut ask = async |what: &str, path: &str| -> Result<(), BoxError> {
        let told = match stock.ask(format!("http://{addr}{path}").parse()?).await {
            Ok((status, line)) => format!("{status} {line}"),
            Err(failure) => failure.reason().to_string(),
        };
        lines.push(format!("{what:<24} GET {path:<14} {told}"));
        Ok(())
    };
    ask("well", "/stock/apples").await?;
    ask("takes too long", "/report").await?;
    switch.turn(true);
    ask("out of service by order", "/stock/apples").await?;
    switch.turn(false);
    ask("back in service", "/stock/pears").await?;
    serving.abort();
    let _ = serving.await;
    // The connection that is left may still be served; a fresh one is not.
    let stock = Stock::new()?;
    let gone = stock.ask(format!("http://{addr}/stock/apples").parse()?).await;
    let told = gone.map_or_else(
        |failure| failure.reason().to_string(),
        |(status, _)| status.to_string(),
    );
    lines.push(format!("{:<24} GET {:<14} {told}", "gone", "/stock/apples"));
    Ok(lines)
}
