mod dial;
mod http1;
mod http2;

use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{Leased, Pool, PoolConfig};
use crate::{
    connect::Protocol,
    testing::{Dials, Memory, TestBody, endpoint, no_body, settle, soon},
};

type TestPool = Arc<Pool<Memory, TestBody>>;

/// A pool that speaks `spoken` without negotiation, and where its dials arrive.
fn pool(spoken: Protocol, config: PoolConfig) -> (TestPool, Dials) {
    let (memory, dials) = Memory::new(None);
    (
        Arc::new(Pool::new(endpoint(1), memory, Some(spoken), config)),
        dials,
    )
}

/// A pool that does not know what is spoken until `negotiated` is.
fn negotiating(negotiated: Protocol) -> (TestPool, Dials) {
    let (memory, dials) = Memory::new(Some(negotiated));
    let pool = Pool::new(endpoint(1), memory, None, PoolConfig::default());
    (Arc::new(pool), dials)
}

/// A connection on its way.
fn connect(pool: &TestPool) -> tokio::task::JoinHandle<Result<Leased<TestBody>, super::Failure>> {
    let pool = pool.clone();
    tokio::spawn(async move { pool.connect(false, None).await })
}

fn get() -> Request<TestBody> {
    Request::builder()
        .uri("/")
        .header("host", "test")
        .body(no_body())
        .unwrap()
}

/// Sends a request; the response's head is awaited by whoever holds the other end.
fn send(leased: &mut Leased<TestBody>) -> tokio::task::JoinHandle<Result<Response<Incoming>, hyper::Error>> {
    let response = leased.connection.send(get());
    tokio::spawn(async move {
        response
            .await
            .map_err(hyper::client::conn::TrySendError::into_error)
    })
}

/// Reads a response to its end and gives its connection back.
async fn finish(pool: &TestPool, leased: Leased<TestBody>, response: Response<Incoming>) {
    soon(response.into_body().collect()).await.unwrap();
    leased.into_lease(pool).give_back();
    settle().await;
}
