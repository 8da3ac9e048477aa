use std::time::Duration;

use outrigger_gateway::Reason;
use tokio::{io::AsyncWriteExt, time::Instant};

use super::{PoolConfig, Protocol, connect, negotiating, pool};
use crate::testing::{peer::Http2, settle, soon};

#[tokio::test(start_paused = true)]
async fn one_dial_serves_all_who_wait_for_http2() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let waiting: Vec<_> = (0..20).map(|_| connect(&pool)).collect();
    settle().await;

    let _peer = Http2::new(dials.accept().await);

    for waiting in waiting {
        let leased = soon(waiting).await.unwrap().unwrap();
        assert_eq!(leased.connection.protocol(), Protocol::Http2);
    }
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_fails_is_told_to_all_who_wait() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let waiting: Vec<_> = (0..20).map(|_| connect(&pool)).collect();
    settle().await;

    dials.next().await.refuse(Reason::ConnectionRefused);

    for waiting in waiting {
        let failure = soon(waiting).await.unwrap().err().expect("nobody is there");
        assert_eq!(failure.reason(), Reason::ConnectionRefused);
        assert_eq!(failure.endpoint().map(|at| &**at), Some("10.0.0.1:1"));
        assert!(failure.unprocessed());
    }
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn after_a_dial_that_failed_another_may_begin() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let first = connect(&pool);
    dials.next().await.refuse(Reason::ConnectionRefused);
    assert!(soon(first).await.unwrap().is_err());

    let second = connect(&pool);
    let _peer = Http2::new(dials.accept().await);

    assert!(soon(second).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_dial_goes_on_when_the_request_that_began_it_is_given_up() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let first = connect(&pool);
    let dial = dials.next().await;
    let second = connect(&pool);
    settle().await;

    first.abort();
    assert!(soon(first).await.is_err_and(|gone| gone.is_cancelled()));
    let _peer = Http2::new(dial.accept());

    assert!(soon(second).await.unwrap().is_ok());
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_nobody_waits_for_any_more_serves_the_next_request() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let only = connect(&pool);
    let dial = dials.next().await;
    only.abort();
    let _peer = Http2::new(dial.accept());
    settle().await;

    assert!(soon(connect(&pool)).await.unwrap().is_ok());
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn after_a_dial_that_broke_off_in_a_panic_another_may_begin_and_nobody_waits() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let first = connect(&pool);
    // Its connector panics, for it gets no answer.
    drop(dials.next().await);
    let failure = soon(first).await.unwrap().err().expect("there is no connection");
    assert_eq!(failure.reason(), Reason::Internal);

    let second = connect(&pool);
    let _peer = Http2::new(dials.accept().await);

    assert!(soon(second).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_too_long_is_given_up_at_the_limit() {
    let config = PoolConfig {
        connect_timeout: Duration::from_secs(3),
        ..PoolConfig::default()
    };
    for spoken in [Protocol::Http1, Protocol::Http2] {
        let (pool, mut dials) = pool(spoken, config);
        let begun = Instant::now();
        let connecting = connect(&pool);
        let _dial = dials.next().await;

        let failure = soon(connecting).await.unwrap().err().expect("nobody answers");

        assert_eq!(failure.reason(), Reason::ConnectionTimeout);
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
        assert!(failure.unprocessed());
        assert_eq!(failure.detail(), Some("no connection to 10.0.0.1:1 within 3s"));
    }
}

#[tokio::test(start_paused = true)]
async fn one_dial_finds_out_what_is_spoken_and_with_http1_one_request_gets_its_connection() {
    let (pool, mut dials) = negotiating(Protocol::Http1);
    let waiting: Vec<_> = (0..3).map(|_| connect(&pool)).collect();
    settle().await;
    let dial = dials.next().await;
    assert!(dials.are_over().await, "the others wait for the first");

    let mut peers = vec![dial.accept()];
    for _ in 0..2 {
        peers.push(dials.accept().await);
    }

    for waiting in waiting {
        let leased = soon(waiting).await.unwrap().unwrap();
        assert_eq!(leased.connection.protocol(), Protocol::Http1);
    }
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn one_dial_finds_out_what_is_spoken_and_with_http2_all_share_its_connection() {
    let (pool, mut dials) = negotiating(Protocol::Http2);
    let waiting: Vec<_> = (0..3).map(|_| connect(&pool)).collect();

    let _peer = Http2::new(dials.accept().await);

    for waiting in waiting {
        let leased = soon(waiting).await.unwrap().unwrap();
        assert_eq!(leased.connection.protocol(), Protocol::Http2);
    }
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_closes_as_soon_as_it_is_made_is_not_dialed_again() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let waiting: Vec<_> = (0..3).map(|_| connect(&pool)).collect();
    let mut peer = dials.accept().await;
    // Only this side: what is written still goes through.
    peer.shutdown().await.unwrap();

    for waiting in waiting {
        let failure = soon(waiting).await.unwrap().err().expect("it is closed");
        assert_eq!(failure.reason(), Reason::ClosedBeforeResponse, "{failure}");
        assert_eq!(failure.endpoint().map(|at| &**at), Some("10.0.0.1:1"));
        assert!(failure.unprocessed());
    }
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_with_an_alert_as_soon_as_it_is_made_is_named_and_not_dialed_again() {
    for spoken in [Protocol::Http1, Protocol::Http2] {
        let (pool, mut dials) = negotiating(spoken);
        let waiting: Vec<_> = (0..3).map(|_| connect(&pool)).collect();
        let mut peer = dials.next().await.accept_to_alert(116);
        peer.shutdown().await.unwrap();

        for waiting in waiting {
            let failure = soon(waiting).await.unwrap().err().expect("it is refused");
            assert_eq!(failure.reason(), Reason::TlsAlert, "{failure}");
        }
        assert!(dials.are_over().await);
    }
}

#[tokio::test(start_paused = true)]
async fn more_waiters_than_streams_dial_once_more() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let waiting: Vec<_> = (0..150).map(|_| connect(&pool)).collect();

    let _first = Http2::new(dials.accept().await);
    let _second = Http2::new(dials.accept().await);

    for waiting in waiting {
        assert!(soon(waiting).await.unwrap().is_ok());
    }
    assert!(dials.are_over().await);
}
