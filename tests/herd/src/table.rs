//! The tables that are printed: strategies beside each other, for a number of clients.

use std::{fmt::Write as _, ops::Range};

use crate::{fleet, report::Report, scenario::Scenario, strategy::Strategy};

/// The seconds after the outage that have a column of their own.
const SECONDS: [usize; 13] = [0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30];

/// Runs all of these with so many clients and each of the seeds, and writes two tables in Markdown.
///
/// The first has the figures: the worst of all seeds for knock-downs and the time until five seconds in a row serve 95 %; else
/// means. The second has what was offered, over the capacity, during the outage and in each second after it.
pub fn write(scenario: &Scenario, strategies: &[Strategy], clients: usize, seeds: &Range<u64>) -> String {
    let scenario = Scenario {
        clients,
        ..scenario.clone()
    };
    let with = |strategy: &Strategy| {
        let strategy = strategy.clone();
        let scenario = scenario.clone();
        seeds.clone().map(move |seed| {
            (
                Scenario {
                    seed,
                    ..scenario.clone()
                },
                strategy.clone(),
            )
        })
    };
    let jobs: Vec<_> = strategies.iter().flat_map(with).collect();
    let reports = fleet::run(&jobs);
    let runs = seeds.clone().count().max(1);
    let mut table = format!(
        "{clients} clients, {} seeds\n\n\
         | strategy | knocked down | collapsed in | well after | tries a success | wasted work | goodput, 30 s |\n\
         |---|---|---|---|---|---|---|\n",
        seeds.clone().count()
    );
    for runs in reports.chunks(runs) {
        figures(&mut table, runs);
    }
    table += "\n| offered / capacity | outage |";
    for second in SECONDS {
        let _ = write!(table, " +{second} s |");
    }
    table += "\n|---|---|";
    table += &"---|".repeat(SECONDS.len());
    table.push('\n');
    for runs in reports.chunks(runs) {
        offered(&mut table, runs);
    }
    table
}

fn figures(table: &mut String, runs: &[Report]) {
    let worst = |name: &str| {
        let figures = runs.iter().filter_map(|run| run.figure(name));
        figures.fold(0.0, f64::max)
    };
    let well = match worst("t95") {
        never if never.is_infinite() => "never".to_owned(),
        seconds => format!("{seconds:.0} s"),
    };
    let tries = mean(runs, |run| match run.herd {
        Some(herd) => herd.attempts,
        None => run.series.tries(),
    });
    let _ = writeln!(
        table,
        "| {} | {:.0} times | {} of {} | {well} | {tries:.2} | {:.1} % | {:.2} |",
        runs[0].strategy,
        worst("knock"),
        runs.iter().filter(|run| run.knock_downs > 0).count(),
        runs.len(),
        mean(runs, |run| 100.0 * run.wasted),
        mean(runs, |run| run.series.first_goodput()),
    );
}

fn offered(table: &mut String, runs: &[Report]) {
    let _ = write!(
        table,
        "| {} | {:.2} |",
        runs[0].strategy,
        mean(runs, |run| run.series.offered_during())
    );
    for second in SECONDS {
        let _ = write!(table, " {:.2} |", mean(runs, |run| run.series.offered(second)));
    }
    table.push('\n');
}

fn mean(runs: &[Report], figure: impl Fn(&Report) -> f64) -> f64 {
    runs.iter().map(figure).sum::<f64>() / runs.len() as f64
}
