//! What others published, with our policies: the model is believed for this.

use outrigger_herd::{
    published::{
        brooker::{self, Bound},
        jitter, metastable,
    },
    scenario::Scenario,
    strategy::{self, names},
};

#[test]
fn jitter_saves_the_calls_that_aws_measured() {
    let mut writes = Vec::new();
    for ((name, backoff), (published, _)) in jitter::POLICIES.into_iter().zip(jitter::AT_100) {
        let (ours, _) = jitter::mean(backoff, 100, 100);
        assert!(
            (ours / published - 1.0).abs() <= 0.08,
            "{name}: {ours} for {published}"
        );
        writes.push(ours);
    }
    let [_, exponential, _, full, _] = writes[..] else {
        panic!("{writes:?}");
    };
    assert!(full <= 0.5 * exponential);
}

#[test]
fn three_repeats_follow_their_closed_form() {
    for failures in [0.01, 0.1, 0.3, 0.5, 0.9, 1.0_f64] {
        let (success, load) = brooker::run(Bound::Three, failures, 100, 1000.0, 1000.0, 1).unwrap();
        let expected = 1.0 - failures.powi(4);
        let tries: f64 = (0..4).map(|n| failures.powi(n)).sum();
        assert!(
            (success - expected).abs() <= 0.005 * expected,
            "f = {failures}: {success}"
        );
        assert!((load / tries - 1.0).abs() <= 0.005, "f = {failures}: {load}");
    }
}

#[test]
fn our_budget_never_adds_more_than_a_fifth_however_many_share_the_load() {
    for clients in [1, 10, 100, 1000, 10_000] {
        for failures in [0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0] {
            let (success, load) =
                brooker::run(Bound::Earned(0.2), failures, clients, 1000.0, 100.0, 1).unwrap();
            assert!(load <= 1.20, "f = {failures}, N = {clients}: {load}");
            assert!(
                success >= 1.0 - failures - 0.01,
                "f = {failures}, N = {clients}: {success}"
            );
            if failures >= 1.0 {
                assert!((load - 1.0).abs() <= 0.01, "N = {clients}: {load}");
            }
        }
    }
}

/// Brooker's other finding: a bucket that each client fills becomes plain repeats when clients are many and small.
#[test]
fn a_bucket_for_each_client_is_none_for_a_fleet() {
    let load = |clients| {
        brooker::run(Bound::Bucket, 0.5, clients, 100.0, 100.0, 1)
            .unwrap()
            .1
    };
    assert!(load(10) < 1.15 && load(1000) > 1.4, "{} {}", load(10), load(1000));
}

#[test]
fn overload_by_repeats_outlives_its_cause_only_if_both_of_its_halves_hold() {
    let naive = strategy::named(names::NAIVE).unwrap();
    for load in [0.5, 0.7, 0.9] {
        let sustained = metastable::goodput(&naive, load, 2.0, 1);
        assert!(sustained <= 0.05, "load {load}: {sustained}");
        let short_queue = metastable::goodput(&naive, load, 0.5, 1);
        assert!(short_queue >= 0.95, "load {load}: {short_queue}");
    }
    let light = metastable::goodput(&naive, 0.2, 2.0, 1);
    assert!(light >= 0.95, "{light}");
}

#[test]
fn ours_is_not_metastable() {
    for name in [names::OURS, names::ALL, "no retries"] {
        let goodput = metastable::goodput(&strategy::named(name).unwrap(), 0.9, 2.0, 1);
        assert!(goodput >= 0.97, "{name}: {goodput}");
    }
}

#[test]
fn a_queue_longer_than_its_callers_wait_is_what_makes_it_possible() {
    let queue = |queue| Scenario {
        queue,
        ..Scenario::default()
    };
    assert!(queue(2000).can_be_metastable());
    assert!(!queue(1000).can_be_metastable());
}
