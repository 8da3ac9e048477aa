//! The tour goes as the README shows it; and what a caller without tonic is told.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use outrigger_example_tonic::{serve, tour};
use tokio::net::TcpListener;

const README: &str = include_str!("../README.md");

#[tokio::test]
async fn the_tour_goes_as_the_readme_shows_it() {
    let lines = tour().await.unwrap();
    let shown = README
        .split("```console\n$ cargo run -p outrigger-example-tonic\n")
        .nth(1)
        .unwrap();
    let shown: Vec<_> = shown.split("```").next().unwrap().lines().collect();
    assert_eq!(lines, shown);
}

#[tokio::test]
async fn a_callers_deadline_ends_in_deadline_exceeded_before_tonic_calls_it_cancelled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!(
        "http://{}/grpc.health.v1.Health/Check",
        listener.local_addr().unwrap()
    );
    let serving = tokio::spawn(serve(listener).unwrap().0);
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    for timeout in ["1m", "20m", "50000u"] {
        let request = Request::post(&uri)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", timeout)
            .body(Full::new(Bytes::from_static(b"\0\0\0\0\x06\x0a\x04slow")))
            .unwrap();
        let response = client.request(request).await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "4", "{timeout}");
    }
    serving.abort();
}
