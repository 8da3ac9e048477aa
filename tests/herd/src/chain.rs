//! Three hops, each of which repeats, before a service that fails: how many requests arrive there for each that was made?
//!
//! Each hop runs [`Retries`] with its own budget. Two things keep three attempts each from becoming 27: budgets, which
//! alone allow 1.2³ = 1.73, and that a hop does not repeat what one behind it has repeated.

use std::time::Duration;

use http::StatusCode;
use outrigger_layers::retry::{
    backoff::Backoff,
    budget::{Budget, InvalidRatio},
    policy::{Asked, Attempt, Outcome, Policy, Retries},
};

use crate::random::Random;

/// How the hops behave.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// Hops that repeat.
    pub hops: usize,
    /// Attempts of each.
    pub attempts: u32,
    /// What a success pays for; `None` has no budget.
    pub ratio: Option<f64>,
    /// Whether a response says that it was repeated.
    pub tells: bool,
    /// The share of requests that the service fails.
    pub failures: f64,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Requests at the service for each that was made.
    pub amplification: f64,
    /// The share of them that was served in the end.
    pub success: f64,
}

impl Chain {
    /// Makes a thousand requests a second for a minute.
    ///
    /// # Errors
    /// If the ratio is none.
    pub fn run(&self, seed: u64) -> Result<Load, InvalidRatio> {
        let policy = Policy {
            attempts: self.attempts,
            backoff: Backoff::IMMEDIATE,
            ..Policy::default()
        };
        let hop = |_| {
            Ok(match self.ratio {
                Some(ratio) => Retries::new(policy, Budget::try_new(ratio)?),
                None => Retries::without_budget(policy),
            })
        };
        let hops = (0..self.hops).map(hop).collect::<Result<Vec<_>, _>>()?;
        let mut run = Run {
            chain: *self,
            random: Random::new(seed),
            now: Duration::ZERO,
            arrived: 0,
        };
        let (mut made, mut served) = (0_u32, 0_u32);
        while run.now < Duration::from_secs(60) {
            run.now += Duration::from_secs_f64(run.random.exponential(0.001));
            made += 1;
            served += u32::from(run.ask(&hops).served);
        }
        Ok(Load {
            amplification: run.arrived as f64 / f64::from(made),
            success: f64::from(served) / f64::from(made),
        })
    }
}

struct Run {
    chain: Chain,
    random: Random,
    now: Duration,
    arrived: u64,
}

#[derive(Clone, Copy)]
struct Answer {
    served: bool,
    repeated: bool,
}

impl Run {
    /// A request to the first of these hops, or to the service behind them.
    fn ask(&mut self, hops: &[Retries]) -> Answer {
        let Some((hop, behind)) = hops.split_first() else {
            self.arrived += 1;
            return Answer {
                served: self.random.share() >= self.chain.failures,
                repeated: false,
            };
        };
        let mut course = hop.start();
        loop {
            let answer = self.ask(behind);
            let repeated = answer.repeated || course.attempts() > 0;
            if answer.served {
                hop.succeeded(self.now);
                return Answer { repeated, ..answer };
            }
            let attempt = Attempt {
                outcome: Outcome::Answered(StatusCode::SERVICE_UNAVAILABLE),
                asked: Asked::Nothing,
                repeated_behind: self.chain.tells && answer.repeated,
            };
            let random = &mut self.random;
            let verdict = hop.judge(&mut course, &attempt, true, self.now, None, || random.next());
            if verdict.is_err() {
                return Answer { repeated, ..answer };
            }
        }
    }
}
