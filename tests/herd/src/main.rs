//! Prints how strategies fare beside each other, checks the bars, and draws the curves.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use outrigger_herd::{
    bars::{self, CLIENTS},
    chain::Chain,
    curves, fleet,
    published::{brooker, jitter, metastable},
    scenario::{Outage, Scenario, Workload},
    strategy::{self, Strategy, names},
    table,
};

/// What many clients do to one upstream that goes down and comes back.
///
/// Prints the table of all strategies; a cell is knock-downs, seconds until it is well, what was sent in the first second
/// over fresh load, tries for each success, and wasted work in percent.
#[derive(Debug, Parser)]
#[command(name = "outrigger-herd")]
struct Args {
    /// Numbers of clients.
    #[arg(long, value_delimiter = ',', default_values_t = CLIENTS)]
    clients: Vec<usize>,
    /// Part of the name of a strategy; several for several.
    #[arg(long)]
    strategy: Vec<String>,
    /// Seeds, from 1 on.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// What callers do.
    #[arg(long, default_value = "pentup")]
    workload: Workload,
    /// How the upstream fails.
    #[arg(long, default_value = "refuse")]
    kind: Outage,
    /// Fresh calls, as a share of the capacity.
    #[arg(long)]
    load: Option<f64>,
    /// How long the outage lasts, in seconds.
    #[arg(long)]
    outage: Option<f64>,
    /// Requests a second that the upstream can serve.
    #[arg(long)]
    capacity: Option<f64>,
    /// The share of it that a cold upstream has.
    #[arg(long)]
    cold: Option<f64>,
    /// How long it takes to become warm, in seconds.
    #[arg(long)]
    warm_up: Option<f64>,
    /// The share of the capacity in a brown-out.
    #[arg(long)]
    brown: Option<f64>,
    /// What a refusal costs, as a share of a request.
    #[arg(long)]
    refusal_cost: Option<f64>,
    /// With how many requests in its queue the upstream takes twice as long for each.
    #[arg(long)]
    thrash: Option<f64>,
    /// Places in the upstream's queue.
    #[arg(long)]
    queue: Option<usize>,
    /// What a client waits for an answer, in seconds.
    #[arg(long)]
    timeout: Option<f64>,
    /// When the simulation ends, in seconds.
    #[arg(long)]
    horizon: Option<f64>,
    /// Attempts of every strategy that repeats, the first included.
    #[arg(long)]
    attempts: Option<u32>,
    /// Checks the bars and the published results, and nothing else.
    #[arg(long)]
    check: bool,
    /// Where to write the curves.
    #[arg(long)]
    curves: Option<PathBuf>,
}

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

