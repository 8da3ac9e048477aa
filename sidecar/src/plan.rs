//! What the configuration compiles to: immutable, shared by all workers, each of which builds its stacks from it.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use metrics::Recorder;
use outrigger_identity::{
    Acceptor, Alpn, ClientAuth, ClientSettings, Expect, Identity, ServerSettings, SetupError, SpiffePattern,
};
pub(crate) use outrigger_layers::observe::Bound;
use outrigger_layers::{
    hop,
    limit::Limit,
    observe::{self, Access, Metrics},
    random::random,
    respond,
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

use crate::{
    config::{self, Config, HeaderCase, Protocol, Route, TlsMode},
    connector::Connector,
    handshakes::Handshakes,
    stack::Pooled,
    tcp::{self, Line},
};

/// "No limit": longer than any process lives, short enough to be added to any time.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// Everything that workers need to know.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) directions: Vec<Direction>,
}

/// One listener, and the way of the requests that arrive there.
#[derive(Debug)]
pub(crate) struct Direction {
    pub(crate) kind: observe::Direction,
    pub(crate) listen: SocketAddr,
    /// The deployment, as `Proxy-Status` calls it.
    pub(crate) name: Arc<str>,
    pub(crate) details: respond::Details,
    pub(crate) access: Access,
    pub(crate) via: hop::Name,
    pub(crate) metrics: Metrics,
    /// For what never becomes a request.
    pub(crate) unrouted: Arc<Bound>,
    pub(crate) target_bytes: usize,
    pub(crate) accept: Option<Acceptor>,
    /// Who may call; empty: anyone that the acceptor lets in.
    pub(crate) allow: Vec<SpiffePattern>,
    pub(crate) handshakes: Handshakes,
    pub(crate) limits: config::Limits,
    pub(crate) upstreams: Vec<Upstream>,
    /// Whether they are those of another listener, too.
    shared: bool,
    /// Raw TCP to where this leads, in place of requests to `upstreams`.
    pub(crate) line: Option<Arc<Line>>,
}

impl Direction {
    /// Whether the case of names is of use to any upstream.
    pub(crate) fn keeps_case(&self) -> bool {
        self.upstreams
            .iter()
            .any(|upstream| upstream.config.pool.http.keep_case)
    }
}

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
    pub(crate) endpoints: Endpoints,
    connector: Arc<Connector>,
    /// Agrees on HTTP/1.1 where the other leaves the choice to the endpoint.
    switching: Option<Arc<Connector>>,
    config: UpstreamConfig,
}

impl Direction {
    /// Everything that arrives goes to this upstream, which another listener leads to as well.
    fn sharing(mut self, upstream: &Upstream) -> Self {
        self.upstreams = vec![Upstream {
            route: Route::default(),
            ..upstream.clone()
        }];
        self.shared = true;
        self
    }
}

impl Upstream {
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

/// The configuration asks for what cannot be set up.
#[derive(Debug)]
pub(crate) struct PlanError {
    what: String,
    error: SetupError,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.error)
    }
}

impl std::error::Error for PlanError {}

/// What a plan is made from beside the configuration.
pub(crate) struct Means<'a> {
    pub(crate) config: &'a Config,
    pub(crate) identity: Option<&'a Arc<Identity>>,
    pub(crate) recorder: Arc<dyn Recorder + Send + Sync>,
}

impl Plan {
    /// Compiles a configuration.
    pub(crate) fn new(means: &Means<'_>) -> Result<Self, PlanError> {
        let instance = format!("{:08x}", random() as u32);
        let inbound = means
            .config
            .inbound
            .iter()
            .map(|inbound| means.inbound(inbound, &instance));
        let mut directions = inbound.collect::<Result<Vec<_>, _>>()?;
        if let Some(outbound) = &means.config.outbound {
            directions.extend(means.outbound(outbound, &instance)?);
        }
        Ok(Self { directions })
    }

    /// Where raw TCP goes.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.directions
            .iter()
            .filter_map(|direction| direction.line.as_deref())
    }

    /// Upstreams that have names to look up, each once.
    pub(crate) fn lookups(&self) -> impl Iterator<Item = &Endpoints> {
        let directions = self.directions.iter().filter(|direction| !direction.shared);
        let endpoints = directions.flat_map(|direction| {
            let upstreams = direction.upstreams.iter().map(|upstream| &upstream.endpoints);
            upstreams.chain(direction.line.iter().map(|line| &line.endpoints))
        });
        endpoints.filter(|endpoints| endpoints.needs_lookup())
    }
}

