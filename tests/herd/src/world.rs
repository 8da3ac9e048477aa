//! One upstream, N clients, and an outage.

mod client;
mod events;
mod server;
pub(crate) mod tally;

use std::time::Duration;

use http::StatusCode;
use outrigger_gateway::{Reason, retry_after::jittered};
use outrigger_layers::{
    breaker::state,
    limit::adaptive,
    retry::policy::{Asked as Told, Attempt, Outcome},
};

use self::{
    client::{Asked, Client},
    events::{Answer, Call, Event, Events, SECOND, Time, at},
    server::{Offered, Server},
    tally::Tally,
};
use crate::{
    random::Random,
    report::Report,
    scenario::{Outage, Scenario, Workload},
    strategy::Strategy,
};

/// Runs a scenario to its horizon.
pub fn run(scenario: &Scenario, strategy: &Strategy) -> Report {
    let mut world = World::new(scenario, strategy);
    world.begin();
    world.live();
    world.tally.report(scenario, strategy)
}

struct World<'a> {
    scenario: &'a Scenario,
    strategy: &'a Strategy,
    random: Random,
    events: Events,
    now: Time,
    server: Server,
    clients: Vec<Client>,
    calls: Vec<Asked>,
    free: Vec<u32>,
    tally: Tally,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, strategy: &'a Strategy) -> Self {
        let for_ever = scenario.workload == Workload::Herd;
        Self {
            scenario,
            strategy,
            random: Random::new(scenario.seed.wrapping_mul(1_000_003) ^ scenario.clients as u64),
            events: Events::default(),
            now: 0,
            server: Server::new(strategy),
            clients: (0..scenario.clients)
                .map(|_| Client::new(strategy, for_ever))
                .collect(),
            calls: Vec::new(),
            free: Vec::new(),
            tally: Tally::new(scenario),
        }
    }

    fn begin(&mut self) {
        let down = self.scenario.down_at;
        if self.scenario.workload == Workload::Herd {
            for client in 0..self.clients.len() as u32 {
                // Made at some time before, cut with all others.
                let (made, cut) = (self.random.between(1.0, down - 1.0), self.random.share());
                for time in [made, down + cut * self.scenario.round_trip] {
                    let index = self.new_call(client, time >= down);
                    self.events.plan(at(time), Event::Submit { index });
                }
            }
        } else {
            self.plan_fresh();
        }
        self.events.plan(at(down), Event::Down);
        self.events.plan(at(1.0), Event::Probe);
    }

    fn live(&mut self) {
        let horizon = at(self.scenario.horizon);
        while let Some((time, event)) = self.events.next() {
            if time >= horizon {
                break;
            }
            self.now = time;
            match event {
                Event::Fresh => self.fresh(),
                Event::Done { epoch } if epoch == self.server.epoch => self.done(),
                Event::Answered(call, answer) if self.is_current(call) => self.respond(call.index, answer),
                Event::Repeat(call) if self.is_current(call) => self.attempt(call.index),
                Event::Done { .. } | Event::Answered(..) | Event::Repeat(_) => {}
                Event::Submit { index } => self.submit(index),
                Event::Probe => self.probe(),
                Event::Down => self.down(),
                Event::Up => self.up(),
            }
        }
    }

    fn fresh(&mut self) {
        self.plan_fresh();
        let client = self.random.below(self.clients.len() as u64) as u32;
        let counts = self.tally.fresh(self.now);
        let index = self.new_call(client, counts);
        self.submit(index);
    }

    fn plan_fresh(&mut self) {
        let pause = self.random.exponential(1.0 / self.scenario.rate());
        self.events.plan(self.now + at(pause), Event::Fresh);
    }

    fn new_call(&mut self, client: u32, counts: bool) -> u32 {
        let call = Asked {
            client,
            token: 0,
            course: self.clients[client as usize].retries.start(),
            ticket: None,
            begun: None,
            counts,
        };
        match self.free.pop() {
            Some(index) => {
                let slot = &mut self.calls[index as usize];
                // What is under way for the one before stays void.
                *slot = Asked {
                    token: slot.token,
                    ..call
                };
                index
            }
            None => {
                self.calls.push(call);
                self.calls.len() as u32 - 1
            }
        }
    }

    fn is_current(&self, call: Call) -> bool {
        self.calls[call.index as usize].token == call.token
    }

    fn client(&self, index: u32) -> &Client {
        &self.clients[self.calls[index as usize].client as usize]
    }

    fn client_mut(&mut self, index: u32) -> &mut Client {
        &mut self.clients[self.calls[index as usize].client as usize]
    }

    fn time(&self) -> Duration {
        Duration::from_nanos(self.now)
    }

    /// The caller hands a call to its client.
    fn submit(&mut self, index: u32) {
        let now = self.now;
        let client = self.client_mut(index);
        let course = client.retries.start();
        if let Some(tower) = &mut client.tower {
            tower.deposit(now);
        }
        self.calls[index as usize].course = course;
        self.attempt(index);
    }

    fn attempt(&mut self, index: u32) {
        if !self.may_send(index) {
            self.tally.kept(self.now);
            self.give_up(index, Duration::ZERO);
            return;
        }
        let slot = &self.calls[index as usize];
        let call = Call {
            index,
            token: slot.token,
        };
        self.tally.sent(self.now);
        let offered = self
            .server
            .offer(self.now, call, self.scenario, self.strategy, &mut self.random);
        let soon = self.now + at(self.scenario.round_trip);
        let patience = self.now + at(self.scenario.timeout);
        let (when, answer) = match offered {
            Offered::Down if self.scenario.kind == Outage::Hang => (patience, Answer::TimedOut),
            Offered::Down => (soon, Answer::Refused),
            Offered::QueueFull => (soon, Answer::Unavailable),
            Offered::Refused(told) => {
                self.tally.refused(self.now);
                (soon, told.map_or(Answer::Unavailable, Answer::Shed))
            }
            Offered::Admitted { work, waits } => {
                self.tally.admitted(self.now, waits);
                let epoch = self.server.epoch;
                self.events.plan(work.done, Event::Done { epoch });
                if !work.late {
                    return;
                }
                (patience, Answer::TimedOut)
            }
        };
        self.events.plan(when, Event::Answered(call, answer));
    }

    /// Whether the client's own protection lets an attempt go.
    fn may_send(&mut self, index: u32) -> bool {
        let now = self.time();
        let randoms = [self.random.next(), self.random.next()];
        let client = self.client_mut(index);
        let ticket = match client
            .breaker
            .as_ref()
            .map(|breaker| breaker.admit(now, randoms[0]))
        {
            Some(Err(_)) => return false,
            Some(Ok(ticket)) => Some(ticket),
            None => None,
        };
        let throttled = client
            .throttle
            .as_ref()
            .is_some_and(|throttle| !throttle.admit(now, randoms[1]));
        let begun = client
            .limit
            .as_ref()
            .map(|limit| limit.admit(now, client.in_flight));
        if throttled || begun.is_some_and(|begun| begun.is_none()) {
            if let (Some(breaker), Some(ticket)) = (&client.breaker, ticket) {
                breaker.abandon(ticket, now);
            }
            return false;
        }
        client.in_flight += 1;
        let slot = &mut self.calls[index as usize];
        (slot.ticket, slot.begun) = (ticket, begun.flatten());
        true
    }

    /// An answer reaches the client, or its patience ends.
    fn respond(&mut self, index: u32, answer: Answer) {
        let now = self.time();
        let jitter = self.random.next();
        let hold = if self.strategy.spread_holds {
            self.random.next()
        } else {
            u64::MAX
        };
        let slot = &mut self.calls[index as usize];
        slot.token = slot.token.wrapping_add(1);
        let (ticket, begun) = (slot.ticket.take(), slot.begun.take());
        // Whole seconds from the server; what is below a second by the client.
        let told = match answer {
            Answer::Shed(seconds) => jittered(
                Duration::from_secs(seconds.into()),
                Duration::from_secs(1),
                jitter,
            ),
            _ => Duration::ZERO,
        };
        let client = self.client_mut(index);
        if let (Some(breaker), Some(ticket)) = (&client.breaker, ticket) {
            breaker.report(ticket, for_breaker(answer, told), now, hold);
        }
        if let (Some(limit), Some(begun)) = (&client.limit, begun) {
            let outcome = match answer {
                Answer::Served => adaptive::Outcome::Served,
                _ => adaptive::Outcome::Failed,
            };
            limit.finished(begun, now, outcome, client.in_flight);
        }
        if let Some(throttle) = &client.throttle {
            throttle.report(matches!(answer, Answer::Served), now);
        }
        client.in_flight -= 1;
        match answer {
            Answer::Served => {
                client.retries.succeeded(now);
                let counts = self.calls[index as usize].counts;
                self.tally.served(self.now, counts);
                self.free.push(index);
            }
            _ => self.failed(index, answer, told),
        }
    }

    fn failed(&mut self, index: u32, answer: Answer, told: Duration) {
        let now = self.time();
        let mut course = self.calls[index as usize].course;
        let mut random = self.random.clone();
        let attempt = for_policy(answer);
        let verdict = self
            .client(index)
            .retries
            .judge(&mut course, &attempt, true, now, None, || random.next());
        self.random = random;
        self.calls[index as usize].course = course;
        let nanos = self.now;
        let granted = |client: &mut Client| client.tower.as_mut().is_none_or(|tower| tower.withdraw(nanos));
        match verdict {
            Ok(wait) if granted(self.client_mut(index)) => {
                let token = self.calls[index as usize].token;
                let when = self.now + wait.as_nanos() as Time;
                self.events.plan(when, Event::Repeat(Call { index, token }));
            }
            _ => self.give_up(index, told),
        }
    }

    /// The client tells its caller of the failure.
    fn give_up(&mut self, index: u32, told: Duration) {
        if self.scenario.workload != Workload::Herd {
            let slot = &mut self.calls[index as usize];
            if std::mem::take(&mut slot.counts) {
                self.tally.lost();
            }
        }
        match self.scenario.workload {
            Workload::Rpc => self.free.push(index),
            // A connection that must be made: again, as a job.
            Workload::Pentup | Workload::Herd => {
                let (from, to) = self.scenario.redeliver;
                let wait = self.random.time_between(from, to).max(told);
                let when = self.now + wait.as_nanos() as Time;
                self.events.plan(when, Event::Submit { index });
            }
        }
    }

    fn done(&mut self) {
        let Some(work) = self.server.finish(self.now) else {
            return;
        };
        self.tally.worked(self.now, work.cost, work.late);
        if !work.late && self.is_current(work.call) {
            let when = self.now + at(self.scenario.round_trip);
            self.events.plan(when, Event::Answered(work.call, Answer::Served));
        }
    }

    fn probe(&mut self) {
        self.events
            .plan(self.now + at(self.scenario.probe_period), Event::Probe);
        let brown = self.scenario.kind == Outage::Brown;
        if !self.server.is_up() || brown && self.seconds() < self.scenario.up_at() {
            return;
        }
        if self.server.fails_probe(self.now, self.scenario) {
            self.tally.knocked_down();
            self.kill(self.scenario.restart);
        }
    }

    fn down(&mut self) {
        if self.scenario.kind == Outage::Brown {
            self.server.set_speed(self.scenario.brown);
            self.events.plan(self.now + at(self.scenario.outage), Event::Up);
        } else {
            self.kill(self.scenario.outage);
        }
    }

    fn kill(&mut self, for_seconds: f64) {
        let soon = self.now + at(self.scenario.round_trip);
        for work in self.server.go_down() {
            self.events.plan(soon, Event::Answered(work.call, Answer::Reset));
        }
        self.events.plan(self.now + at(for_seconds), Event::Up);
    }

    fn up(&mut self) {
        if self.server.is_up() {
            // The end of a brown-out: nothing is reset.
            self.server.set_speed(1.0);
        } else {
            self.server.come_up(self.now);
        }
    }

    fn seconds(&self) -> f64 {
        self.now as f64 / SECOND
    }
}

