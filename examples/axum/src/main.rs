//! `outrigger-example-axum`: the tour; `outrigger-example-axum 127.0.0.1:3000`: the service.

use outrigger_example_axum::{serve, tour};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    match std::env::args().nth(1) {
        Some(addr) => serve(addr.parse()?).await,
        None => {
            for line in tour().await? {
                println!("{line}");
            }
            Ok(())
        }
    }
}
