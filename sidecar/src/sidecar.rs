//! A running sidecar: listeners, workers, and the way out.
//!
//! ## Serving => Draining => Stopped
//!
//! `SIGTERM` turns readiness off while traffic is still served (`drain.delay`: whoever balances must notice). Then
//! inbound connections are asked to end (GOAWAY, `Connection: close`), what waits in the backlog is still taken
//! in, and the listener closes. Outbound follows when inbound is empty, since the app may still call while it
//! answers. Raw streams go on as long as they are let. At `drain.grace` what is left is cut.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    time::Duration,
};

use outrigger_identity::{Identity, LoadErrors, Sources, Watch, log_stage};
use outrigger_layers::observe::Direction;
use outrigger_upstream::discover::Resolver;
use socket2::SockRef;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{
    admin::{self, Admin},
    config::Config,
    listener::{BindError, Listener},
    plan::{Means, Plan},
    telemetry::Telemetry,
    worker::Workers,
};

/// How often a draining sidecar looks whether it is empty.
const LOOK: Duration = Duration::from_millis(20);

/// How long streams that are cut have to tell of it.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Why a sidecar does not start.
#[derive(Debug)]
pub enum StartError {
    /// Certificate, key or trust bundle are not usable.
    Identity(LoadErrors),
    /// The configuration asks for what cannot be set up.
    Setup(String),
    /// An address cannot be listened at.
    Bind(BindError),
    /// The operating system refuses.
    System(std::io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(errors) => errors.fmt(f),
            Self::Setup(error) => f.write_str(error),
            Self::Bind(error) => error.fmt(f),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

/// What a sidecar is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    Serving,
    Draining,
}

/// What the sidecar and its admin surface have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) telemetry: Telemetry,
    phase: AtomicU8,
}

impl Shared {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Serving,
            _ => Phase::Draining,
        }
    }
}

/// A sidecar that serves.
#[derive(Debug)]
pub struct Sidecar {
    shared: Arc<Shared>,
    workers: Arc<Workers>,
    listeners: Vec<(Direction, SocketAddr)>,
    admin: SocketAddr,
    probe: Option<SocketAddr>,
    /// Per direction: whether its listener may go on accepting.
    open: Vec<watch::Sender<bool>>,
    accepting: JoinSet<()>,
    /// Ends with the sidecar.
    _background: JoinSet<()>,
}

impl Sidecar {
    /// Reads the identity that `config` names.
    ///
    /// # Errors
    ///
    /// What is wrong with which file, all of it.
    pub fn identity(config: &Config) -> Result<Option<Identity>, LoadErrors> {
        let Some(identity) = &config.identity else {
            return Ok(None);
        };
        let sources = Sources {
            cert: identity.cert.clone(),
            key: identity.key.clone(),
            trust: identity.trust.clone(),
            crl: identity.crl.clone(),
        };
        Identity::load(&sources).map(Some)
    }

    /// Starts to serve, on threads of its own and on the runtime that this is called on.
    ///
    /// # Errors
    ///
    /// An address is taken, or the configuration asks for what cannot be set up.
    pub fn start(config: Config, identity: Option<Identity>) -> Result<Self, StartError> {
        let telemetry = Telemetry::new();
        let identity = identity.map(Arc::new);
        let means = Means {
            config: &config,
            identity: identity.as_ref(),
            recorder: telemetry.recorder.clone(),
        };
        let plan = Arc::new(Plan::new(&means).map_err(|error| StartError::Setup(error.to_string()))?);

        // All ports before anything runs: a sidecar starts whole or not at all.
        let bind = |what, addr| Listener::bind(what, addr).map_err(StartError::Bind);
        let listeners = plan
            .directions
            .iter()
            .map(|direction| bind(direction.kind.label(), direction.listen));
        let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
        let admin_listener = bind("admin", config.admin.listen)?;
        let probe_listener = config.probe.listen.map(|addr| bind("probe", addr)).transpose()?;

        let workers = Workers::start(workers(&config), &plan, &*telemetry.recorder);
        let workers = Arc::new(workers.map_err(StartError::System)?);
        let shared = Arc::new(Shared {
            config,
            identity,
            plan: plan.clone(),
            telemetry,
            phase: AtomicU8::new(0),
        });
        let mut background = JoinSet::new();
        background.spawn(shared.telemetry.clone().upkeep());
        look_names_up(&plan, &shared.config, &mut background)?;
        if let Some(identity) = &shared.identity {
            let watch = Watch::new(identity.certificates());
            background.spawn(async { match watch.run(log_stage).await {} });
        }
        let (admin, probe) = (admin_listener.addr(), probe_listener.as_ref().map(Listener::addr));
        background.spawn(admin::serve(admin_listener, Admin::full(shared.clone())));
        if let Some(listener) = probe_listener {
            background.spawn(admin::serve(listener, Admin::probe(shared.clone())));
        }

        let mut sidecar = Self {
            listeners: plan
                .directions
                .iter()
                .zip(&listeners)
                .map(|(to, at)| (to.kind, at.addr()))
                .collect(),
            shared,
            workers,
            admin,
            probe,
            open: Vec::new(),
            accepting: JoinSet::new(),
            _background: background,
        };
        for (index, listener) in listeners.into_iter().enumerate() {
            sidecar.accept(index, listener);
        }
        Ok(sidecar)
    }

