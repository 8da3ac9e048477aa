use std::time::Duration;

use outrigger_gateway::Reason;
use tokio::time::{Instant, advance};

use super::{Leased, PoolConfig, Protocol, TestBody, TestPool, connect, finish, pool, send};
use crate::testing::{Dials, peer::Http2, settle, soon};

const IDLE: Duration = Duration::from_secs(30);

/// A connection whose first stream is leased, and its peer, which allows so many streams.
async fn first(pool: &TestPool, dials: &mut Dials, streams: u32) -> (Leased<TestBody>, Http2) {
    let connecting = connect(pool);
    let peer = Http2::with_streams(dials.accept().await, streams);
    let leased = soon(connecting).await.unwrap().unwrap();
    settle().await;
    (leased, peer)
}

/// As many streams as there is room for.
fn fill(pool: &TestPool) -> Vec<Leased<TestBody>> {
    std::iter::from_fn(|| pool.room()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_streams_share_a_connection_and_one_more_opens_another() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let (_first, _peer) = first(&pool, &mut dials, 1000).await;

    let others = fill(&pool);
    assert_eq!(others.len(), 99);
    assert!(others.iter().all(|leased| leased.connection.reused));
    let one_more = connect(&pool);
    let _second = Http2::new(dials.accept().await);

    assert!(soon(one_more).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn more_streams_than_the_peer_allows_open_another_connection() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let (_first, _peer) = first(&pool, &mut dials, 3).await;

    let _others = fill(&pool);
    assert_eq!(_others.len(), 2);
    let one_more = connect(&pool);
    let _second = Http2::new(dials.accept().await);

    assert!(soon(one_more).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_given_up_makes_room_for_another() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let (leased, _peer) = first(&pool, &mut dials, 1).await;
    assert!(pool.room().is_none());

    drop(leased);

    assert!(pool.room().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_stream_counts_until_its_lease_is_dropped() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let (leased, _peer) = first(&pool, &mut dials, 1).await;

    let lease = leased.into_lease(&pool);
    assert!(pool.room().is_none());
    lease.give_back();

    assert!(pool.room().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_peer_cut_is_not_handed_out() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let (_first, peer) = first(&pool, &mut dials, 1000).await;

    peer.cut();
    settle().await;

    assert!(pool.room().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_idled_for_too_long_is_swept() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let (mut leased, mut peer) = first(&pool, &mut dials, 1000).await;
    let response = send(&mut leased);
    peer.serve().await;
    finish(&pool, leased, soon(response).await.unwrap().unwrap()).await;

    advance(IDLE - Duration::from_millis(1)).await;
    pool.sweep(Instant::now());
    assert_eq!(pool.state().shared.len(), 1);
    advance(Duration::from_millis(1)).await;
    pool.sweep(Instant::now());

    assert!(pool.room().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_a_stream_open_is_not_swept_however_long_it_lasts() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let (mut leased, mut peer) = first(&pool, &mut dials, 1000).await;
    let response = send(&mut leased);

    advance(IDLE * 1000).await;
    pool.sweep(Instant::now());

    peer.serve().await;
    assert!(soon(response).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_got_too_old_finishes_its_streams_and_takes_no_more() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let (mut leased, mut peer) = first(&pool, &mut dials, 1000).await;
    let response = send(&mut leased);

    advance(PoolConfig::default().age).await;

    assert!(pool.room().is_none());
    peer.serve().await;
    assert!(soon(response).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_fails_leaves_the_connections_that_are_there() {
    let (pool, mut dials) = pool(Protocol::Http2, PoolConfig::default());
    let (leased, _peer) = first(&pool, &mut dials, 1).await;
    let more = connect(&pool);
    dials.next().await.refuse(Reason::ConnectionRefused);
    assert!(soon(more).await.unwrap().is_err());

    drop(leased);

    assert!(pool.room().is_some());
}
