use std::time::SystemTime;

use http::header;
use outrigger_gateway::{Failure, grpc};
use proptest::prelude::*;

use super::*;

const NOW: Duration = Duration::from_secs(100);
const MIDDLE: u64 = 1 << 63;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn retries() -> Retries {
    let budget = Budget::try_new(1.0).unwrap();
    (0..10).for_each(|_| budget.deposit(NOW));
    Retries::new(Policy::default(), budget)
}

fn failed(reason: Reason) -> Attempt {
    Attempt::failed(&Failure::new(reason))
}

fn answered(status: u16, fields: &[(HeaderName, &'static str)]) -> Attempt {
    let headers = fields
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
        .collect();
    Attempt::answered(
        StatusCode::from_u16(status).unwrap(),
        &headers,
        SystemTime::UNIX_EPOCH,
    )
}

/// The verdict on the first attempt of an idempotent request without a deadline.
fn first(attempt: &Attempt) -> Result<Duration, Refusal> {
    judge(&retries(), attempt, true, None)
}

fn judge(
    retries: &Retries,
    attempt: &Attempt,
    idempotent: bool,
    deadline: Option<Duration>,
) -> Result<Duration, Refusal> {
    retries.judge(&mut retries.start(), attempt, idempotent, NOW, deadline, || {
        MIDDLE
    })
}

#[test]
fn each_reason_is_repeated_as_the_table_says() {
    for reason in Reason::ALL.iter().copied() {
        let attempt = failed(reason);
        let (idempotent, other) = match reason.row().repeat {
            Repeat::Yes => (None, None),
            Repeat::Idempotent => (None, Some(Refusal::NotIdempotent)),
            Repeat::No => (Some(Refusal::Outcome), Some(Refusal::Outcome)),
        };
        assert_eq!(
            judge(&retries(), &attempt, true, None).err(),
            idempotent,
            "{reason}"
        );
        assert_eq!(judge(&retries(), &attempt, false, None).err(), other, "{reason}");
    }
}

#[test]
fn answers_of_502_503_and_504_are_repeated_if_the_request_may_be() {
    for status in [502, 503, 504] {
        assert!(first(&answered(status, &[])).is_ok());
        let verdict = judge(&retries(), &answered(status, &[]), false, None);
        assert_eq!(verdict, Err(Refusal::NotIdempotent));
    }
    for status in [200, 404, 429, 500, 501, 505] {
        assert_eq!(first(&answered(status, &[])), Err(Refusal::Outcome));
    }
}

#[test]
fn methods_and_a_key_make_a_request_idempotent() {
    let none = HeaderMap::new();
    assert!(is_idempotent(&Method::GET, &none) && is_idempotent(&Method::PUT, &none));
    assert!(!is_idempotent(&Method::POST, &none) && !is_idempotent(&Method::PATCH, &none));
    let mut key = HeaderMap::new();
    key.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("\"8e03978e\""));
    assert!(is_idempotent(&Method::POST, &key));
}

#[test]
fn what_was_provably_not_processed_is_repeated_whatever_the_method() {
    let failure = Failure::new(Reason::ClosedBeforeResponse).with_unprocessed(true);
    assert!(judge(&retries(), &Attempt::failed(&failure), false, None).is_ok());
}

#[test]
fn the_first_attempt_counts() {
    let retries = retries();
    let mut course = retries.start();
    let mut next = || {
        retries.judge(
            &mut course,
            &failed(Reason::ConnectionRefused),
            true,
            NOW,
            None,
            || 0,
        )
    };
    assert!(next().is_ok() && next().is_ok());
    assert_eq!(next(), Err(Refusal::Attempts));
    assert_eq!(course.attempts(), 3);
}

#[test]
fn waits_double_and_are_spread_over_the_whole() {
    let retries = retries();
    let mut course = retries.start();
    let mut next = || {
        let attempt = failed(Reason::ConnectionRefused);
        retries.judge(&mut course, &attempt, true, NOW, None, || MIDDLE)
    };
    assert_eq!(next(), Ok(Duration::from_millis(50)));
    assert_eq!(next(), Ok(Duration::from_millis(100)));
}

#[test]
fn two_seconds_of_retry_after_are_held_and_three_are_not() {
    let asked = |wait| answered(503, &[(header::RETRY_AFTER, wait)]);
    assert_eq!(
        first(&asked("2")),
        Ok(Duration::from_millis(2500)),
        "two and a blur"
    );
    assert_eq!(first(&asked("3")), Err(Refusal::AskedToWait));
}

#[test]
fn pushback_counts_before_retry_after_and_is_taken_as_it_is() {
    let pushback = |wait| answered(503, &[(grpc::RETRY_PUSHBACK, wait), (header::RETRY_AFTER, "60")]);
    assert_eq!(first(&pushback("700")), Ok(Duration::from_millis(700)));
    for never in ["-1", "soon", ""] {
        assert_eq!(first(&pushback(never)), Err(Refusal::AskedToWait));
    }
}

#[test]
fn what_one_request_was_told_binds_the_others_until_it_is_over() {
    let retries = retries();
    let told = answered(503, &[(header::RETRY_AFTER, "5")]);
    assert_eq!(judge(&retries, &told, true, None), Err(Refusal::AskedToWait));

    let other = failed(Reason::ConnectionRefused);
    let at = |now| retries.judge(&mut retries.start(), &other, true, now, None, || MIDDLE);
    assert_eq!(at(NOW + secs(1)), Err(Refusal::AskedToWait));
    assert_eq!(
        at(NOW + secs(4)),
        Ok(Duration::from_millis(1500)),
        "the rest and a blur"
    );
    assert_eq!(at(NOW + secs(5)), Ok(Duration::from_millis(50)));
}

#[test]
fn a_wait_that_does_not_fit_the_deadline_is_not_begun() {
    let attempt = failed(Reason::ConnectionRefused);
    let left = |ms| judge(&retries(), &attempt, true, Some(NOW + Duration::from_millis(ms)));
    assert_eq!(left(50), Err(Refusal::Deadline));
    assert!(left(51).is_ok());
    assert_eq!(
        judge(&retries(), &attempt, true, Some(secs(1))),
        Err(Refusal::Deadline)
    );
}

#[test]
fn only_the_outermost_hop_repeats() {
    let behind = |count| first(&answered(503, &[(ATTEMPT_COUNT, count)]));
    assert!(behind("1").is_ok() && behind("garbage").is_ok());
    assert_eq!(behind("2"), Err(Refusal::RepeatedBehind));
}

#[test]
fn without_successes_there_are_no_repeats_and_a_refusal_costs_nothing() {
    let budget = Budget::try_new(0.5).unwrap();
    let retries = Retries::new(Policy::default(), budget.clone());
    let attempt = failed(Reason::ConnectionRefused);
    assert_eq!(judge(&retries, &attempt, true, None), Err(Refusal::Budget));

    retries.succeeded(NOW);
    retries.succeeded(NOW);
    assert_eq!(judge(&retries, &attempt, true, Some(NOW)), Err(Refusal::Deadline));
    assert!((budget.balance(NOW) - 1.0).abs() < 1e-9);
    assert!(judge(&retries, &attempt, true, None).is_ok());
    assert_eq!(judge(&retries, &attempt, true, None), Err(Refusal::Budget));
}

#[test]
fn successes_are_answers_that_need_no_repeat() {
    let retries = retries();
    let answer = |status| Outcome::Answered(StatusCode::from_u16(status).unwrap());
    assert!(retries.is_success(answer(200)) && retries.is_success(answer(500)));
    assert!(!retries.is_success(answer(503)));
    assert!(!retries.is_success(failed(Reason::ConnectionRefused).outcome));
}

#[test]
fn labels_differ() {
    let mut labels = Refusal::ALL.map(Refusal::label).to_vec();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), Refusal::ALL.len());
}

proptest! {
    #[test]
    fn no_attempt_is_made_before_what_was_asked_for_or_after_the_deadline(
        told in 0_u64..10,
        later in 0_u64..10_000,
        left in prop::option::of(0_u64..5000),
        random in any::<u64>(),
    ) {
        let retries = retries();
        let seconds = HeaderValue::from(told);
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, seconds)]);
        let attempt = Attempt::answered(StatusCode::SERVICE_UNAVAILABLE, &headers, SystemTime::UNIX_EPOCH);
        let until = NOW + secs(told);
        if let Ok(wait) = retries.judge(&mut retries.start(), &attempt, true, NOW, None, || random) {
            prop_assert!(NOW + wait >= until && told <= 2);
        }
        let now = NOW + Duration::from_millis(later);
        let deadline = left.map(|left| now + Duration::from_millis(left));
        let other = failed(Reason::ConnectionRefused);
        if let Ok(wait) = retries.judge(&mut retries.start(), &other, true, now, deadline, || random) {
            prop_assert!(now + wait >= until);
            prop_assert!(deadline.is_none_or(|deadline| now + wait < deadline));
        }
    }
}
