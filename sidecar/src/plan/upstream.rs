//! What all workers share of one upstream, compiled from its section.

use std::{sync::Arc, time::Duration};

use outrigger_identity::{Alpn, ClientSettings, Expect};
use outrigger_layers::{
    observe::{self, Metrics},
    stack::{self, Parts},
};
use outrigger_upstream::{
    HttpLimits, PoolConfig, Speak, Timeouts, UpstreamConfig,
    discover::{Endpoints, Source},
};

use super::{Bound, Means, PlanError};
use crate::{
    checks::Checks,
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
    /// The layers on the way to it.
    pub(crate) parts: Parts,
    /// Requests that are not refused for the sake of others.
    pub(crate) checks: Checks,
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

impl Means<'_> {
    pub(super) fn line(
        &self,
        direction: observe::Direction,
        upstream: &config::Upstream,
    ) -> Result<Line, PlanError> {
        Ok(Line::new(
            tcp::Metrics::new(&self.recorder, direction, upstream.name.as_str()),
            endpoints(upstream),
            self.connector(upstream, alpn(upstream.protocol))?,
            upstream.limit.streams,
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
        let parts = Parts::of_upstream(&policy(upstream), &name);
        let by_alpn = upstream.protocol == Protocol::Auto && upstream.tls.mode != TlsMode::Off;
        let switching = by_alpn.then(|| self.connector(upstream, &[Alpn::Http11]));
        let parts = parts.map_err(|error| PlanError::of(upstream, error))?;
        let bound = metrics.bind(&name);
        Ok(Upstream {
            checks: match bound.direction() {
                observe::Direction::Inbound => Checks::of_app(upstream.health.as_ref()),
                observe::Direction::Outbound => Checks::default(),
            },
            parts: match bound.direction() {
                observe::Direction::Inbound => parts.of_app(),
                observe::Direction::Outbound => parts,
            },
            bound,
            route,
            endpoints: endpoints(upstream),
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
        Connector::tls(identity.clone(), settings, handshakes).map_err(|error| PlanError::of(upstream, error))
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

/// What layers need to know of it.
fn policy(upstream: &config::Upstream) -> stack::Config {
    stack::Config {
        maintenance: upstream.maintenance,
        timeout: upstream.timeout.clone(),
        retry: upstream.retry.clone(),
        limit: upstream.limit.clone(),
        breaker: upstream.breaker.clone(),
    }
}

fn alpn(protocol: Protocol) -> &'static [Alpn] {
    match protocol {
        Protocol::Auto => Alpn::BOTH,
        Protocol::Http1 => &[Alpn::Http11],
        Protocol::Http2 => &[Alpn::H2],
        Protocol::Tcp => &[],
    }
}

/// Where it is, each place with a breaker of its own if there are to be any.
fn endpoints(upstream: &config::Upstream) -> Endpoints {
    let endpoints = Endpoints::new(upstream.endpoints.iter().map(source));
    match upstream.breaker.decision() {
        Some(decision) => endpoints.with_breakers(decision),
        None => endpoints,
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
