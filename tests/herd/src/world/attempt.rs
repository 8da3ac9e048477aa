//! An attempt: what lets it go, what came of it, and what follows from that. Here the policies are asked.

use std::time::Duration;

use http::StatusCode;
use outrigger_gateway::{Reason, retry_after::jittered};
use outrigger_layers::{
    breaker::state,
    limit::adaptive,
    retry::policy::{Asked as Told, Attempt, Outcome},
};

use super::{
    World,
    client::Client,
    events::{Answer, Call, Event, Time, at},
    server::Offered,
};
use crate::scenario::Outage;

impl World<'_> {
    pub(super) fn attempt(&mut self, index: u32) {
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
    pub(super) fn respond(&mut self, index: u32, answer: Answer) {
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