/// Whether all bars that were looked at are kept.
fn run(args: &Args) -> Result<bool, String> {
    if args.check {
        println!("{}", published()?);
        return check(args.seeds);
    }
    let strategies = chosen(args)?;
    println!(
        "{}",
        table::write(&scenario(args), &strategies, &args.clients, args.seeds)
    );
    if let Some(path) = &args.curves {
        fs::write(path, drawing(args)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(true)
}

fn scenario(args: &Args) -> Scenario {
    let plain = match (args.kind, args.workload) {
        (Outage::Brown, Workload::Rpc) => Scenario::brown_out(),
        (_, Workload::Rpc) => Scenario::cold_calls(),
        _ => Scenario::default(),
    };
    Scenario {
        workload: args.workload,
        kind: args.kind,
        load: args.load.unwrap_or(plain.load),
        outage: args.outage.unwrap_or(plain.outage),
        capacity: args.capacity.unwrap_or(plain.capacity),
        cold: args.cold.unwrap_or(plain.cold),
        warm_up: args.warm_up.unwrap_or(plain.warm_up),
        brown: args.brown.unwrap_or(plain.brown),
        refusal_cost: args.refusal_cost.unwrap_or(plain.refusal_cost),
        thrash: args.thrash.unwrap_or(plain.thrash),
        queue: args.queue.unwrap_or(plain.queue),
        timeout: args.timeout.unwrap_or(plain.timeout),
        horizon: args.horizon.unwrap_or(plain.horizon),
        ..plain
    }
}

fn chosen(args: &Args) -> Result<Vec<Strategy>, String> {
    let mut strategies = strategy::all();
    if args.workload != Workload::Herd {
        strategies.retain(|strategy| strategy.name != names::RECONNECT);
    }
    if !args.strategy.is_empty() {
        let wanted = |strategy: &Strategy| args.strategy.iter().any(|part| strategy.name.contains(part));
        strategies.retain(wanted);
    }
    if strategies.is_empty() {
        return Err(format!("no strategy has {:?} in its name", args.strategy));
    }
    if let Some(attempts) = args.attempts {
        for strategy in strategies.iter_mut().filter(|strategy| strategy.attempts > 1) {
            strategy.attempts = attempts;
        }
    }
    Ok(strategies)
}

/// Six strategies with a thousand clients.
fn drawing(args: &Args) -> String {
    const SHOWN: [&str; 6] = [
        names::NAIVE,
        "full jitter",
        "tower's budget",
        "breaker",
        names::NAIVE_SHED,
        names::OURS,
    ];
    let scenario = scenario(args);
    let jobs: Vec<_> = SHOWN
        .into_iter()
        .filter_map(strategy::named)
        .map(|strategy| (scenario.clone(), strategy))
        .collect();
    curves::draw(&fleet::run(&jobs))
}

fn check(seeds: u64) -> Result<bool, String> {
    let mut all_kept = true;
    for bar in bars::bars()? {
        for clients in CLIENTS {
            for figure in bar.measure(clients, seeds) {
                let kept = figure.breaches == 0;
                println!("{} {figure}", if kept { "  " } else { "✗ " });
                all_kept &= kept;
            }
        }
    }
    for (scenario, strategy, knocks) in bars::controls()? {
        let jobs = CLIENTS.map(|clients| {
            (
                Scenario {
                    clients,
                    ..scenario.clone()
                },
                strategy.clone(),
            )
        });
        for report in fleet::run(&jobs) {
            let falls = report.knock_downs >= knocks && report.series.recovered().is_none();
            let mark = if falls { "  " } else { "✗ " };
            let name = strategy.name;
            println!(
                "{mark} control N={:<6} {name:24} {} knock-downs",
                report.clients, report.knock_downs
            );
            all_kept &= falls;
        }
    }
    Ok(all_kept)
}

fn published() -> Result<String, String> {
    let mut text = String::from("AWS jitter, n = 100: writes / ms, published model in brackets\n");
    for ((name, backoff), (writes, time)) in jitter::POLICIES.into_iter().zip(jitter::AT_100) {
        let (our_writes, our_time) = jitter::mean(backoff, 100, 100);
        text += &format!("  {name:13} {our_writes:6.0} / {our_time:6.0}   [{writes:.0} / {time:.0}]\n");
    }
    text += "Brooker, 100 clients, 10 calls a second each: success / load for three repeats, bucket, ours\n";
    for failures in [0.01, 0.1, 0.3, 0.5, 1.0] {
        text += &format!("  f = {failures:4}");
        for bound in [
            brooker::Bound::Three,
            brooker::Bound::Bucket,
            brooker::Bound::Earned(0.2),
        ] {
            let run = brooker::run(bound, failures, 100, 1000.0, 100.0, 1);
            let (success, load) = run.map_err(|error| error.to_string())?;
            text += &format!("   {success:.4} / {load:.3}");
        }
        text.push('\n');
    }
    text += "Metastability: goodput 40 to 60 s after a brown-out of 10 s; naive with 2 s and 0.5 s of queue, ours\n";
    for load in [0.24, 0.3, 0.5, 0.7, 0.9] {
        let naive = strategy::named(names::NAIVE).ok_or("no naive strategy")?;
        let ours = strategy::named(names::OURS).ok_or("no strategy of ours")?;
        text += &format!(
            "  load {load:4}   {:.2}   {:.2}   {:.2}\n",
            metastable::goodput(&naive, load, 2.0, 1),
            metastable::goodput(&naive, load, 0.5, 1),
            metastable::goodput(&ours, load, 2.0, 1),
        );
    }
    text += "Three hops of three attempts: requests at the last for each made; plain, with budgets, and telling\n";
    for failures in [0.05, 0.2, 0.5, 0.8, 1.0] {
        text += &format!("  f = {failures:4}");
        for (ratio, tells) in [(None, false), (Some(0.2), false), (Some(0.2), true)] {
            let chain = Chain {
                hops: 3,
                attempts: 3,
                ratio,
                tells,
                failures,
            };
            let load = chain.run(1).map_err(|error| error.to_string())?;
            text += &format!("   {:6.2}", load.amplification);
        }
        text.push('\n');
    }
    Ok(text)
}
