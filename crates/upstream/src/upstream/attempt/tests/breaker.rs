use std::time::Duration;

use outrigger_layers::breaker::state::View;
use tokio::time::advance;

use super::*;
use crate::testing::broken_upstream;

/// An upstream with so many endpoints, each with a breaker, all of which refuse connections.
async fn dead(endpoints: u16) -> (Upstream<Memory, TestBody>, Dials) {
    let (upstream, _, mut dials) = broken_upstream(1..=endpoints, UpstreamConfig::default());
    // Twice as many as open it: each gets a second chance where there are others.
    for _ in 0..10 * endpoints {
        let call = call(&upstream, get());
        while let Some(dial) = dials.soon().await {
            dial.refuse(Reason::ConnectionRefused);
        }
        fails(call).await;
    }
    (upstream, dials)
}

#[tokio::test(start_paused = true)]
async fn a_dead_endpoint_costs_no_connection_and_stays_502() {
    let (upstream, mut dials) = dead(1).await;

    let failure = fails(call(&upstream, get())).await;

    is(&failure, Reason::NoEndpointUnusable);
    assert!(dials.are_over().await);
    assert_eq!(failure.endpoint().map(|label| &**label), Some("10.0.0.1:1"));
    let detail = failure.detail().unwrap();
    assert!(detail.starts_with("10.0.0.1:1 is held back for "), "{detail}");
    assert!(detail.contains(" s more after 5 failures in a row: "), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn all_of_them_dead_are_502_as_well() {
    let (upstream, mut dials) = dead(3).await;
    let failure = fails(call(&upstream, get())).await;
    is(&failure, Reason::NoEndpointUnusable);
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn one_request_finds_out_and_all_others_wait() {
    let (upstream, mut dials) = dead(1).await;
    advance(Duration::from_secs(1)).await;
    let probe = call(&upstream, get());
    let mut peer = peer::Http1::new(dials.accept().await);
    peer.head().await;

    is(&fails(call(&upstream, get())).await, Reason::NoEndpointUnusable);
    assert!(dials.are_over().await);

    peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    succeeds(probe).await;
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_up_makes_room_for_another() {
    let (upstream, mut dials) = dead(1).await;
    advance(Duration::from_secs(1)).await;
    let probe = call(&upstream, get());
    let _dial = dials.next().await;
    probe.abort();
    settle().await;

    let again = call(&upstream, get());
    let mut peer = peer::Http1::new(dials.accept().await);
    peer.serve().await;
    succeeds(again).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_endpoints_the_dead_one_is_left_out_without_a_failure() {
    let (upstream, endpoints, mut dials) = broken_upstream(1..=2, UpstreamConfig::default());
    let mut dialled = 0;
    let mut peers = Vec::new();
    for _ in 0..30 {
        let call = call(&upstream, get());
        // The first endpoint refuses; what it refuses goes to the second for free.
        while let Some(dial) = dials.soon().await {
            if dial.endpoint.address().port() == 1 {
                dialled += 1;
                dial.refuse(Reason::ConnectionRefused);
            } else {
                peers.push(peer::Http1::new(dial.accept()));
            }
        }
        peers.last_mut().unwrap().serve().await;
        succeeds(call).await;
    }
    assert_eq!(dialled, 5);
    let views: Vec<_> = endpoints
        .look()
        .into_iter()
        .map(|(_, view)| view.state())
        .collect();
    assert_eq!(views, ["held", "usable"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_client_does_opens_nothing() {
    let (upstream, endpoints, mut dials) = broken_upstream(1..=1, UpstreamConfig::default());
    for _ in 0..20 {
        let call = call(&upstream, get());
        let _dial = dials.next().await;
        call.abort();
        settle().await;
    }
    assert_eq!(endpoints.look()[0].1, View::Closed);
}
