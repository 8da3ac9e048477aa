//! The limits that the figures must keep, and the strategies that must fail them: `bars.json`.

use std::{fmt, ops::Range};

use serde_json::Value;

use crate::{
    fleet,
    report::Report,
    scenario::Scenario,
    strategy::{self, Strategy},
};

/// The numbers of clients that every limit holds for.
pub const CLIENTS: [usize; 4] = [10, 100, 1000, 10_000];

const FILE: &str = include_str!("../bars.json");

/// A strategy in a scenario, and what it must keep.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Its name.
    pub id: String,
    /// Inputs; clients and seed are set by run.
    pub scenario: Scenario,
    /// The policies.
    pub strategy: Strategy,
    limits: Value,
}

/// A figure beside its limit.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The bar.
    pub bar: String,
    /// How many clients.
    pub clients: usize,
    /// Which figure.
    pub name: String,
    /// The worst of all seeds.
    pub worst: f64,
    /// What it may be.
    pub limit: f64,
    /// At most that, or at least.
    pub at_most: bool,
    /// In how many seeds it was not kept.
    pub breaches: usize,
    /// How many seeds.
    pub seeds: usize,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bar,
            clients,
            name,
            worst,
            limit,
            ..
        } = self;
        let relation = if self.at_most { "<=" } else { ">=" };
        let kept = self.seeds - self.breaches;
        write!(
            f,
            "{bar:4} N={clients:<6} {name:16} {worst:9.3} {relation} {limit:<7} in {kept} of {} seeds",
            self.seeds
        )
    }
}

/// All bars.
///
/// # Errors
/// What is wrong with the file.
pub fn bars() -> Result<Vec<Bar>, String> {
    let file: Value = serde_json::from_str(FILE).map_err(|error| error.to_string())?;
    let bars = file["bars"].as_array().ok_or("no bars")?;
    bars.iter()
        .map(|bar| {
            let name = bar["strategy"].as_str().unwrap_or_default();
            Ok(Bar {
                id: bar["id"].as_str().ok_or("a bar without a name")?.to_owned(),
                scenario: inputs(&bar["inputs"])?,
                strategy: strategy::named(name).ok_or_else(|| format!("no strategy {name:?}"))?,
                limits: bar.clone(),
            })
        })
        .collect()
}

/// What must fall: the scenario, the strategy, and how often it must be knocked down.
///
/// # Errors
/// What is wrong with the file.
pub fn controls() -> Result<Vec<(Scenario, Strategy, u32)>, String> {
    let file: Value = serde_json::from_str(FILE).map_err(|error| error.to_string())?;
    let mut controls = Vec::new();
    for (group, scenario) in [("pentup", Scenario::default()), ("cold", Scenario::cold_calls())] {
        for (name, knocks) in file["controls"][group].as_object().ok_or("no controls")? {
            let strategy = strategy::named(name).ok_or_else(|| format!("no strategy {name:?}"))?;
            let knocks = knocks.as_u64().and_then(|knocks| u32::try_from(knocks).ok());
            controls.push((scenario.clone(), strategy, knocks.ok_or("not a number")?));
        }
    }
    Ok(controls)
}

fn inputs(inputs: &Value) -> Result<Scenario, String> {
    let mut scenario = Scenario::default();
    for (key, value) in inputs.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        scenario.set(key, &text)?;
    }
    Ok(scenario)
}

impl Bar {
    /// Its figures for so many clients, over these seeds.
    pub fn measure(&self, clients: usize, seeds: &Range<u64>) -> Vec<Figure> {
        let jobs: Vec<_> = seeds
            .clone()
            .map(|seed| {
                let scenario = Scenario {
                    clients,
                    seed,
                    ..self.scenario.clone()
                };
                (scenario, self.strategy.clone())
            })
            .collect();
        let reports = fleet::run(&jobs);
        let every = &self.limits["every_n"];
        let some = &self.limits["by_n"][clients.to_string()];
        [every, some]
            .into_iter()
            .flat_map(|limits| [(&limits["max"], true), (&limits["min"], false)])
            .flat_map(|(limits, at_most)| {
                let limits = limits.as_object().into_iter().flatten();
                limits.filter_map(move |(name, limit)| Some((name, limit.as_f64()?, at_most)))
            })
            .map(|(name, limit, at_most)| self.judge(&reports, clients, name, limit, at_most))
            .collect()
    }

    fn judge(&self, reports: &[Report], clients: usize, name: &str, limit: f64, at_most: bool) -> Figure {
        // A figure that there is not cannot be kept.
        let values = reports
            .iter()
            .map(|report| report.figure(name).unwrap_or(f64::NAN));
        let kept = |value: f64| if at_most { value <= limit } else { value >= limit };
        let worse = |a: f64, b: f64| if at_most == (a > b) { a } else { b };
        Figure {
            bar: self.id.clone(),
            clients,
            name: name.to_owned(),
            worst: values.clone().reduce(worse).unwrap_or(f64::NAN),
            limit,
            at_most,
            breaches: values.filter(|value| !kept(*value)).count(),
            seeds: reports.len(),
        }
    }
}
