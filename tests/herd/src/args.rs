//! The command line.

use std::path::PathBuf;

use clap::Parser;
use outrigger_herd::{
    bars::CLIENTS,
    scenario::{Outage, Scenario, Workload},
    strategy::{self, Strategy, names},
};

/// What the sidecar gives an upstream for the head of its response, in seconds.
const SHIPPED_PATIENCE: f64 = 30.0;
/// And how many attempts it makes.
const SHIPPED_ATTEMPTS: u32 = 3;
/// Seconds after the outage that are looked at.
const AFTERWARDS: f64 = 75.0;

/// What many clients do to one upstream that goes down and comes back.
///
/// Prints for each number of clients how all strategies fare, and what was offered in each second after the outage.
#[derive(Debug, Parser)]
#[command(name = "outrigger-herd")]
pub(crate) struct Args {
    /// Numbers of clients.
    #[arg(long, value_delimiter = ',', default_values_t = CLIENTS)]
    pub(crate) clients: Vec<usize>,
    /// Part of the name of a strategy; several for several.
    #[arg(long)]
    pub(crate) strategy: Vec<String>,
    /// How many seeds.
    #[arg(long, default_value_t = 3)]
    pub(crate) seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// What the sidecar ships with instead of the model's: 30 s of patience, three attempts.
    #[arg(long)]
    pub(crate) defaults: bool,
    /// What callers do.
    #[arg(long, default_value = "pentup")]
    pub(crate) workload: Workload,
    /// How the upstream fails.
    #[arg(long, default_value = "refuse")]
    pub(crate) kind: Outage,
    /// Fresh calls, as a share of the capacity.
    #[arg(long)]
    pub(crate) load: Option<f64>,
    /// How long the outage lasts, in seconds.
    #[arg(long)]
    pub(crate) outage: Option<f64>,
    /// Requests a second that the upstream can serve.
    #[arg(long)]
    pub(crate) capacity: Option<f64>,
    /// The share of it that a cold upstream has.
    #[arg(long)]
    pub(crate) cold: Option<f64>,
    /// How long it takes to become warm, in seconds.
    #[arg(long)]
    pub(crate) warm_up: Option<f64>,
    /// The share of the capacity in a brown-out.
    #[arg(long)]
    pub(crate) brown: Option<f64>,
    /// What a refusal costs, as a share of a request.
    #[arg(long)]
    pub(crate) refusal_cost: Option<f64>,
    /// With how many requests in its queue the upstream takes twice as long for each.
    #[arg(long)]
    pub(crate) thrash: Option<f64>,
    /// Places in the upstream's queue.
    #[arg(long)]
    pub(crate) queue: Option<usize>,
    /// What a client waits for an answer, in seconds.
    #[arg(long)]
    pub(crate) timeout: Option<f64>,
    /// What an answer takes that costs nothing, there and back, in seconds.
    #[arg(long)]
    pub(crate) round_trip: Option<f64>,
    /// How long a killed upstream takes to come back, in seconds.
    #[arg(long)]
    pub(crate) restart: Option<f64>,
    /// How long a liveness probe may wait, in seconds.
    #[arg(long)]
    pub(crate) probe_timeout: Option<f64>,
    /// How many failed probes in a row kill the upstream; zero never does.
    #[arg(long)]
    pub(crate) probe_threshold: Option<u32>,
    /// When who kept a job hands it in again: from, to, in seconds.
    #[arg(long, value_delimiter = ',', num_args = 2)]
    pub(crate) redeliver: Option<Vec<f64>>,
    /// When the simulation ends, in seconds; 75 after the outage unless told.
    #[arg(long)]
    pub(crate) horizon: Option<f64>,
    /// Attempts of every strategy that repeats, the first included.
    #[arg(long)]
    pub(crate) attempts: Option<u32>,
    /// Checks the bars and the published results, and nothing else.
    #[arg(long)]
    pub(crate) check: bool,
    /// Draws so many scenarios at random, and prints those in which a strategy falls.
    #[arg(long, value_name = "SCENARIOS")]
    pub(crate) explore: Option<usize>,
    /// Where to write the curves.
    #[arg(long)]
    pub(crate) curves: Option<PathBuf>,
}

impl Args {
    /// The inputs that were asked for; clients and seed are set by run.
    pub(crate) fn scenario(&self) -> Scenario {
        let plain = match (self.kind, self.workload) {
            (Outage::Brown, Workload::Rpc) => Scenario::brown_out(),
            (_, Workload::Rpc) => Scenario::cold_calls(),
            _ => Scenario::default(),
        };
        let outage = self.outage.unwrap_or(plain.outage);
        let redeliver = match self.redeliver.as_deref() {
            Some([from, to]) => (*from, *to),
            _ => plain.redeliver,
        };
        let timeout = if self.defaults {
            SHIPPED_PATIENCE
        } else {
            plain.timeout
        };
        Scenario {
            workload: self.workload,
            kind: self.kind,
            load: self.load.unwrap_or(plain.load),
            outage,
            capacity: self.capacity.unwrap_or(plain.capacity),
            cold: self.cold.unwrap_or(plain.cold),
            warm_up: self.warm_up.unwrap_or(plain.warm_up),
            brown: self.brown.unwrap_or(plain.brown),
            refusal_cost: self.refusal_cost.unwrap_or(plain.refusal_cost),
            thrash: self.thrash.unwrap_or(plain.thrash),
            queue: self.queue.unwrap_or(plain.queue),
            timeout: self.timeout.unwrap_or(timeout),
            round_trip: self.round_trip.unwrap_or(plain.round_trip),
            restart: self.restart.unwrap_or(plain.restart),
            probe_timeout: self.probe_timeout.unwrap_or(plain.probe_timeout),
            probe_threshold: self.probe_threshold.unwrap_or(plain.probe_threshold),
            redeliver,
            horizon: self.horizon.unwrap_or(plain.down_at + outage + AFTERWARDS),
            ..plain
        }
    }

    /// The strategies that were asked for.
    ///
    /// # Errors
    /// If there is none of that name.
    pub(crate) fn strategies(&self) -> Result<Vec<Strategy>, String> {
        let mut strategies = strategy::all();
        if self.workload != Workload::Herd {
            strategies.retain(|strategy| strategy.name != names::RECONNECT);
        }
        if !self.strategy.is_empty() {
            let wanted = |strategy: &Strategy| self.strategy.iter().any(|part| strategy.name.contains(part));
            strategies.retain(wanted);
        }
        if strategies.is_empty() {
            return Err(format!("no strategy has {:?} in its name", self.strategy));
        }
        let attempts = self.attempts.or(self.defaults.then_some(SHIPPED_ATTEMPTS));
        if let Some(attempts) = attempts {
            for strategy in strategies.iter_mut().filter(|strategy| strategy.attempts > 1) {
                strategy.attempts = attempts;
            }
        }
        Ok(strategies)
    }
}
