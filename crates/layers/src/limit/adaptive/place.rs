//! What a request holds of an adaptive limit.

use std::{sync::Arc, time::Duration};

use super::{
    delay::Begun,
    law::{Answer, Law},
    recent::Entry,
    state::State,
};

/// A request that waits for its head; dropped, it came to nothing.
#[derive(Debug)]
pub(super) struct Turn {
    state: Arc<State>,
    entry: Entry,
    begun: Option<Begun>,
}

impl Turn {
    pub(super) const fn new(state: Arc<State>, entry: Entry, begun: Begun) -> Self {
        Self {
            state,
            entry,
            begun: Some(begun),
        }
    }

    /// Its response's head is there, or will never come; what of a body follows counts for a second.
    pub(super) fn end(mut self, answer: Answer, body_follows: bool) -> Option<Passing> {
        let now = self.state.now();
        self.over(now, Some(answer));
        self.state.note(answer, now);
        // Before the turn is given back, so that it is never counted less than once.
        body_follows.then(|| self.state.pass(now))
    }

    fn over(&mut self, now: Duration, answer: Option<Answer>) {
        if let Some(begun) = self.begun.take() {
            // What is in flight is of use to the client's law alone.
            let in_flight = match self.state.law() {
                Law::Server(_) => 0,
                Law::Client(_) => self.state.in_flight(now),
            };
            self.state.law().over(begun, now, answer, in_flight);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.begun.is_some() {
            self.over(self.state.now(), None);
        }
        self.state.turns.leave(self.entry);
    }
}

/// Something that goes up or comes down, and counts for a second at most.
#[derive(Debug)]
pub(super) struct Passing {
    state: Arc<State>,
    entry: Entry,
}

impl Passing {
    pub(super) const fn new(state: Arc<State>, entry: Entry) -> Self {
        Self { state, entry }
    }

    pub(super) fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// A response's body follows an upload that is not over yet.
    pub(super) fn renew(&self) -> Self {
        self.state.pass(self.state.now())
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.state.bodies.leave(self.entry);
    }
}
