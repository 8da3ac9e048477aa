//! Brooker, "Fixing retries with token buckets and circuit breakers": failures that do not depend on load.
//!
//! Closed forms for n repeats at failure rate f: success 1 - f^(n+1), load (1 - f^(n+1)) / (1 - f).
//! Published: a token bucket repeats freely while f is far below its fill rate, and that share above it; with more and
//! smaller clients it turns into plain repeats.

use std::time::Duration;

use http::StatusCode;
use outrigger_layers::retry::{
    backoff::Backoff,
    budget::{Budget, InvalidRatio},
    policy::{Asked, Attempt, Outcome, Policy, Retries},
};

use crate::random::Random;

/// What bounds the repeats.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// Three of them.
    Three,
    /// Three, and a bucket of five tokens that each call fills by a tenth.
    Bucket,
    /// Three, and our budget with this ratio.
    Earned(f64),
}

/// Success and load for each call, of clients that share so many calls a second for some time.
///
/// # Errors
/// If the ratio is none.
pub fn run(
    bound: Bound,
    failures: f64,
    clients: usize,
    rate: f64,
    seconds: f64,
    seed: u64,
) -> Result<(f64, f64), InvalidRatio> {
    let mut random = Random::new(seed);
    let (mut calls, mut attempts, mut served) = (0_u64, 0_u64, 0_u64);
    for _ in 0..clients {
        let mut client = Client::new(bound)?;
        let mut now = 0.0;
        loop {
            now += random.exponential(clients as f64 / rate);
            if now >= seconds {
                break;
            }
            calls += 1;
            let (tries, success) = client.call(Duration::from_secs_f64(now), failures, &mut random);
            attempts += tries;
            served += u64::from(success);
        }
    }
    Ok((served as f64 / calls as f64, attempts as f64 / calls as f64))
}

struct Client {
    retries: Retries,
    bucket: Option<f64>,
}

impl Client {
    fn new(bound: Bound) -> Result<Self, InvalidRatio> {
        let policy = Policy {
            attempts: 4,
            backoff: Backoff::IMMEDIATE,
            ..Policy::default()
        };
        Ok(Self {
            retries: match bound {
                Bound::Earned(ratio) => Retries::new(policy, Budget::try_new(ratio)?),
                Bound::Three | Bound::Bucket => Retries::without_budget(policy),
            },
            bucket: matches!(bound, Bound::Bucket).then_some(5.0),
        })
    }

    fn call(&mut self, now: Duration, failures: f64, random: &mut Random) -> (u64, bool) {
        const FAILED: Attempt = Attempt {
            outcome: Outcome::Answered(StatusCode::SERVICE_UNAVAILABLE),
            asked: Asked::Nothing,
            repeated_behind: false,
        };
        if let Some(tokens) = &mut self.bucket {
            *tokens = (*tokens + 0.1).min(5.0);
        }
        let mut course = self.retries.start();
        for tries in 1.. {
            if random.share() >= failures {
                self.retries.succeeded(now);
                return (tries, true);
            }
            let verdict = self
                .retries
                .judge(&mut course, &FAILED, true, now, None, || random.next());
            if verdict.is_err() || !self.withdraw() {
                return (tries, false);
            }
        }
        (0, false)
    }

    fn withdraw(&mut self) -> bool {
        match &mut self.bucket {
            Some(tokens) if *tokens <= 1.0 => false,
            Some(tokens) => {
                *tokens -= 1.0;
                true
            }
            None => true,
        }
    }
}
