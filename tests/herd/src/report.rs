//! What became of a run.

use crate::world::tally::{ratio, sum};

/// The share of the fresh load from which on it is served again.
const WELL: f64 = 0.95;
const RELAPSED: f64 = 0.8;
/// Seconds over which goodput is judged.
const SPAN: usize = 5;

/// The figures of one run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The strategy.
    pub strategy: &'static str,
    /// How many clients.
    pub clients: usize,
    /// The seed.
    pub seed: u64,
    /// How often the upstream was killed after the outage.
    pub knock_downs: u32,
    /// The share of the server's work that served nobody, refusals included.
    pub wasted: f64,
    /// The longest wait in the queue after recovery, in seconds.
    pub longest_wait: f64,
    /// The share of calls that failed although they came half a minute after recovery or later.
    pub collateral: f64,
    /// How connections came back.
    pub herd: Option<Herd>,
    /// Counts by second.
    pub series: Series,
}

/// How long-lived connections came back.
#[derive(Clone, Copy, Debug)]
pub struct Herd {
    /// When 95 % were back, in seconds after recovery.
    pub most_after: Option<f64>,
    /// When all were.
    pub all_after: Option<f64>,
    /// The densest tenth of a second in the first ten after recovery, over the capacity.
    pub peak: f64,
    /// Attempts for each.
    pub attempts: f64,
}

/// Counts by second of the simulation.
#[derive(Clone, Debug)]
pub struct Series {
    /// Fresh calls a second.
    pub rate: f64,
    /// What the warm upstream serves a second.
    pub capacity: f64,
    /// The outage's first second.
    pub down: usize,
    /// The first second after it.
    pub up: usize,
    /// The end.
    pub horizon: usize,
    /// Attempts that reached the network.
    pub sent: Vec<u32>,
    /// Calls answered in time.
    pub served: Vec<u32>,
    /// Attempts that clients kept to themselves.
    pub kept: Vec<u32>,
    /// Requests that were let in.
    pub admitted: Vec<u32>,
    /// Attempts, by tenth of a second.
    pub sent_tenths: Vec<u32>,
}

impl Series {
    /// The first second after recovery from which on five seconds served 95 % of the fresh load.
    pub fn recovered(&self) -> Option<usize> {
        (self.up..self.horizon - SPAN)
            .find(|second| self.served_share(*second) >= WELL)
            .map(|second| second - self.up)
    }

    /// Spans of five seconds below 80 % after that.
    pub fn relapses(&self) -> usize {
        self.recovered().map_or(0, |after| {
            (self.up + after..self.horizon - SPAN)
                .filter(|second| self.served_share(*second) < RELAPSED)
                .count()
        })
    }

    fn served_share(&self, second: usize) -> f64 {
        sum(&self.served[second..second + SPAN]) / (self.rate * SPAN as f64)
    }

    /// Goodput over fresh load in a span of time.
    pub fn goodput(&self, from: usize, to: usize) -> f64 {
        sum(&self.served[from..to]) / (self.rate * (to - from) as f64)
    }

    /// The same for the first half minute after recovery.
    pub fn first_goodput(&self) -> f64 {
        self.goodput(self.up, self.up + 30)
    }

    /// Attempts over fresh load in the first second after recovery.
    pub fn first_second(&self) -> f64 {
        f64::from(self.sent[self.up]) / self.rate
    }

    /// Attempts over fresh load in the worst of the first ten seconds.
    pub fn peak(&self) -> f64 {
        let most = self.sent[self.up..self.up + 10].iter().max().copied();
        f64::from(most.unwrap_or(0)) / self.rate
    }

    /// Attempts over fresh load during the outage.
    pub fn during(&self) -> f64 {
        sum(&self.sent[self.down..self.up]) / (self.rate * (self.up - self.down) as f64)
    }

    /// Attempts over the capacity in a second, counted from the end of the outage.
    pub fn offered(&self, second: usize) -> f64 {
        f64::from(self.sent[self.up + second]) / self.capacity
    }

    /// The same during the outage: the mean.
    pub fn offered_during(&self) -> f64 {
        sum(&self.sent[self.down..self.up]) / (self.capacity * (self.up - self.down) as f64)
    }

    /// Requests let in over the capacity in the first second after recovery.
    pub fn first_admitted(&self) -> f64 {
        f64::from(self.admitted[self.up]) / self.capacity
    }

    /// Attempts for each call that was served after recovery.
    pub fn tries(&self) -> f64 {
        sum(&self.sent[self.up..self.horizon]) / sum(&self.served[self.up..self.horizon]).max(1.0)
    }
}

impl Report {
    /// The figure of this name in the file of bars; what never happens is infinite.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let series = &self.series;
        let never = |after: Option<f64>| after.unwrap_or(f64::INFINITY);
        Some(match (name, &self.herd) {
            ("knock", _) => f64::from(self.knock_downs),
            ("maxwait", _) => self.longest_wait,
            ("wasted_pct", _) => 100.0 * self.wasted,
            ("collateral_pct", _) => 100.0 * self.collateral,
            ("t95", Some(herd)) => never(herd.most_after),
            ("t100", Some(herd)) => never(herd.all_after),
            ("peak_rec", Some(herd)) => herd.peak,
            ("att_per_client", Some(herd)) => herd.attempts,
            ("t95", None) => never(series.recovered().map(|seconds| seconds as f64)),
            ("relapse_s", None) => series.relapses() as f64,
            ("adm_rec1", None) => series.first_admitted(),
            ("amp_rec1", None) => series.first_second(),
            ("peak_rec10", None) => series.peak(),
            ("amp_out_mean", None) => series.during(),
            ("goodput_30", None) => series.first_goodput(),
            ("goodput_end", None) => series.goodput(series.horizon - 20, series.horizon),
            ("att_per_good", None) => ratio(series.tries(), 1.0),
            _ => return None,
        })
    }
}
