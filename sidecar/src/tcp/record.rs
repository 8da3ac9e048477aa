//! What is told of one stream when it has ended, however it ended: metrics, and an access line.

use std::{sync::Arc, time::Duration};

use outrigger_gateway::{Failure, Reason};
use outrigger_layers::{hop, observe::Access};
use outrigger_upstream::{Endpoint, tunnel::Moved};
use tokio::time::Instant;

use super::{Line, metrics::OK};
use crate::plan::Direction;

/// Tells when it is dropped; a stream that nobody ended was cut, since only a drain cuts.
#[derive(Debug)]
pub(super) struct Record<'a> {
    direction: &'a Direction,
    line: &'a Line,
    client: Arc<hop::Client>,
    begun: Instant,
    moved: Moved,
    endpoint: Option<Arc<str>>,
    attempts: u32,
    connect_time: Duration,
    /// `None` while it has not ended.
    ended: Option<Option<Failure>>,
}

impl<'a> Record<'a> {
    /// A stream of this client begins.
    pub(super) fn begin(direction: &'a Direction, line: &'a Line, client: Arc<hop::Client>) -> Self {
        line.metrics.begin();
        Self {
            direction,
            line,
            client,
            begun: Instant::now(),
            moved: Moved::within(line.metrics.moved().clone()),
            endpoint: None,
            attempts: 0,
            connect_time: Duration::ZERO,
            ended: None,
        }
    }

    /// An endpoint is connected to.
    pub(super) fn tries(&mut self, endpoint: &Endpoint) {
        self.endpoint = Some(endpoint.label().clone());
        self.attempts += 1;
    }

    /// That came about, and took so long.
    pub(super) fn connected(&mut self, took: Duration) {
        self.connect_time = took;
    }

    /// Where the bytes of this stream are counted.
    pub(super) fn moved(&self) -> &Moved {
        &self.moved
    }

    /// It has ended: well, or so.
    pub(super) fn end(mut self, failure: Option<Failure>) {
        self.ended = Some(failure);
    }

    fn write(&self, failure: Option<&Failure>, took: Duration) {
        let client = &self.client;
        tracing::info!(
            target: "access",
            direction = self.direction.kind.label(),
            protocol = "tcp",
            upstream = &**self.line.metrics.upstream(),
            endpoint = self.endpoint.as_deref(),
            reason = failure.map_or(OK, |failure| failure.reason().label()),
            detail = failure.and_then(Failure::detail),
            attempts = self.attempts,
            up_bytes = self.moved.up(),
            down_bytes = self.moved.down(),
            connect_ms = millis(self.connect_time),
            total_ms = millis(took),
            client = client.addr().map(tracing::field::display),
            peer = client.certificate().and_then(|value| value.to_str().ok()),
        );
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        let failure = self.ended.take().unwrap_or_else(|| {
            Some(Failure::new(Reason::Draining).with_detail("cut at the end of the grace"))
        });
        self.line.metrics.end(failure.as_ref().map(Failure::reason), took);
        let wanted = match self.direction.access {
            Access::All => true,
            Access::Failures => failure.is_some(),
            Access::Off => false,
        };
        if wanted {
            self.write(failure.as_ref(), took);
        }
    }
}

/// Milliseconds with three decimals.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
