//! One upstream, N clients, and an outage.

mod attempt;
mod calls;
mod client;
mod events;
mod server;
pub(crate) mod tally;
mod upstream;

use std::time::Duration;

use self::{
    client::{Asked, Client},
    events::{Call, Event, Events, SECOND, Time, at},
    server::Server,
    tally::Tally,
};
use crate::{
    random::Random,
    report::Report,
    scenario::{Scenario, Workload},
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

    fn seconds(&self) -> f64 {
        self.now as f64 / SECOND
    }
}
