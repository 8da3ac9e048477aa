//! What the configuration compiles to: immutable, shared by all workers, each of which builds its stacks from it.

mod upstream;

use std::{error::Error, fmt, net::SocketAddr, sync::Arc};

use metrics::Recorder;
use outrigger_identity::{Acceptor, ClientAuth, Identity, ServerSettings, SpiffePattern};
pub(crate) use outrigger_layers::observe::Bound;
use outrigger_layers::{
    hop,
    maintenance::Switch,
    observe::{self, Access, Metrics},
    random::random,
    respond,
};
use outrigger_upstream::discover::Endpoints;

pub(crate) use self::upstream::Upstream;
use crate::{
    config::{self, Config, Protocol, ProxyProtocol, Route, TlsMode},
    handshakes::Handshakes,
    tcp::Line,
};

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
    /// Whether each connection begins with a PROXY header.
    pub(crate) proxy_protocol: bool,
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
    /// Everything that arrives goes to this upstream, which another listener leads to as well.
    fn sharing(mut self, upstream: &Upstream) -> Self {
        self.upstreams = vec![upstream.for_every_request()];
        self.shared = true;
        self
    }

    /// Whether the case of names is of use to any upstream.
    pub(crate) fn keeps_case(&self) -> bool {
        self.upstreams.iter().any(Upstream::keeps_case)
    }
}

/// The configuration asks for what cannot be set up.
#[derive(Debug)]
pub(crate) struct PlanError {
    what: String,
    error: Box<dyn Error + Send + Sync>,
}

impl PlanError {
    fn of(upstream: &config::Upstream, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            what: format!("upstream {}", upstream.name),
            error: error.into(),
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.error)
    }
}

impl Error for PlanError {}

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

    /// The switches of all upstreams, by name; a name may stand in both directions.
    pub(crate) fn switches(&self) -> impl Iterator<Item = (&Arc<str>, &Switch)> {
        let upstreams = self.directions.iter().flat_map(|direction| &direction.upstreams);
        let upstreams = upstreams.map(|upstream| (&upstream.name, upstream.parts.maintenance.switch()));
        upstreams.chain(
            self.lines()
                .map(|line| (line.metrics.upstream(), &line.maintenance)),
        )
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
        direction.proxy_protocol = inbound.proxy_protocol == ProxyProtocol::Required;
        self.lead_to(&mut direction, &inbound.app)?;
        Ok(direction)
    }

    /// The listener for all, and those of upstreams' own.
    fn outbound(&self, outbound: &config::Outbound, instance: &str) -> Result<Vec<Direction>, PlanError> {
        let direction = |listen| Direction {
            proxy_protocol: outbound.proxy_protocol == ProxyProtocol::Required,
            ..self.direction(observe::Direction::Outbound, listen, instance)
        };
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
            proxy_protocol: false,
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
        acceptor.map(Some).map_err(|error| PlanError {
            what: format!("inbound {}", inbound.listen),
            error: error.into(),
        })
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
