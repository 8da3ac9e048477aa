//! The table that is printed: strategies beside each other, by number of clients.

use std::fmt::Write as _;

use crate::{fleet, report::Report, scenario::Scenario, strategy::Strategy};

/// Runs all of these, each with all of these clients, and writes a table in Markdown.
///
/// A cell: knock-downs · seconds until 95 % of goodput · sent in the first second after recovery, over fresh load · tries for
/// each success · wasted work in percent. The mean of all seeds; seconds and knock-downs the worst.
pub fn write(scenario: &Scenario, strategies: &[Strategy], clients: &[usize], seeds: u64) -> String {
    let mut jobs = Vec::new();
    for strategy in strategies {
        for clients in clients {
            for seed in 1..=seeds {
                let clients = *clients;
                jobs.push((
                    Scenario {
                        clients,
                        seed,
                        ..scenario.clone()
                    },
                    strategy.clone(),
                ));
            }
        }
    }
    let reports = fleet::run(&jobs);
    let mut table = header(clients);
    for (strategy, row) in strategies
        .iter()
        .zip(reports.chunks(clients.len() * seeds as usize))
    {
        let _ = write!(table, "| {} |", strategy.name);
        for runs in row.chunks(seeds as usize) {
            let _ = write!(table, " {} |", cell(runs));
        }
        table.push('\n');
    }
    table
}

fn header(clients: &[usize]) -> String {
    let mut header = String::from("| strategy |");
    for clients in clients {
        let _ = write!(header, " N={clients} |");
    }
    header.push_str("\n|---|");
    header.push_str(&"---|".repeat(clients.len()));
    header.push('\n');
    header
}

fn cell(runs: &[Report]) -> String {
    let mean = |figure: &dyn Fn(&Report) -> f64| runs.iter().map(figure).sum::<f64>() / runs.len() as f64;
    let worst = |name: &str| {
        let figures = runs.iter().filter_map(|run| run.figure(name));
        figures.fold(0.0, f64::max)
    };
    let well = match worst("t95") {
        never if never.is_infinite() => "never".to_owned(),
        seconds => format!("{seconds:.0} s"),
    };
    let tries = mean(&|run| match run.herd {
        Some(herd) => herd.attempts,
        None => run.series.tries(),
    });
    format!(
        "{:.0} · {well} · {:.2} · {tries:.2} · {:.1}",
        worst("knock"),
        mean(&|run| run.series.first_second()),
        mean(&|run| 100.0 * run.wasted),
    )
}
