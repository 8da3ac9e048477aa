//! Hops that all repeat, in a row.

use outrigger_herd::chain::{Chain, Load};

const FAILURES: [f64; 9] = [0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0];

fn load(failures: f64, ratio: Option<f64>, tells: bool) -> Load {
    let chain = Chain {
        hops: 3,
        attempts: 3,
        ratio,
        tells,
        failures,
    };
    chain.run(1).expect("a fifth is a ratio")
}

#[test]
fn three_hops_of_three_attempts_never_double_what_was_asked() {
    for failures in FAILURES {
        for tells in [false, true] {
            let load = load(failures, Some(0.2), tells);
            assert!(load.amplification <= 1.8, "f = {failures}: {load:?}");
        }
    }
}

#[test]
fn nothing_is_added_while_everything_fails() {
    assert!((load(1.0, Some(0.2), true).amplification - 1.0).abs() < 1e-9);
}

#[test]
fn without_budgets_it_is_27_times() {
    assert!((load(1.0, None, false).amplification - 27.0).abs() < 1e-9);
}

#[test]
fn a_hop_that_tells_keeps_the_others_from_repeating() {
    let (silent, telling) = (load(1.0, None, false), load(1.0, None, true));
    assert!(telling.amplification <= 3.0, "{telling:?}");
    assert!(silent.amplification > 8.0 * telling.amplification);
}

#[test]
fn repeats_within_the_budget_still_help() {
    assert!(load(0.05, Some(0.2), true).success > 0.995);
    assert!(load(0.1, Some(0.2), true).success > 0.98);
}
