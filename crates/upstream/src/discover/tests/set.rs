use std::time::Duration;

use outrigger_gateway::{Failure, Reason};
use outrigger_layers::breaker::state::Config;
use tokio::time::Instant;

use crate::{
    Endpoint,
    discover::{Endpoints, Known, Source},
    testing::{address, settle},
};

const LIMIT: Duration = Duration::from_secs(1);

/// Endpoints of one name that nobody has looked up yet.
fn unknown() -> Endpoints {
    Endpoints::new([name(80)])
}

fn name(port: u16) -> Source {
    let host = "shop.test".into();
    Source::Dns { host, port }
}

fn found(ports: impl IntoIterator<Item = u16>) -> Vec<Endpoint> {
    ports
        .into_iter()
        .map(|port| Endpoint::resolved(address(port), "shop.test".into()))
        .collect()
}

/// What a source that was asked has brought.
fn known(endpoints: Vec<Endpoint>, failure: Option<Failure>) -> Known {
    Known {
        endpoints,
        failure,
        asked: true,
    }
}

#[tokio::test(start_paused = true)]
async fn fixed_addresses_are_known_from_the_start() {
    let endpoints = Endpoints::fixed([address(1), address(2)]);
    let begun = Instant::now();

    let set = endpoints.current(LIMIT).await.unwrap();

    assert_eq!(set.endpoints, [1, 2].map(|port| Endpoint::new(address(port))));
    assert!(!endpoints.needs_lookup());
    assert!(begun.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn addresses_are_used_while_names_beside_them_are_looked_up() {
    let endpoints = Endpoints::new([Source::Address(address(1)), name(80)]);
    let begun = Instant::now();

    assert_eq!(endpoints.current(LIMIT).await.unwrap().endpoints.len(), 1);
    assert!(endpoints.needs_lookup());
    assert!(begun.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn the_first_request_waits_for_the_first_answer() {
    let endpoints = unknown();
    let waiting = {
        let endpoints = endpoints.clone();
        tokio::spawn(async move { endpoints.current(LIMIT).await })
    };
    settle().await;

    endpoints.publish(&[known(found([80]), None)]);

    let set = waiting.await.unwrap().unwrap();
    assert_eq!(set.endpoints, found([80]));
}

#[tokio::test(start_paused = true)]
async fn the_first_request_waits_no_longer_than_the_limit() {
    let begun = Instant::now();

    let failure = unknown().current(LIMIT).await.unwrap_err();

    assert_eq!(failure.reason(), Reason::DnsTimeout);
    assert_eq!(begun.elapsed(), LIMIT);
    assert!(failure.unprocessed());
}

#[tokio::test(start_paused = true)]
async fn once_a_name_failed_no_request_waits_any_more() {
    let endpoints = unknown();
    endpoints.publish(&[known(Vec::new(), Some(Failure::new(Reason::DnsError)))]);
    let begun = Instant::now();

    let failure = endpoints.current(LIMIT).await.unwrap_err();

    assert_eq!(failure.reason(), Reason::DnsError);
    assert!(begun.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn endpoints_are_used_even_if_another_source_failed() {
    let endpoints = unknown();

    endpoints.publish(&[known(found([80]), Some(Failure::new(Reason::DnsError)))]);

    assert_eq!(endpoints.current(LIMIT).await.unwrap().endpoints, found([80]));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_several_sources_name_is_one_endpoint() {
    let endpoints = unknown();

    endpoints.publish(&[known(found([80, 81, 80, 81]), None)]);

    assert_eq!(endpoints.addresses(), [address(80), address(81)]);
}

#[tokio::test(start_paused = true)]
async fn a_set_that_did_not_change_stays_the_same_set() {
    let endpoints = unknown();
    endpoints.publish(&[known(found([80]), None)]);
    let before = endpoints.current(LIMIT).await.unwrap();

    endpoints.publish(&[known(found([80]), None)]);

    let after = endpoints.current(LIMIT).await.unwrap();
    assert!(
        std::sync::Arc::ptr_eq(&before, &after),
        "no pool need be looked for again"
    );
}

#[tokio::test(start_paused = true)]
async fn endpoints_that_stay_keep_their_breakers() {
    let endpoints = unknown().with_breakers(Config::default());
    endpoints.publish(&[known(found([80, 81]), None)]);
    let set = endpoints.current(LIMIT).await.unwrap();
    for _ in 0..5 {
        let pass = set.admit(1).unwrap().pass.unwrap();
        pass.failed(&Failure::new(Reason::ConnectionRefused));
    }

    endpoints.publish(&[known(found([82, 81]), None)]);

    let set = endpoints.current(LIMIT).await.unwrap();
    assert!(set.admit(0).is_some() && set.admit(1).is_none());
    let states: Vec<_> = endpoints.look().iter().map(|(_, view)| view.state()).collect();
    assert_eq!(states, ["usable", "held"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_over_is_forgotten() {
    let endpoints = unknown();
    endpoints.publish(&[known(found([80]), Some(Failure::new(Reason::DnsTimeout)))]);

    endpoints.publish(&[known(found([80]), None)]);

    assert!(endpoints.current(LIMIT).await.unwrap().failure.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_silent_name_does_not_hold_up_those_that_resolve() {
    let endpoints = unknown();
    endpoints.publish(&[known(found([80]), None), Known::default()]);
    let begun = Instant::now();

    let set = endpoints.current(LIMIT).await.unwrap();

    assert_eq!(set.endpoints, found([80]));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
