//! The upstream: one queue, first come first served, a cold start, and a liveness probe that waits behind real work.
//!
//! It does not notice that a client has given up, unless deadlines are propagated.

use std::{collections::VecDeque, time::Duration};

use outrigger_layers::{
    limit::adaptive::{Begun, ServerLimit},
    shed::pressure::Pressure,
};

use super::events::{Call, SECOND, Time, at};
use crate::{
    random::Random,
    scenario::Scenario,
    strategy::{Admission, RetryAfter, Strategy},
};

/// A request that was let in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) call: Call,
    pub(crate) done: Time,
    /// What it costs, in seconds of the server.
    pub(crate) cost: f64,
    /// Nobody will wait for its answer.
    pub(crate) late: bool,
    /// It was dropped when its turn came.
    expired: bool,
    /// What the limit knows it by.
    begun: Option<Begun>,
}

/// What becomes of a request that reaches the server's host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Offered {
    Down,
    /// By the server's side, with what the client is told.
    Refused(Option<u8>),
    QueueFull,
    Admitted {
        work: Work,
        waits: f64,
    },
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) epoch: u32,
    up: bool,
    up_since: f64,
    /// When it will be idle.
    busy: Time,
    /// Speed in a brown-out.
    speed: f64,
    queue: VecDeque<Work>,
    limit: Limit,
    pressure: Pressure,
    admitted: u64,
    probes_failed: u32,
}

#[derive(Debug)]
enum Limit {
    None,
    Fixed(usize),
    Adaptive(Box<ServerLimit>),
}

impl Server {
    pub(crate) fn new(strategy: &Strategy) -> Self {
        Self {
            epoch: 0,
            up: true,
            up_since: -1e9,
            busy: 0,
            speed: 1.0,
            queue: VecDeque::new(),
            limit: match strategy.admission {
                Admission::All => Limit::None,
                Admission::Fixed(limit) => Limit::Fixed(limit),
                Admission::Adaptive => Limit::Adaptive(Box::default()),
            },
            pressure: Pressure::default(),
            admitted: 0,
            probes_failed: 0,
        }
    }

    pub(crate) fn offer(
        &mut self,
        now: Time,
        call: Call,
        scenario: &Scenario,
        strategy: &Strategy,
        random: &mut Random,
    ) -> Offered {
        if !self.up {
            return Offered::Down;
        }
        let Ok(begun) = self.admit(now) else {
            // Saying no is work too.
            self.busy = self.busy.max(now) + at(scenario.refusal_cost / scenario.capacity);
            return Offered::Refused(self.told(now, strategy, random));
        };
        if self.queue.len() >= scenario.queue {
            return Offered::QueueFull;
        }
        let start = self.busy.max(now);
        let waits = (start - now) as f64 / SECOND;
        let mut cost = random.exponential(1.0) / (scenario.capacity * self.speed_at(start, scenario));
        if scenario.thrash > 0.0 {
            cost *= 1.0 + self.queue.len() as f64 / scenario.thrash;
        }
        let expired = strategy.deadline && waits > scenario.timeout;
        if expired {
            cost = scenario.refusal_cost / scenario.capacity;
        }
        self.busy = start + at(cost);
        let work = Work {
            call,
            done: self.busy,
            cost,
            late: (self.busy - now) as f64 / SECOND + scenario.round_trip > scenario.timeout,
            expired,
            begun,
        };
        self.queue.push_back(work);
        self.admitted += 1;
        Offered::Admitted { work, waits }
    }

    /// Done with the first of the queue.
    pub(crate) fn finish(&mut self, now: Time) -> Option<Work> {
        let work = self.queue.pop_front()?;
        if let (Limit::Adaptive(limit), Some(begun)) = (&self.limit, work.begun) {
            let now = Duration::from_nanos(now);
            if work.expired {
                limit.abandoned(begun, now);
            } else {
                limit.finished(begun, now);
            }
        }
        Some(work)
    }

    /// The process ends; all that was in it.
    pub(crate) fn go_down(&mut self) -> VecDeque<Work> {
        self.up = false;
        self.epoch += 1;
        std::mem::take(&mut self.queue)
    }

    pub(crate) fn come_up(&mut self, now: Time) {
        self.up = true;
        self.up_since = now as f64 / SECOND;
        self.busy = now;
        self.probes_failed = 0;
        if let Limit::Adaptive(limit) = &self.limit {
            limit.restarted(Duration::from_nanos(now));
        }
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.up
    }

    pub(crate) const fn set_speed(&mut self, speed: f64) {
        self.speed = speed;
    }

    /// Whether a liveness probe at this time is one too many that fails.
    pub(crate) fn fails_probe(&mut self, now: Time, scenario: &Scenario) -> bool {
        let waits = self.busy.saturating_sub(now) as f64 / SECOND;
        let failed = self.queue.len() >= scenario.queue || waits > scenario.probe_timeout;
        self.probes_failed = if failed { self.probes_failed + 1 } else { 0 };
        scenario.probe_threshold != 0 && self.probes_failed >= scenario.probe_threshold
    }

    /// Whether there is room, and what the limit knows the request by.
    fn admit(&self, now: Time) -> Result<Option<Begun>, ()> {
        let in_flight = self.queue.len();
        match &self.limit {
            Limit::Fixed(limit) if in_flight >= *limit => Err(()),
            Limit::None | Limit::Fixed(_) => Ok(None),
            Limit::Adaptive(limit) => limit
                .admit(Duration::from_nanos(now), in_flight)
                .map(Some)
                .ok_or(()),
        }
    }

    fn told(&mut self, now: Time, strategy: &Strategy, random: &mut Random) -> Option<u8> {
        match strategy.retry_after {
            RetryAfter::Silent => None,
            RetryAfter::Between(from, to) => Some((from + random.below(to - from + 1)) as u8),
            RetryAfter::Scaled => {
                self.pressure.refuse(Duration::from_nanos(now), self.admitted);
                Some(self.pressure.retry_after(random.next()).as_secs() as u8)
            }
        }
    }

    fn speed_at(&self, start: Time, scenario: &Scenario) -> f64 {
        let age = start as f64 / SECOND - self.up_since;
        let warmth = (age / scenario.warm_up).clamp(0.0, 1.0);
        self.speed * (scenario.cold + (1.0 - scenario.cold) * warmth)
    }
}
