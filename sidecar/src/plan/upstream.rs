//! What all workers share of one upstream, compiled from its section.

use std::{sync::Arc, time::Duration};

use outrigger_identity::{Alpn, ClientSettings, Expect};
use outrigger_layers::{
    limit::Limit,
    maintenance::{MaintenanceLayer, Switch},
    observe::{self, Metrics},
    rate::{Rate, RateLayer},
    retry::{
        self, RetryLayer,
        backoff::Backoff,
        budget::Budget,
        policy::{Policy, Retries},
    },
    shed::{self, ShedLayer},
};
use outrigger_upstream::{
    HttpLimits, PoolConfig, Speak, Timeouts, UpstreamConfig,
    discover::{Endpoints, Source},
};

use super::{Bound, Means, PlanError};
use crate::{
    config::{self, HeaderCase, Protocol, Route, TlsMode},
    connector::Connector,
    handshakes::Handshakes,
    stack::Pooled,
    tcp::{self, Line},
};

/// "No limit": longer than any process lives, short enough to be added to any time.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// What all workers share of one upstream. A clone shares it, too.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) name: Arc<str>,
    pub(crate) route: Route,
    pub(crate) bound: Arc<Bound>,
    pub(crate) total: Option<Duration>,
    /// For requests that end.
    pub(crate) requests: Room,
    /// For upgrades.
    pub(crate) streams: Room,
    pub(crate) retry: RetryLayer,
    /// Turned by the configuration, and by operators.
    pub(crate) maintenance: MaintenanceLayer,
    pub(crate) rate: Option<RateLayer>,
    pub(crate) endpoints: Endpoints,
    connector: Arc<Connector>,
    /// Agrees on HTTP/1.1 where the other leaves the choice to the endpoint.
    switching: Option<Arc<Connector>>,
    config: UpstreamConfig,
}

impl Upstream {
    /// The same upstream, for whatever arrives.
    pub(super) fn for_every_request(&self) -> Self {
        Self {
            route: Route::default(),
            ..self.clone()
        }
    }

    /// Whether it is told names in the case they came in.
    pub(super) fn keeps_case(&self) -> bool {
        self.config.pool.http.keep_case
    }

    /// The upstream over connections of one worker's own.
    pub(crate) fn pooled(&self) -> Pooled {
        Pooled::with_switching(
            self.name.clone(),
            self.endpoints.clone(),
            self.connector.clone(),
            self.switching.clone(),
            self.config,
        )
    }
}

/// How many may be at an upstream at once, and how the others wait.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub(crate) limit: Limit,
    pub(crate) shed: ShedLayer,
}

impl Room {
    fn new(upstream: &Arc<str>, places: usize, queue: usize, wait: Duration) -> Self {
        let limit = Limit::new(places);
        let shed = ShedLayer::with_config(shed::Config {
            queue,
            wait,
            upstream: Some(upstream.clone()),
            limit: Some(limit.clone()),
            ..shed::Config::default()
        });
        Self { limit, shed }
    }
}

