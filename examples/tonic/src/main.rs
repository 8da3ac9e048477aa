//! `outrigger-example-tonic`: the tour; `outrigger-example-tonic 127.0.0.1:50051`: the service.

use outrigger_example_tonic::{BoxError, serve, tour};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    match std::env::args().nth(1) {
        Some(addr) => {
            let listener = TcpListener::bind(addr).await?;
            println!("listening on {}", listener.local_addr()?);
            let (serving, _) = serve(listener)?;
            serving.await
        }
        None => {
            for line in tour().await? {
                println!("{line}");
            }
            Ok(())
        }
    }
}
