//! Prints how strategies fare beside each other, checks the bars, and draws the curves.

mod args;
mod check;

use std::{fs, process::ExitCode};

use clap::Parser;
use outrigger_herd::{
    curves, explore, fleet, published,
    scenario::Scenario,
    strategy::{self, names},
    table,
};

use self::args::Args;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("outrigger-herd: {error}");
            ExitCode::from(64)
        }
    }
}

/// Whether all that was looked at stands.
fn run(args: &Args) -> Result<bool, String> {
    let seeds = args.seed..args.seed.saturating_add(args.seeds);
    if args.check {
        println!("{}", published::summary()?);
        return check::check(&seeds);
    }
    let strategies = args.strategies()?;
    if let Some(scenarios) = args.explore {
        let mut all_stand = true;
        for strategy in &strategies {
            let falls = explore::falls(strategy, scenarios, args.seed);
            println!("{}: falls in {} of {scenarios}", strategy.name, falls.len());
            for fall in &falls {
                println!("  {fall}");
            }
            all_stand &= falls.is_empty();
        }
        return Ok(all_stand);
    }
    let scenario = args.scenario();
    for clients in &args.clients {
        Scenario {
            clients: *clients,
            ..scenario.clone()
        }
        .check()?;
        println!("{}", table::write(&scenario, &strategies, *clients, &seeds));
    }
    if let Some(path) = &args.curves {
        fs::write(path, drawing(&scenario)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(true)
}

/// Six strategies with a thousand clients.
fn drawing(scenario: &Scenario) -> String {
    const SHOWN: [&str; 6] = [
        names::NAIVE,
        "full jitter",
        "tower's budget",
        "breaker",
        names::NAIVE_SHED,
        names::OURS,
    ];
    let jobs: Vec<_> = SHOWN
        .into_iter()
        .filter_map(strategy::named)
        .map(|strategy| (scenario.clone(), strategy))
        .collect();
    curves::draw(&fleet::run(&jobs))
}