impl Means<'_> {
    fn inbound(&self, inbound: &config::Inbound, instance: &str) -> Result<Direction, PlanError> {
        let mut direction = self.direction(observe::Direction::Inbound, inbound.listen, instance);
        direction.accept = self.acceptor(inbound)?;
        direction.allow.clone_from(&inbound.allow);
        self.lead_to(&mut direction, &inbound.app)?;
        Ok(direction)
    }

    /// The listener for all, and those of upstreams' own.
    fn outbound(&self, outbound: &config::Outbound, instance: &str) -> Result<Vec<Direction>, PlanError> {
        let direction = |listen| self.direction(observe::Direction::Outbound, listen, instance);
        let mut directions = vec![direction(outbound.listen)];
        for to in &outbound.upstreams {
            let own = to.listen.map(direction);
            if to.is_routed() {
                let upstream = self.upstream(&to.upstream, to.route.clone(), &directions[0].metrics)?;
                directions.extend(own.map(|own| own.sharing(&upstream)));
                directions[0].upstreams.push(upstream);
            } else if let Some(mut own) = own {
                self.lead_to(&mut own, &to.upstream)?;
                directions.push(own);
            }
        }
        Ok(directions)
    }

    /// Everything that arrives goes to this upstream.
    fn lead_to(&self, direction: &mut Direction, upstream: &config::Upstream) -> Result<(), PlanError> {
        if upstream.protocol == Protocol::Tcp {
            direction.line = Some(Arc::new(self.line(direction.kind, upstream)?));
        } else {
            direction.upstreams = vec![self.upstream(upstream, Route::default(), &direction.metrics)?];
        }
        Ok(())
    }

    fn line(&self, direction: observe::Direction, upstream: &config::Upstream) -> Result<Line, PlanError> {
        Ok(Line::new(
            tcp::Metrics::new(&self.recorder, direction, upstream.name.as_str()),
            Endpoints::new(upstream.endpoints.iter().map(source)),
            self.connector(upstream, alpn(upstream.protocol))?,
            upstream.limit.streams.get(),
            upstream.timeout.connect,
            upstream.timeout.stream_idle.unwrap_or(FOREVER),
        ))
    }

    fn direction(&self, kind: observe::Direction, listen: SocketAddr, instance: &str) -> Direction {
        let config = self.config;
        let name = config.name.as_str();
        let way = match kind {
            observe::Direction::Inbound => "in",
            observe::Direction::Outbound => "out",
        };
        let via = hop::Name::try_new(format!("{name}-{way}-{instance}"));
        let metrics = Metrics::new(self.recorder.clone(), kind);
        Direction {
            kind,
            listen,
            name: name.into(),
            details: details(config.details),
            access: access(config.log.access),
            via: via.expect("a deployment's name is a token"),
            unrouted: metrics.bind(""),
            metrics,
            target_bytes: config.limits.target_bytes as usize,
            accept: None,
            allow: Vec::new(),
            handshakes: Handshakes::server(self.recorder.clone()),
            limits: config.limits.clone(),
            upstreams: Vec::new(),
            shared: false,
            line: None,
        }
    }

    fn acceptor(&self, inbound: &config::Inbound) -> Result<Option<Acceptor>, PlanError> {
        let auth = match inbound.tls {
            TlsMode::Off => return Ok(None),
            TlsMode::Mutual => ClientAuth::Required,
            TlsMode::Server => ClientAuth::None,
        };
        let identity = self
            .identity
            .expect("a configuration without identity has no TLS");
        let mut settings = ServerSettings::new(auth);
        if inbound.app.protocol == Protocol::Tcp {
            // Nothing is agreed on, and nothing that a client offers is refused.
            settings.alpn = &[];
        }
        let acceptor = Acceptor::try_new(identity, settings);
        let what = || format!("inbound {}", inbound.listen);
        acceptor
            .map(Some)
            .map_err(|error| PlanError { what: what(), error })
    }

    fn upstream(
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

fn details(details: config::Details) -> respond::Details {
    match details {
        config::Details::Auto => respond::Details::Auto,
        config::Details::Always => respond::Details::Always,
        config::Details::Never => respond::Details::Never,
    }
}

fn access(access: config::AccessLog) -> Access {
    match access {
        config::AccessLog::All => Access::All,
        config::AccessLog::Failures => Access::Failures,
        config::AccessLog::Off => Access::Off,
    }
}