fn for_breaker(answer: Answer, told: Duration) -> state::Outcome {
    match answer {
        Answer::Served => state::Outcome::Success,
        Answer::Refused => state::Outcome::Failure(Reason::ConnectionRefused),
        Answer::Reset => state::Outcome::Failure(Reason::ClosedBeforeResponse),
        Answer::TimedOut => state::Outcome::Failure(Reason::ResponseTimeout),
        Answer::Unavailable => state::Outcome::Failure(Reason::UpstreamStatus),
        Answer::Shed(_) => state::Outcome::Shed(Some(told)),
    }
}

fn for_policy(answer: Answer) -> Attempt {
    let failed = |reason: Reason| Outcome::Failed {
        reason,
        unprocessed: false,
    };
    let (outcome, asked) = match answer {
        Answer::Served => (Outcome::Answered(StatusCode::OK), Told::Nothing),
        Answer::Refused => (failed(Reason::ConnectionRefused), Told::Nothing),
        Answer::Reset => (failed(Reason::ClosedBeforeResponse), Told::Nothing),
        Answer::TimedOut => (failed(Reason::ResponseTimeout), Told::Nothing),
        Answer::Unavailable => (Outcome::Answered(StatusCode::SERVICE_UNAVAILABLE), Told::Nothing),
        Answer::Shed(seconds) => (
            Outcome::Answered(StatusCode::SERVICE_UNAVAILABLE),
            Told::After(Duration::from_secs(seconds.into())),
        ),
    };
    Attempt {
        outcome,
        asked,
        repeated_behind: false,
    }
}
