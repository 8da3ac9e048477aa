mod standard;

use std::{sync::Arc, time::Duration};

use super::*;

fn refused(change: impl FnOnce(&mut Config)) -> &'static str {
    let mut config = Config::default();
    change(&mut config);
    Parts::try_new(&config).unwrap_err().setting()
}

#[test]
fn the_defaults_can_be_obeyed() {
    let parts = Parts::try_new(&Config::default()).unwrap();
    assert_eq!(parts.requests.limit.limit().max(), 1024);
    assert_eq!(parts.streams.limit.limit().max(), 1024);
    assert!(parts.rate.is_none() && parts.quota.is_none() && parts.attempt.is_none());
    assert!(!parts.maintenance.switch().is_on());
}

#[test]
fn what_cannot_be_obeyed_is_told_by_the_name_of_its_setting() {
    let zero = Duration::ZERO;
    assert_eq!(refused(|config| config.timeout.connect = zero), "timeout.connect");
    assert_eq!(
        refused(|config| config.timeout.total = Some(zero)),
        "timeout.total"
    );
    assert_eq!(
        refused(|config| config.timeout.attempt = Some(zero)),
        "timeout.attempt"
    );
    assert_eq!(refused(|config| config.retry.attempts = 0), "retry.attempts");
    assert_eq!(refused(|config| config.retry.attempts = 101), "retry.attempts");
    assert_eq!(refused(|config| config.retry.budget = 1.1), "retry.budget");
    assert_eq!(refused(|config| config.retry.budget = f64::NAN), "retry.budget");
    assert_eq!(refused(|config| config.retry.base = zero), "retry.base");
    assert_eq!(
        refused(|config| config.retry.cap = Duration::from_millis(99)),
        "retry.cap"
    );
    assert_eq!(refused(|config| config.limit.in_flight = 0), "limit.in_flight");
    assert_eq!(refused(|config| config.limit.streams = 0), "limit.streams");
    assert_eq!(
        refused(|config| config.breaker.hold_cap = zero),
        "breaker.hold_cap"
    );
}

#[test]
fn without_failures_to_count_nothing_is_held_back() {
    let breaker = Breaker {
        failures: 0,
        ..Breaker::default()
    };
    assert_eq!(breaker.decision(), None);
    let parts = Parts::try_new(&Config {
        breaker,
        ..Config::default()
    })
    .unwrap();
    assert!(parts.breaker.is_none());
    assert_eq!(
        Breaker::default().decision(),
        Some(crate::breaker::state::Config::default())
    );
}

#[test]
fn both_sides_of_what_a_rate_may_be() {
    let rate = |requests, per| {
        let limit = Limit {
            rate: Some(Rate { requests, per }),
            ..Limit::default()
        };
        Parts::try_new(&Config {
            limit,
            ..Config::default()
        })
    };
    const DAY: Duration = Duration::from_secs(86_400);
    const SECOND: Duration = Duration::from_secs(1);
    assert!(rate(1, DAY).is_ok() && rate(1_000_000_000, SECOND).is_ok());
    for refused in [
        rate(0, SECOND),
        rate(1, Duration::ZERO),
        rate(1, DAY + SECOND),
        rate(1_000_000_001, SECOND),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.setting(), "limit.rate");
        assert!(
            error.to_string().starts_with("limit.rate must be from one"),
            "{error}"
        );
    }
    let per_caller = Some(Rate {
        requests: 0,
        per: SECOND,
    });
    assert_eq!(
        refused(|config| config.limit.rate_per_caller = per_caller),
        "limit.rate_per_caller"
    );
}

#[test]
fn a_clone_shares_what_the_layers_share() {
    let parts = Parts::of_upstream(&Config::default(), &Arc::from("orders")).unwrap();
    let place = parts.requests.limit.limit().try_enter();
    assert_eq!(parts.clone().requests.limit.limit().in_flight(), 1);
    drop(place);
    parts.clone().maintenance.switch().turn(true);
    assert!(parts.maintenance.switch().is_on());
}
