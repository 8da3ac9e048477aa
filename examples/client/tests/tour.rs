//! The tour goes as the README shows it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use outrigger_example_client::tour;

const README: &str = include_str!("../README.md");

#[tokio::test]
async fn the_tour_goes_as_the_readme_shows_it() {
    let lines = tour().await.unwrap();
    let shown = README
        .split("```console\n$ cargo run -p outrigger-example-client\n")
        .nth(1)
        .unwrap();
    let shown: Vec<_> = shown.split("```").next().unwrap().lines().collect();
    assert_eq!(lines, shown);
}
