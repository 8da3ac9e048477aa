//! `outrigger-example-client`: the tour.

use outrigger_example_client::{BoxError, tour};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    for line in tour().await? {
        println!("{line}");
    }
    Ok(())
}
