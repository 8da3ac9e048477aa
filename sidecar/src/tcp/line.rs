//! What all workers share of one upstream that is spoken to in raw TCP, and how a stream gets there.

use std::{
    iter,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use outrigger_gateway::{Failure, Reason};
use outrigger_layers::{
    limit::{Limit, Place},
    maintenance::Switch,
};
use outrigger_upstream::{
    Endpoint,
    connect::{Connected, within},
    discover::{Choice, Endpoints},
};

use super::{metrics::Metrics, record::Record};
use crate::connector::{Connector, Stream};

/// One upstream, reached through one listener.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) endpoints: Endpoints,
    pub(crate) metrics: Metrics,
    connector: Connector,
    /// How many streams may be open at once.
    streams: Limit,
    /// Turned by the configuration, and by operators.
    pub(crate) maintenance: Switch,
    connect_time: Duration,
    idle: Duration,
    next: AtomicUsize,
}

impl Line {
    /// A line with room for `streams`, each of which may be silent for `idle`.
    pub(crate) fn new(
        metrics: Metrics,
        endpoints: Endpoints,
        connector: Connector,
        streams: usize,
        connect_time: Duration,
        idle: Duration,
    ) -> Self {
        Self {
            endpoints,
            metrics,
            connector,
            streams: Limit::new(streams),
            maintenance: Switch::default(),
            connect_time,
            idle,
            next: AtomicUsize::new(0),
        }
    }

    /// The same, out of service from the start or not.
    #[must_use]
    pub(crate) fn in_maintenance(mut self, on: bool) -> Self {
        self.maintenance = Switch::new(on);
        self
    }

    pub(super) fn idle(&self) -> Duration {
        self.idle
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// A place for one stream. Nobody waits for one: what takes hours is not waited for.
    pub(super) fn enter(&self) -> Result<Place, Failure> {
        if self.maintenance.is_on() {
            return Err(Failure::new(Reason::Maintenance).with_detail("out of service by order"));
        }
        let max = self.streams.max();
        let full =
            || Failure::new(Reason::Overload).with_detail(format_args!("{max} streams are open already"));
        self.streams.try_enter().ok_or_else(full)
    }

    /// Connects to one endpoint after the other, each once: nothing was said yet, so nothing is said twice. Those that
    /// their breakers hold back are left out; what counts there is whether a connection came about.
    ///
    /// `here` is where the client came in; who connects to that comes in again, and again.
    pub(super) async fn connect(
        &self,
        here: Option<SocketAddr>,
        record: &mut Record<'_>,
    ) -> Result<(Endpoint, Stream), Failure> {
        let set = self.endpoints.current(self.connect_time).await?;
        let count = set.endpoints().len();
        let first = self.next.fetch_add(1, Relaxed);
        let mut failed = None;
        let in_turn = (0..count).filter_map(|turn| set.admit(first.wrapping_add(turn) % count));
        for Choice { index, pass } in in_turn.chain(iter::from_fn(|| set.last_resort(None))) {
            let endpoint = &set.endpoints()[index];
            if Some(endpoint.address()) == here {
                failed = Some(circle(endpoint));
                continue;
            }
            record.tries(endpoint);
            match within(&self.connector, endpoint, self.connect_time).await {
                Ok((Connected { io, .. }, took)) => {
                    if let Some(pass) = pass {
                        pass.succeeded();
                        set.served(index);
                    }
                    record.connected(took);
                    return Ok((endpoint.clone(), io));
                }
                Err(failure) => {
                    if let Some(pass) = pass {
                        pass.failed(&failure);
                    }
                    // Whoever refuses our certificate will do so again, and so will its like.
                    if failure.reason() == Reason::TlsAlert {
                        return Err(failure);
                    }
                    failed = Some(failure);
                }
            }
        }
        Err(failed.unwrap_or_else(|| set.refusal()))
    }
}

fn circle(endpoint: &Endpoint) -> Failure {
    Failure::new(Reason::Loop)
        .with_detail(format_args!("{endpoint} is where the client came in"))
        .at_endpoint(endpoint.label().clone())
}
