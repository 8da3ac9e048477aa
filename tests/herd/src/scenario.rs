//! What happens to the upstream, and how strong it is.

use clap::ValueEnum;

/// Seconds after the outage without which there are no figures.
const LOOKED_AT: f64 = 40.0;

/// What callers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// A call that fails is gone.
    Rpc,
    /// Who called keeps the job and hands it in again until it succeeds: an outage builds a queue of jobs.
    Pentup,
    /// Long-lived connections are cut at the start of the outage; each must be made again, once, with no limit on attempts.
    Herd,
}

/// How the upstream fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Outage {
    /// Connections are refused.
    Refuse,
    /// Nothing answers.
    Hang,
    /// It becomes slower, and is never restarted.
    Brown,
}

/// All inputs that are not a strategy. Times are in seconds.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Requests a second that the warm upstream can serve.
    pub capacity: f64,
    /// Fresh calls a second, as a share of the capacity.
    pub load: f64,
    /// Places in the upstream's queue.
    pub queue: usize,
    /// How long the outage lasts.
    pub outage: f64,
    /// When it begins.
    pub down_at: f64,
    /// When the simulation ends.
    pub horizon: f64,
    /// What a request costs that is answered without being served: there and back.
    pub round_trip: f64,
    /// What a client waits for an answer.
    pub timeout: f64,
    /// The share of its capacity that a cold upstream has.
    pub cold: f64,
    /// How long it takes to become warm.
    pub warm_up: f64,
    /// How long a restart takes after a kill.
    pub restart: f64,
    /// Time between liveness probes.
    pub probe_period: f64,
    /// How long a probe may wait in the queue.
    pub probe_timeout: f64,
    /// How many that fail in a row kill the process; zero never does.
    pub probe_threshold: u32,
    /// When who kept a job hands it in again: from, to.
    pub redeliver: (f64, f64),
    /// What a refusal costs, as a share of a request.
    pub refusal_cost: f64,
    /// How it fails.
    pub kind: Outage,
    /// The share of its capacity in a brown-out.
    pub brown: f64,
    /// With how many requests in the queue the upstream takes twice as long for each; zero never does.
    pub thrash: f64,
    /// What callers do.
    pub workload: Workload,
    /// How many clients share the load.
    pub clients: usize,
    /// The seed.
    pub seed: u64,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            capacity: 1000.0,
            load: 0.7,
            queue: 2000,
            outage: 20.0,
            down_at: 15.0,
            horizon: 110.0,
            round_trip: 0.002,
            timeout: 1.0,
            cold: 0.6,
            warm_up: 10.0,
            restart: 5.0,
            probe_period: 1.0,
            probe_timeout: 1.0,
            probe_threshold: 3,
            redeliver: (4.0, 6.0),
            refusal_cost: 0.02,
            kind: Outage::Refuse,
            brown: 0.1,
            thrash: 0.0,
            workload: Workload::Pentup,
            clients: 1000,
            seed: 1,
        }
    }
}

impl Scenario {
    /// Calls that are gone when they fail, and an upstream that is very slow when it is cold.
    pub fn cold_calls() -> Self {
        Self {
            workload: Workload::Rpc,
            cold: 0.3,
            ..Self::default()
        }
    }

    /// Calls that are gone when they fail, and an upstream that becomes ten times slower for a while.
    pub fn brown_out() -> Self {
        Self {
            workload: Workload::Rpc,
            kind: Outage::Brown,
            cold: 1.0,
            load: 0.8,
            ..Self::default()
        }
    }

    /// Sets the input of this name.
    ///
    /// # Errors
    /// Which name or value is not understood.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let number = || {
            value
                .parse::<f64>()
                .map_err(|_| format!("{key} is not a number: {value}"))
        };
        let whole = || {
            value
                .parse()
                .map_err(|_| format!("{key} is not a whole number: {value}"))
        };
        match key {
            "capacity" => self.capacity = number()?,
            "load" => self.load = number()?,
            "queue" => self.queue = whole()?,
            "outage" => self.outage = number()?,
            "horizon" => self.horizon = number()?,
            "timeout" => self.timeout = number()?,
            "cold" => self.cold = number()?,
            "warm_up" => self.warm_up = number()?,
            "restart" => self.restart = number()?,
            "refusal_cost" => self.refusal_cost = number()?,
            "brown" => self.brown = number()?,
            "thrash" => self.thrash = number()?,
            "kind" => self.kind = Outage::from_str(value, true)?,
            "workload" => self.workload = Workload::from_str(value, true)?,
            _ => return Err(format!("no input {key:?}")),
        }
        Ok(())
    }

    /// Whether it can be run at all, and long enough for its figures.
    ///
    /// # Errors
    /// Which input makes no sense.
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("capacity", self.capacity),
            ("load", self.load),
            ("outage", self.outage),
            ("round_trip", self.round_trip),
            ("timeout", self.timeout),
            ("cold", self.cold),
            ("warm_up", self.warm_up),
            ("restart", self.restart),
            ("probe_period", self.probe_period),
            ("brown", self.brown),
        ];
        if let Some((name, value)) = positive
            .iter()
            .find(|(_, value)| !(value.is_finite() && *value > 0.0))
        {
            return Err(format!("{name} must be more than zero: {value}"));
        }
        if self.clients == 0 || self.queue == 0 {
            return Err("there must be clients, and places in the queue".to_owned());
        }
        if !(0.0..=self.redeliver.1).contains(&self.redeliver.0) {
            return Err("redeliver: the first time must not be later than the second".to_owned());
        }
        let enough = self.up_at() + LOOKED_AT;
        if self.horizon < enough {
            return Err(format!(
                "horizon must be {enough} at least: {LOOKED_AT} s after the outage are looked at"
            ));
        }
        Ok(())
    }

    /// Fresh calls a second.
    pub fn rate(&self) -> f64 {
        self.load * self.capacity
    }

    /// When the outage ends.
    pub fn up_at(&self) -> f64 {
        self.down_at + self.outage
    }

    /// Whether an overload by repeats can outlive what caused it: work waits for longer than its callers do.
    pub fn can_be_metastable(&self) -> bool {
        self.queue as f64 / self.capacity > self.timeout
    }
}
