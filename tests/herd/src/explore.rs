//! Inputs drawn at random: what holds for the printed ones must hold for all others as well.

use std::fmt;

use crate::{
    fleet,
    random::Random,
    report::Report,
    scenario::{Outage, Scenario, Workload},
    strategy::Strategy,
};

/// Seconds after the outage that are looked at.
const AFTERWARDS: f64 = 75.0;
/// A wait in the queue that a liveness probe does not survive.
const TOO_LONG: f64 = 1.0;

/// A run in which the upstream was knocked down, or was overloaded for a second or longer without being.
#[derive(Clone, Debug)]
pub struct Fall {
    /// The inputs.
    pub scenario: Scenario,
    /// What came of them.
    pub report: Report,
}

impl fmt::Display for Fall {
    /// The figures, and the flags that show it again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scenario: input,
            report,
        } = self;
        let name = |value: &dyn fmt::Debug| format!("{value:?}").to_lowercase();
        write!(
            f,
            "knocked down {} times, waited {:.2} s: --workload {} --kind {} --load {} --outage {} --capacity {} --cold {} \
             --warm-up {} --brown {} --refusal-cost {} --thrash {} --timeout {} --clients {} --seed {} --seeds 1",
            report.knock_downs,
            report.longest_wait,
            name(&input.workload),
            name(&input.kind),
            input.load,
            input.outage,
            input.capacity,
            input.cold,
            input.warm_up,
            input.brown,
            input.refusal_cost,
            input.thrash,
            input.timeout,
            input.clients,
            input.seed,
        )
    }
}

/// Runs so many scenarios, drawn from this seed; those in which it falls.
pub fn falls(strategy: &Strategy, scenarios: usize, seed: u64) -> Vec<Fall> {
    let mut random = Random::new(seed);
    let jobs: Vec<_> = (0..scenarios)
        .map(|_| (draw(&mut random), strategy.clone()))
        .collect();
    let reports = fleet::run(&jobs);
    jobs.into_iter()
        .zip(reports)
        .filter(|(_, report)| report.knock_downs > 0 || report.longest_wait >= TOO_LONG)
        .map(|((scenario, _), report)| Fall { scenario, report })
        .collect()
}

/// Any load that the upstream can bear, any outage, any number of clients.
fn draw(random: &mut Random) -> Scenario {
    let workload = one_of(random, &[Workload::Rpc, Workload::Pentup]);
    let kind = one_of(random, &[Outage::Refuse, Outage::Hang, Outage::Brown]);
    let outage = random.between(5.0, 60.0).round();
    let plain = Scenario::default();
    let capacity = 10_f64.powf(random.between(2.0, 3.7)).round();
    Scenario {
        capacity,
        load: rounded(random.between(0.3, 0.95)),
        outage,
        horizon: (plain.down_at + outage + AFTERWARDS).round(),
        timeout: one_of(random, &[0.5, 1.0, 2.0, 5.0, 30.0]),
        cold: rounded(random.between(0.2, 1.0)),
        warm_up: rounded(random.between(1.0, 20.0)),
        refusal_cost: rounded(random.between(0.0, 0.1)),
        brown: rounded(random.between(0.05, 0.5)),
        thrash: one_of(random, &[0.0, 0.0, 0.5, 2.0]) * capacity,
        clients: 10_f64.powf(random.between(0.0, 4.0)) as usize,
        seed: random.below(1 << 32),
        kind,
        workload,
        ..plain
    }
}

/// So that what is printed is what was run.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn one_of<T: Copy>(random: &mut Random, values: &[T]) -> T {
    values[random.below(values.len() as u64) as usize]
}