impl Means<'_> {
    pub(super) fn line(
        &self,
        direction: observe::Direction,
        upstream: &config::Upstream,
    ) -> Result<Line, PlanError> {
        Ok(Line::new(
            tcp::Metrics::new(&self.recorder, direction, upstream.name.as_str()),
            Endpoints::new(upstream.endpoints.iter().map(source)),
            self.connector(upstream, alpn(upstream.protocol))?,
            upstream.limit.streams.get(),
            upstream.timeout.connect,
            upstream.timeout.stream_idle.unwrap_or(FOREVER),
        )
        .in_maintenance(upstream.maintenance))
    }

    pub(super) fn upstream(
        &self,
        upstream: &config::Upstream,
        route: Route,
        metrics: &Metrics,
    ) -> Result<Upstream, PlanError> {
        let name: Arc<str> = upstream.name.as_str().into();
        let limit = &upstream.limit;
        let by_alpn = upstream.protocol == Protocol::Auto && upstream.tls.mode != TlsMode::Off;
        let switching = by_alpn.then(|| self.connector(upstream, &[Alpn::Http11]));
        Ok(Upstream {
            bound: metrics.bind(&name),
            route,
            total: upstream.timeout.total,
            requests: Room::new(&name, limit.in_flight.get(), limit.queue, limit.queue_wait),
            // A place that is taken for hours is not waited for.
            streams: Room::new(&name, limit.streams.get(), 0, Duration::ZERO),
            retry: retry(&upstream.retry),
            maintenance: MaintenanceLayer::new(Switch::new(upstream.maintenance)).of_upstream(name.clone()),
            rate: limit.rate.map(|limit| rate(limit, &name)),
            endpoints: Endpoints::new(upstream.endpoints.iter().map(source)),
            connector: Arc::new(self.connector(upstream, alpn(upstream.protocol))?),
            switching: switching.transpose()?.map(Arc::new),
            config: self.upstream_config(upstream),
            name,
        })
    }

    fn connector(&self, upstream: &config::Upstream, alpn: &'static [Alpn]) -> Result<Connector, PlanError> {
        let tls = &upstream.tls;
        if tls.mode == TlsMode::Off {
            return Ok(Connector::Plain);
        }
        let identity = self
            .identity
            .expect("a configuration without identity has no TLS");
        let settings = ClientSettings {
            present_certificate: tls.mode == TlsMode::Mutual,
            alpn,
            ..ClientSettings::new(Expect {
                server_name: tls.server_name.clone(),
                spiffe: tls.spiffe.clone(),
            })
        };
        let handshakes = Handshakes::client(self.recorder.clone());
        Connector::tls(identity.clone(), settings, handshakes).map_err(|error| PlanError {
            what: format!("upstream {}", upstream.name),
            error,
        })
    }

    fn upstream_config(&self, upstream: &config::Upstream) -> UpstreamConfig {
        let timeout = &upstream.timeout;
        UpstreamConfig {
            speak: match upstream.protocol {
                Protocol::Http1 => Speak::Http1,
                Protocol::Http2 => Speak::Http2,
                // Raw TCP has a line, and no use for what is spoken.
                Protocol::Auto | Protocol::Tcp => Speak::Auto,
            },
            timeouts: Timeouts {
                head: timeout.head.unwrap_or(FOREVER),
                idle: timeout.idle.unwrap_or(FOREVER),
                attempt: timeout.attempt,
                stream_idle: timeout.stream_idle.unwrap_or(FOREVER),
            },
            pool: PoolConfig {
                connect_timeout: timeout.connect,
                http: HttpLimits {
                    keep_case: upstream.header_case == HeaderCase::Kept,
                    ..HttpLimits::default()
                },
                ..PoolConfig::default()
            },
        }
    }
}

fn retry(config: &config::Retry) -> RetryLayer {
    let policy = Policy {
        attempts: config.attempts.get(),
        backoff: Backoff {
            base: config.base,
            cap: config.cap,
            ..Backoff::default()
        },
        ..Policy::default()
    };
    let budget = Budget::try_new(config.budget.get()).expect("a share is from 0 to 1");
    RetryLayer::new(retry::Config {
        replay_bytes: config.replay_bytes,
        ..retry::Config::new(Retries::new(policy, budget))
    })
}

/// All that a unit of time allows may come at once.
fn rate(limit: config::Rate, upstream: &Arc<str>) -> RateLayer {
    let per_second = f64::from(limit.count.get()) / limit.per.duration().as_secs_f64();
    let rate = Rate::try_new(per_second, limit.count.get());
    RateLayer::of_upstream(rate.expect("a rate has limits of its own"), upstream.clone())
}

fn alpn(protocol: Protocol) -> &'static [Alpn] {
    match protocol {
        Protocol::Auto => Alpn::BOTH,
        Protocol::Http1 => &[Alpn::Http11],
        Protocol::Http2 => &[Alpn::H2],
        Protocol::Tcp => &[],
    }
}

fn source(endpoint: &config::Endpoint) -> Source {
    match endpoint {
        config::Endpoint::Address(address) => Source::Address(*address),
        config::Endpoint::Dns { host, port } => Source::Dns {
            host: host.as_str().into(),
            port: port.get(),
        },
    }
}