    /// Where requests of this direction are taken, in the order of the configuration.
    pub fn listening(&self, direction: Direction) -> impl Iterator<Item = SocketAddr> {
        self.listeners
            .iter()
            .filter(move |(kind, _)| *kind == direction)
            .map(|(_, addr)| *addr)
    }

    /// Where the admin surface is.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Where the read-only probe surface is.
    pub fn probe(&self) -> Option<SocketAddr> {
        self.probe
    }

    fn accept(&mut self, index: usize, listener: Listener) {
        let (open, closing) = watch::channel(true);
        self.open.push(open);
        let most = self.shared.config.limits.connections.get();
        let is_raw = self.shared.plan.directions[index].line.is_some();
        self.accepting.spawn(accept(
            listener,
            self.workers.clone(),
            index,
            is_raw,
            most,
            closing,
        ));
    }

    /// Drains and stops; `delay` is how long traffic is still served as before.
    ///
    /// Returns how many connections had to be cut at the end of the grace, counted from now.
    pub async fn stop(mut self, delay: Duration, grace: Duration) -> usize {
        let end = Instant::now() + grace;
        self.shared.phase.store(Phase::Draining as u8, Relaxed);
        sleep(delay.min(grace)).await;
        for direction in [Direction::Inbound, Direction::Outbound] {
            self.close(direction);
            let empty = async {
                while self.left(direction) > 0 {
                    sleep(LOOK).await;
                }
            };
            // What is left at the end is counted below.
            let _ = timeout_at(end, empty).await;
        }
        self.accepting.shutdown().await;
        let left = self.left(Direction::Inbound) + self.left(Direction::Outbound);
        self.cut_streams().await;
        left
    }

    /// Raw streams know no request that would be their last: they are cut at the end, and tell of it.
    async fn cut_streams(&self) {
        let lines = self.shared.plan.directions.iter().enumerate();
        let lines = lines.filter(|(_, direction)| direction.line.is_some());
        let lines: Vec<_> = lines.map(|(index, _)| index).collect();
        lines.iter().for_each(|index| self.workers.drain(*index));
        let gone = async {
            while lines.iter().any(|index| self.workers.open(*index) > 0) {
                sleep(LOOK / 4).await;
            }
        };
        // A worker that is busy need not be waited for: its connections are reset when the process ends.
        let _ = timeout(LAST_WORD, gone).await;
    }

    fn close(&self, direction: Direction) {
        for index in self.indices(direction) {
            self.open[index].send_replace(false);
            if self.shared.plan.directions[index].line.is_none() {
                self.workers.drain(index);
            }
        }
    }

    fn left(&self, direction: Direction) -> usize {
        self.indices(direction)
            .map(|index| self.workers.open(index))
            .sum()
    }

    fn indices(&self, direction: Direction) -> impl Iterator<Item = usize> {
        let directions = self.shared.plan.directions.iter().enumerate();
        directions
            .filter(move |(_, of)| of.kind == direction)
            .map(|(index, _)| index)
    }
}

/// Accepts until it is told to close, then takes in what is still waiting: those clients believe that they are
/// connected.
async fn accept(
    listener: Listener,
    workers: Arc<Workers>,
    index: usize,
    is_raw: bool,
    most: usize,
    mut closing: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            (stream, addr) = listener.accept() => {
                // Closing it at once tells the client more than leaving it in the backlog.
                if workers.open(index) < most {
                    workers.serve(stream, addr, index);
                } else {
                    tracing::warn!(%addr, most, "a connection was closed: limits.connections is reached");
                    if is_raw {
                        // Being closed would look like an end that is meant.
                        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                    }
                }
            }
            _ = closing.wait_for(|open| !open) => break,
        }
    }
    while let Some((stream, addr)) = listener.accept_waiting() {
        workers.serve(stream, addr, index);
    }
}

/// `auto` = one a core, up to four: a sidecar lives beside an app that needs cores more.
fn workers(config: &Config) -> usize {
    match config.workers {
        crate::config::Workers::Count(count) => count.get(),
        crate::config::Workers::Auto => {
            std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4))
        }
    }
}

fn look_names_up(plan: &Plan, config: &Config, background: &mut JoinSet<()>) -> Result<(), StartError> {
    let mut lookups = plan.lookups().peekable();
    if lookups.peek().is_none() {
        return Ok(());
    }
    let resolver =
        Resolver::new(&config.dns.servers).map_err(|error| StartError::Setup(error.to_string()))?;
    for endpoints in lookups {
        background.spawn(endpoints.clone().keep(resolver.clone()));
    }
    Ok(())
}
