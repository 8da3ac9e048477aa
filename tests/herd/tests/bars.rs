//! Every bar, for every number of clients; three seeds here, more by `outrigger-herd --check --seeds 50`.

use std::ops::Range;

use outrigger_herd::{
    bars::{self, CLIENTS},
    fleet,
    scenario::Scenario,
};

const SEEDS: Range<u64> = 1..4;

#[test]
fn every_limit_is_kept_in_every_seed() {
    let mut broken = Vec::new();
    let mut looked_at = 0;
    for bar in bars::bars().unwrap() {
        for clients in CLIENTS {
            let figures = bar.measure(clients, &SEEDS);
            assert!(!figures.is_empty(), "{} has no limits", bar.id);
            looked_at += figures.len();
            let breached = figures.into_iter().filter(|figure| figure.breaches > 0);
            broken.extend(breached.map(|figure| figure.to_string()));
        }
    }
    assert!(looked_at > 300, "{looked_at}");
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// A harness in which nothing falls proves nothing.
#[test]
fn what_must_fall_falls_and_never_recovers() {
    let controls = bars::controls().unwrap();
    assert!(controls.len() >= 10);
    for (scenario, strategy, knocks) in controls {
        let jobs = CLIENTS.map(|clients| {
            let scenario = Scenario {
                clients,
                ..scenario.clone()
            };
            (scenario, strategy.clone())
        });
        for report in fleet::run(&jobs) {
            let name = strategy.name;
            assert!(
                report.knock_downs >= knocks,
                "{name} N={}: {}",
                report.clients,
                report.knock_downs
            );
            assert_eq!(report.series.recovered(), None, "{name} N={}", report.clients);
        }
    }
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_not() {
    let strategy = outrigger_herd::strategy::named(outrigger_herd::strategy::names::OURS).unwrap();
    let run = |seed| {
        let scenario = Scenario {
            seed,
            clients: 100,
            ..Scenario::default()
        };
        outrigger_herd::world::run(&scenario, &strategy).series.sent
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
