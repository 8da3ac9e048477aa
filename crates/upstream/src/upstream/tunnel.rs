//! What follows a switch of protocols: bytes both ways, until both sides have ended or one breaks.

use std::{sync::Arc, time::Duration};

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use outrigger_gateway::{Failure, Reason};
use outrigger_layers::exchange::Exchange;

use crate::{
    connect::Connect,
    pool::{Lease, Pool},
    tunnel::{Moved, carry},
};

/// Both sides of what follows, and what is told of it.
pub(super) struct Tunnel<C, B> {
    pub(super) client: OnUpgrade,
    pub(super) upstream: OnUpgrade,
    /// How long nothing may move.
    pub(super) idle: Duration,
    pub(super) exchange: Option<Exchange>,
    pub(super) pool: Arc<Pool<C, B>>,
    pub(super) lease: Lease<C, B>,
}

impl<C: Connect, B> Tunnel<C, B> {
    /// Carries what follows to its end.
    ///
    /// # Errors
    /// Why it did not come to a good one.
    pub(super) async fn carry(self) -> Result<(), Failure> {
        // The connection of the upstream has switched already; the client's does when its answer is written.
        let mut upstream = upgraded(self.upstream).await.map_err(|error| {
            let failure = Failure::new(Reason::UpgradeFailed).with_detail(error);
            failure.at_endpoint(self.pool.endpoint().label().clone())
        })?;
        let mut client = upgraded(self.client).await.map_err(|_| {
            Failure::new(Reason::ClientGone).with_detail("the client went away before the switch")
        })?;
        let moved = Moved::default();
        let ending = carry(&mut client, &mut upstream, self.idle, &moved).await;
        if let Some(exchange) = &self.exchange {
            exchange.count_request_bytes(usize::try_from(moved.up()).unwrap_or(usize::MAX));
            exchange.count_tunnelled_bytes(moved.down());
        }
        drop(self.lease);
        let failure = ending.failure(self.pool.connector(), self.pool.endpoint(), &moved, self.idle);
        failure.map_or(Ok(()), Err)
    }
}

async fn upgraded(switch: OnUpgrade) -> hyper::Result<TokioIo<Upgraded>> {
    switch.await.map(TokioIo::new)
}
