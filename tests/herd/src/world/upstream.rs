//! What the upstream goes through: work done, probes, the outage, and being killed.

use super::{
    World,
    events::{Answer, Event, at},
};
use crate::scenario::Outage;

impl World<'_> {
    pub(super) fn done(&mut self) {
        let Some(work) = self.server.finish(self.now) else {
            return;
        };
        self.tally.worked(self.now, work.cost, work.late);
        if !work.late && self.is_current(work.call) {
            let when = self.now + at(self.scenario.round_trip);
            self.events.plan(when, Event::Answered(work.call, Answer::Served));
        }
    }

    pub(super) fn probe(&mut self) {
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

    pub(super) fn down(&mut self) {
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

    pub(super) fn up(&mut self) {
        if self.server.is_up() {
            // The end of a brown-out: nothing is reset.
            self.server.set_speed(1.0);
        } else {
            self.server.come_up(self.now);
        }
    }
}
