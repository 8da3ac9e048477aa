use std::time::Duration;

use tokio::time::{Instant, advance};

use super::{PoolConfig, Protocol, TestPool, connect, finish, pool, send};
use crate::testing::{Dials, peer::Http1, settle, soon};

const IDLE: Duration = Duration::from_secs(30);
const AGE: Duration = Duration::from_secs(900);
const MOMENT: Duration = Duration::from_millis(1);

/// A connection that has carried one request and idles now.
async fn idle(pool: &TestPool, dials: &mut Dials) -> Http1 {
    let connecting = connect(pool);
    let mut peer = Http1::new(dials.accept().await);
    let mut leased = soon(connecting).await.unwrap().unwrap();
    let response = send(&mut leased);
    peer.serve().await;
    finish(pool, leased, soon(response).await.unwrap().unwrap()).await;
    peer
}

/// Two of them.
async fn two_idle(pool: &TestPool, dials: &mut Dials) -> (Http1, Http1) {
    let (first, second) = (connect(pool), connect(pool));
    let mut older = Http1::new(dials.accept().await);
    let mut newer = Http1::new(dials.accept().await);
    for (peer, connecting) in [(&mut older, first), (&mut newer, second)] {
        let mut leased = soon(connecting).await.unwrap().unwrap();
        let response = send(&mut leased);
        peer.serve().await;
        finish(pool, leased, soon(response).await.unwrap().unwrap()).await;
    }
    (older, newer)
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_used_again_and_known_as_reused() {
    let (pool, mut dials) = pool(Protocol::Http1, PoolConfig::default());
    let mut peer = idle(&pool, &mut dials).await;

    let mut again = pool.room().expect("it idles");

    assert!(again.connection.reused);
    let response = send(&mut again);
    peer.serve().await;
    assert!(soon(response).await.unwrap().is_ok());
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_is_not_known_as_reused() {
    let (pool, mut dials) = pool(Protocol::Http1, PoolConfig::default());
    let connecting = connect(&pool);
    let _peer = dials.accept().await;

    assert!(!soon(connecting).await.unwrap().unwrap().connection.reused);
}

#[tokio::test(start_paused = true)]
async fn each_request_in_flight_has_a_connection_of_its_own() {
    let (pool, mut dials) = pool(Protocol::Http1, PoolConfig::default());
    let (first, second) = (connect(&pool), connect(&pool));

    let _peers = (dials.accept().await, dials.accept().await);

    assert!(soon(first).await.unwrap().is_ok());
    assert!(soon(second).await.unwrap().is_ok());
    assert!(pool.room().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_connection_used_last_is_used_first() {
    let (pool, mut dials) = pool(Protocol::Http1, PoolConfig::default());
    let (_older, mut newer) = two_idle(&pool, &mut dials).await;

    let mut again = pool.room().expect("two idle");
    let _response = send(&mut again);

    newer.head().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_peer_closed_is_not_handed_out() {
    let (pool, mut dials) = pool(Protocol::Http1, PoolConfig::default());
    let (mut older, newer) = two_idle(&pool, &mut dials).await;

    drop(newer);
    settle().await;

    let mut again = pool.room().expect("one idles still");
    let _response = send(&mut again);
    older.head().await;
    assert!(pool.room().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_idle_up_to_its_limit() {
    let (pool, mut dials) = pool(Protocol::Http1, PoolConfig::default());
    let _peer = idle(&pool, &mut dials).await;

    advance(IDLE - MOMENT).await;

    assert!(pool.room().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_idled_for_too_long_is_closed_instead_of_used() {
    let (pool, mut dials) = pool(Protocol::Http1, PoolConfig::default());
    let mut peer = idle(&pool, &mut dials).await;

    advance(IDLE).await;

    assert!(pool.room().is_none());
    assert!(peer.rest().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_connection_draws_its_age_within_a_tenth_below_the_limit() {
    let (pool, _dials) = pool(Protocol::Http1, PoolConfig::default());
    let now = Instant::now();

    let ages: Vec<_> = (0..200).map(|_| pool.expiry(now) - now).collect();

    assert!(
        ages.iter().all(|age| *age > AGE * 9 / 10 && *age <= AGE),
        "{ages:?}"
    );
    let spread = *ages.iter().max().unwrap() - *ages.iter().min().unwrap();
    assert!(spread > AGE / 20, "{spread:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_got_too_old_is_closed_instead_of_used() {
    let config = PoolConfig {
        age: IDLE / 2,
        ..PoolConfig::default()
    };
    let (pool, mut dials) = pool(Protocol::Http1, config);
    let mut peer = idle(&pool, &mut dials).await;

    advance(IDLE / 2).await;

    assert!(pool.room().is_none());
    assert!(peer.rest().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_age_of_nothing_keeps_no_connection() {
    let config = PoolConfig {
        age: Duration::ZERO,
        ..PoolConfig::default()
    };
    let (pool, mut dials) = pool(Protocol::Http1, config);
    let _peer = idle(&pool, &mut dials).await;

    assert!(pool.room().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_sweep_closes_what_idled_for_too_long_and_nothing_else() {
    let (pool, mut dials) = pool(Protocol::Http1, PoolConfig::default());
    let (mut older, mut newer) = two_idle(&pool, &mut dials).await;
    advance(IDLE / 2).await;
    let mut again = pool.room().expect("two idle");
    let response = send(&mut again);
    newer.serve().await;
    finish(&pool, again, soon(response).await.unwrap().unwrap()).await;

    advance(IDLE / 2).await;
    pool.sweep(Instant::now());

    assert!(older.rest().await.is_empty());
    assert!(pool.room().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_response_is_given_up_is_closed() {
    let (pool, mut dials) = pool(Protocol::Http1, PoolConfig::default());
    let connecting = connect(&pool);
    let mut peer = Http1::new(dials.accept().await);
    let mut leased = soon(connecting).await.unwrap().unwrap();
    let response = send(&mut leased);
    peer.head().await;
    peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart")
        .await;

    drop(soon(response).await.unwrap().unwrap());
    drop(leased.into_lease(&pool));

    assert!(peer.rest().await.is_empty());
    assert!(pool.room().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_fresh_connection_is_dialed_even_if_one_idles() {
    let (pool, mut dials) = pool(Protocol::Http1, PoolConfig::default());
    let _peer = idle(&pool, &mut dials).await;
    let fresh = {
        let pool = pool.clone();
        tokio::spawn(async move { pool.connect(true, None).await })
    };

    let _new = dials.accept().await;

    assert!(!soon(fresh).await.unwrap().unwrap().connection.reused);
    assert!(pool.room().is_some(), "the idle one stays");
}
