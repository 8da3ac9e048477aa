//! What is counted on the way.

use super::events::{SECOND, Time};
use crate::{
    report::{Herd, Report, Series},
    scenario::{Scenario, Workload},
    strategy::Strategy,
};

/// Fresh calls from so long after recovery on would fail without reason.
const COLLATERAL_FROM: f64 = 30.0;

#[derive(Debug)]
pub(crate) struct Tally {
    up_at: f64,
    down_at: f64,
    knock_downs: u32,
    attempts: u64,
    sent: Vec<u32>,
    served: Vec<u32>,
    kept: Vec<u32>,
    admitted: Vec<u32>,
    refused: Vec<u32>,
    sent_tenths: Vec<u32>,
    longest_wait: f64,
    work_good: f64,
    work_wasted: f64,
    late_fresh: u32,
    late_lost: u32,
    connected: Vec<f64>,
}

impl Tally {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let seconds = scenario.horizon as usize + 2;
        Self {
            up_at: scenario.up_at(),
            down_at: scenario.down_at,
            knock_downs: 0,
            attempts: 0,
            sent: vec![0; seconds],
            served: vec![0; seconds],
            kept: vec![0; seconds],
            admitted: vec![0; seconds],
            refused: vec![0; seconds],
            sent_tenths: vec![0; seconds * 10],
            longest_wait: 0.0,
            work_good: 0.0,
            work_wasted: 0.0,
            late_fresh: 0,
            late_lost: 0,
            connected: Vec::new(),
        }
    }

    /// Whether the failure of a call that comes now would be collateral damage.
    pub(crate) fn fresh(&mut self, now: Time) -> bool {
        let counts = now as f64 / SECOND >= self.up_at + COLLATERAL_FROM;
        self.late_fresh += u32::from(counts);
        counts
    }

    pub(crate) const fn lost(&mut self) {
        self.late_lost += 1;
    }

    pub(crate) fn sent(&mut self, now: Time) {
        self.attempts += u64::from(now as f64 / SECOND >= self.down_at);
        self.sent[second(now)] += 1;
        self.sent_tenths[(now as f64 / SECOND * 10.0) as usize] += 1;
    }

    pub(crate) fn kept(&mut self, now: Time) {
        self.kept[second(now)] += 1;
    }

    pub(crate) fn refused(&mut self, now: Time) {
        self.refused[second(now)] += 1;
    }

    pub(crate) fn admitted(&mut self, now: Time, waits: f64) {
        if now as f64 / SECOND >= self.up_at {
            self.longest_wait = self.longest_wait.max(waits);
            self.admitted[second(now)] += 1;
        }
    }

    pub(crate) fn served(&mut self, now: Time, again: bool) {
        self.served[second(now)] += 1;
        if again {
            self.connected.push(now as f64 / SECOND);
        }
    }

    pub(crate) fn worked(&mut self, now: Time, cost: f64, late: bool) {
        if now as f64 / SECOND < self.up_at {
            return;
        }
        if late {
            self.work_wasted += cost;
        } else {
            self.work_good += cost;
        }
    }

    pub(crate) const fn knocked_down(&mut self) {
        self.knock_downs += 1;
    }

    pub(crate) fn report(self, scenario: &Scenario, strategy: &Strategy) -> Report {
        // Refusals are work that serves nobody.
        let up = scenario.up_at() as usize;
        let refusals = sum(&self.refused[up..]) * scenario.refusal_cost / scenario.capacity;
        let wasted = self.work_wasted + refusals;
        let work = self.work_good + wasted;
        let herd = (scenario.workload == Workload::Herd).then(|| self.herd(scenario));
        Report {
            strategy: strategy.name,
            clients: scenario.clients,
            seed: scenario.seed,
            knock_downs: self.knock_downs,
            wasted: if work > 0.0 { wasted / work } else { 0.0 },
            longest_wait: self.longest_wait,
            collateral: ratio(f64::from(self.late_lost), f64::from(self.late_fresh)),
            herd,
            series: Series {
                rate: scenario.rate(),
                capacity: scenario.capacity,
                down: scenario.down_at as usize,
                up,
                horizon: scenario.horizon as usize,
                sent: self.sent,
                served: self.served,
                kept: self.kept,
                admitted: self.admitted,
                sent_tenths: self.sent_tenths,
            },
        }
    }

    fn herd(&self, scenario: &Scenario) -> Herd {
        let mut times = self.connected.clone();
        times.sort_by(f64::total_cmp);
        let after = |share: f64| {
            let index = (share * scenario.clients as f64).ceil() as usize - 1;
            times.get(index).map(|time| time - self.up_at)
        };
        let up = (self.up_at * 10.0) as usize;
        let peak = self.sent_tenths[up..up + 100].iter().max().copied().unwrap_or(0);
        Herd {
            most_after: after(0.95),
            all_after: after(1.0),
            peak: f64::from(peak) * 10.0 / scenario.capacity,
            attempts: self.attempts as f64 / scenario.clients as f64,
        }
    }
}

fn second(now: Time) -> usize {
    (now as f64 / SECOND) as usize
}

pub(crate) fn sum(counts: &[u32]) -> f64 {
    counts.iter().map(|count| f64::from(*count)).sum()
}

pub(crate) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
