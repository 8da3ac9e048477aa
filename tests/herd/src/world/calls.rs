//! Who calls, and what becomes of a call that its client gave up.

use std::time::Duration;

use super::{
    World,
    client::Asked,
    events::{Event, Time, at},
};
use crate::scenario::Workload;

impl World<'_> {
    pub(super) fn fresh(&mut self) {
        self.plan_fresh();
        let client = self.random.below(self.clients.len() as u64) as u32;
        let counts = self.tally.fresh(self.now);
        let index = self.new_call(client, counts);
        self.submit(index);
    }

    pub(super) fn plan_fresh(&mut self) {
        let pause = self.random.exponential(1.0 / self.scenario.rate());
        self.events.plan(self.now + at(pause), Event::Fresh);
    }

    pub(super) fn new_call(&mut self, client: u32, counts: bool) -> u32 {
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

    /// The caller hands a call to its client.
    pub(super) fn submit(&mut self, index: u32) {
        let now = self.now;
        let client = self.client_mut(index);
        let course = client.retries.start();
        if let Some(tower) = &mut client.tower {
            tower.deposit(now);
        }
        self.calls[index as usize].course = course;
        self.attempt(index);
    }

    /// The client tells its caller of the failure.
    pub(super) fn give_up(&mut self, index: u32, told: Duration) {
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
}
