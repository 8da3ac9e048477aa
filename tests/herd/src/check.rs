//! Whether every bar is kept, and whether what must fall falls.

use std::ops::Range;

use outrigger_herd::{
    bars::{self, CLIENTS},
    fleet,
    scenario::Scenario,
};

/// Prints every figure beside its limit; whether all are kept.
///
/// # Errors
/// What is wrong with the file of bars.
pub(crate) fn check(seeds: &Range<u64>) -> Result<bool, String> {
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
