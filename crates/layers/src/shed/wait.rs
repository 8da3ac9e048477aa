//! One request's place among those that wait.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::Extensions;
use outrigger_gateway::{Failure, Reason};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    line::{Newcomer, Position},
    state::State,
};
use crate::{deadline::Deadline, priority::Priority};

/// A request that was not ready to go at once. On the heap: few requests wait, and all are moved.
#[derive(Debug)]
pub(super) struct Wait {
    state: Arc<State>,
    priority: Priority,
    deadline: Option<Deadline>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Not in the line, and never was.
    New,
    InLine(InLine),
    /// On its way since then.
    Sent(Instant),
    /// Nothing is left to be done.
    Over,
}

/// A place in the line.
#[derive(Debug)]
struct InLine {
    number: u64,
    joined: Instant,
    front: bool,
    /// Reaches us there.
    waker: Waker,
    sleep: Pin<Box<Sleep>>,
}

/// What one who is in the line has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// To ask for the place.
    Ask,
    /// To let others go first.
    Wait,
}

impl Wait {
    pub(super) fn new(state: Arc<State>, extensions: &Extensions) -> Self {
        Self {
            state,
            priority: Priority::of(extensions),
            deadline: extensions.get().copied(),
            stage: Stage::New,
        }
    }

    /// Whether it has yet to join the line.
    pub(super) const fn is_new(&self) -> bool {
        matches!(self.stage, Stage::New)
    }

    /// Whether it is on its way.
    pub(super) const fn is_sent(&self) -> bool {
        matches!(self.stage, Stage::Sent(_))
    }

    /// Whether anyone waits already.
    pub(super) fn is_behind(&self) -> bool {
        self.state.waiting() > 0
    }

    /// Joins the line, unless it is full.
    pub(super) fn join(&mut self, waker: &Waker) -> Result<Turn, Failure> {
        let newcomer = Newcomer {
            priority: self.priority,
            deadline: self.deadline.map(|deadline| self.state.time(deadline.instant())),
            reach: waker.clone(),
        };
        let joined = self.state.in_line(|line, now, told| {
            let number = line.join(now, newcomer, told).ok_or_else(|| line.len())?;
            Ok((number, line.position(now, number)))
        });
        let (number, position) = joined.map_err(|waiting| self.line_full(waiting))?;
        let (turn, until) = match position {
            Position::Front(until) => (Turn::Ask, until),
            Position::Behind(until) => (Turn::Wait, until),
            Position::Out => (Turn::Wait, Duration::ZERO),
        };
        self.stage = Stage::InLine(InLine {
            number,
            joined: Instant::now(),
            front: turn == Turn::Ask,
            waker: waker.clone(),
            sleep: Box::pin(sleep_until(self.state.instant(until))),
        });
        Ok(turn)
    }

    /// What is to be done now.
    ///
    /// # Errors
    /// If it is out of the line.
    pub(super) fn turn(&mut self, cx: &mut Context<'_>) -> Result<Turn, Failure> {
        let Stage::InLine(place) = &mut self.stage else {
            return Ok(Turn::Ask);
        };
        if place.front {
            // Nobody takes it from there.
            return Ok(Turn::Ask);
        }
        let number = place.number;
        let stale = !place.waker.will_wake(cx.waker());
        if stale {
            place.waker = cx.waker().clone();
        }
        let (position, _stale) = self.state.in_line(|line, now, _| {
            let stale = stale.then(|| line.reach(number, cx.waker().clone()));
            (line.position(now, number), stale)
        });
        match position {
            Position::Front(until) => {
                place.front = true;
                place.sleep.as_mut().reset(self.state.instant(until));
                Ok(Turn::Ask)
            }
            Position::Behind(until) => {
                // Sooner than it was, or later.
                place.sleep.as_mut().reset(self.state.instant(until));
                Ok(Turn::Wait)
            }
            Position::Out => {
                let waited = place.joined.elapsed();
                self.stage = Stage::Over;
                Err(self.sent_away(waited))
            }
        }
    }

    /// Ready once it has waited for too long; with why.
    pub(super) fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        let Stage::InLine(place) = &mut self.stage else {
            return Poll::Pending;
        };
        if place.sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let waited = place.joined.elapsed();
        self.leave_line(true);
        Poll::Ready(self.in_vain(waited))
    }

    /// Whether there is still time to be served.
    pub(super) fn in_time(&self) -> Result<(), Failure> {
        match self.deadline {
            Some(deadline) if deadline.remaining(Instant::now()).is_none() => Err(self.expired()),
            _ => Ok(()),
        }
    }

    /// It was sent on.
    pub(super) fn sent(&mut self) {
        if matches!(self.stage, Stage::InLine(_)) {
            let _ours = self.state.in_line(|line, now, told| line.placed(now, told));
        }
        self.state.admit();
        self.stage = Stage::Sent(Instant::now());
    }

    /// It was answered.
    pub(super) fn answered(&mut self) {
        if let Stage::Sent(at) = self.stage {
            self.state.in_line(|line, _, _| line.answered(at.elapsed()));
            self.stage = Stage::Over;
        }
    }

    /// Leaves the line for reasons of its own.
    pub(super) fn leave(&mut self) {
        self.leave_line(false);
    }

    fn leave_line(&mut self, too_late: bool) {
        if let Stage::InLine(place) = std::mem::replace(&mut self.stage, Stage::Over) {
            let _ours = self
                .state
                .in_line(|line, now, told| line.leave(now, place.number, too_late, told));
        }
    }

    fn line_full(&self, waiting: usize) -> Failure {
        match &self.state.config.limit {
            Some(limit) => self.state.refuse(format_args!(
                "{} requests in flight and {waiting} waiting",
                limit.in_flight()
            )),
            None => self.state.refuse(format_args!("{waiting} requests waiting")),
        }
    }

    /// The failure of who waited too long.
    fn in_vain(&self, waited: Duration) -> Failure {
        self.refuse(format_args!("waited {:?}", rounded(waited)))
    }

    /// The failure of who waited too long in a line that stands, gave way to another, or is late.
    fn sent_away(&self, waited: Duration) -> Failure {
        if let Err(expired) = self.in_time() {
            return expired;
        }
        self.refuse(format_args!(
            "waited {:?} in a line that stands, or gave way to what is more urgent,",
            rounded(waited)
        ))
    }

    fn refuse(&self, what: fmt::Arguments<'_>) -> Failure {
        match &self.state.config.limit {
            Some(limit) => self.state.refuse(format_args!(
                "{what} behind {} requests in flight",
                limit.in_flight()
            )),
            None => self.state.refuse(what),
        }
    }

    fn expired(&self) -> Failure {
        self.state.of_upstream(
            Failure::new(Reason::DeadlineExceeded)
                .with_detail("the deadline passed while waiting for a place"),
        )
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Whole milliseconds.
const fn rounded(time: Duration) -> Duration {
    Duration::from_millis(time.as_millis() as u64)
}
