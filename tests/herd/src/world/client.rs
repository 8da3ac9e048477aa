//! One client: the policies themselves, shared with nobody.

use std::{collections::VecDeque, time::Duration};

use outrigger_layers::{
    breaker::state::{State, Ticket},
    limit::adaptive::{Begun, ClientLimit},
    retry::{
        budget::Budget as Earned,
        policy::{Course, Policy, Retries},
    },
    throttle::Throttle,
};

use super::events::{Time, at};
use crate::strategy::{Budget, Strategy};

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) retries: Retries,
    pub(crate) tower: Option<TowerBudget>,
    pub(crate) breaker: Option<State>,
    pub(crate) limit: Option<ClientLimit>,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) in_flight: usize,
}

impl Client {
    pub(crate) fn new(strategy: &Strategy, for_ever: bool) -> Self {
        let policy = Policy {
            attempts: if for_ever { u32::MAX } else { strategy.attempts },
            backoff: strategy.backoff,
            hold: if for_ever {
                Duration::MAX
            } else {
                Policy::default().hold
            },
            ..Policy::default()
        };
        Self {
            retries: match strategy.budget {
                Budget::Earned(ratio) => match Earned::try_new(ratio) {
                    Ok(budget) => Retries::new(policy, budget),
                    Err(_) => Retries::without_budget(policy),
                },
                Budget::None | Budget::Tower(..) => Retries::without_budget(policy),
            },
            tower: match strategy.budget {
                Budget::Tower(ratio, floor) => Some(TowerBudget::new(ratio, floor)),
                Budget::None | Budget::Earned(_) => None,
            },
            breaker: strategy.breaker.map(State::new),
            limit: strategy.client_limit.then(ClientLimit::new),
            throttle: strategy.throttle.then(Throttle::default),
            in_flight: 0,
        }
    }
}

/// A call that somebody made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) client: u32,
    pub(crate) token: u32,
    pub(crate) course: Course,
    pub(crate) ticket: Option<Ticket>,
    pub(crate) begun: Option<Begun>,
    /// Whether its failure would be counted as collateral damage.
    pub(crate) counts: bool,
}

/// tower's budget, as a control: deposits of the last ten seconds and a floor a second, per client.
#[derive(Debug)]
pub(crate) struct TowerBudget {
    ratio: f64,
    reserve: f64,
    entries: VecDeque<(Time, f64)>,
    sum: f64,
}

impl TowerBudget {
    const TTL: f64 = 10.0;

    const fn new(ratio: f64, floor: f64) -> Self {
        Self {
            ratio,
            reserve: floor * Self::TTL,
            entries: VecDeque::new(),
            sum: 0.0,
        }
    }

    pub(crate) fn deposit(&mut self, now: Time) {
        self.push(now, self.ratio);
    }

    pub(crate) fn withdraw(&mut self, now: Time) -> bool {
        let ttl = at(Self::TTL);
        while let Some((time, amount)) = self.entries.front().copied()
            && time + ttl < now
        {
            self.sum -= amount;
            self.entries.pop_front();
        }
        let granted = self.reserve + self.sum >= 1.0;
        if granted {
            self.push(now, -1.0);
        }
        granted
    }

    fn push(&mut self, now: Time, amount: f64) {
        self.entries.push_back((now, amount));
        self.sum += amount;
    }
}
