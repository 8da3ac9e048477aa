//! Decides whether a request is sent again after what came of an attempt, and when.
//!
//! In this order, and the first that says no is the answer ([`Refusal`]): attempts are left; nobody behind us has repeated
//! it already, and it is no repeat itself (only the outermost hop does); the outcome may be repeated: a reason whose row in the
//! [table](outrigger_gateway::table) says so, or an answer of 502, 503 or 504; the request may be: its method is idempotent
//! (RFC 9110 §9.2.2), it carries `Idempotency-Key`, or it provably was not processed; the other side does not ask us to
//! stay away for longer than [`Policy::hold`]; the wait ends before the deadline; the [`Budget`] has one left.
//!
//! What the other side asked for binds all requests that share the [`Retries`], until it is over. Whole seconds
//! (`Retry-After`) get up to one second on top, so that those who were told the same do not come at the same moment;
//! `grpc-retry-pushback-ms` (gRFC A6) is taken as it is.
//! Not covered: making the attempts, and keeping what is to be sent again.

mod attempt;
mod refusal;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use outrigger_gateway::{Reason, retry_after, table::Repeat};

pub use self::{
    attempt::{Asked, Attempt, Outcome},
    refusal::Refusal,
};
use super::{
    backoff::{Backoff, Waits},
    budget::Budget,
};

/// Marks a request that its sender allows to be repeated, whatever the method (draft-ietf-httpapi-idempotency-key).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How many attempts there have been: in requests this one included, in responses those made behind.
pub const ATTEMPT_COUNT: HeaderName = HeaderName::from_static("x-envoy-attempt-count");

/// The same of gRPC, this one not included (gRFC A6).
pub const PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");

/// Width of what is added to a wait in whole seconds.
const BLUR: Duration = Duration::from_secs(1);

/// What may be repeated, and how.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Attempts in all, the first included; one never repeats.
    pub attempts: u32,
    /// The waits in between.
    pub backoff: Backoff,
    /// How long a request may be held because the other side asked for it; who is asked for longer fails now.
    pub hold: Duration,
    /// Whether an answer with this status may be followed by another attempt.
    pub statuses: fn(StatusCode) -> bool,
    /// Whether a failure for this reason may be; the second is whether the request provably was not processed.
    pub reasons: fn(Reason, bool) -> Repeat,
}

impl Default for Policy {
    /// Three attempts, full jitter of 100 ms up to 10 s, 2 s of holding, after 502, 503 and 504, and after what
    /// [`by_the_table`] says.
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff: Backoff::default(),
            hold: Duration::from_secs(2),
            statuses: |status| matches!(status.as_u16(), 502..=504),
            reasons: by_the_table,
        }
    }
}

/// What the [table](outrigger_gateway::table) says of a reason; what provably was not processed may always be repeated.
pub fn by_the_table(reason: Reason, unprocessed: bool) -> Repeat {
    match unprocessed {
        true => Repeat::Yes,
        false => reason.row().repeat,
    }
}

/// Whether the field [`ATTEMPT_COUNT`] tells of more than one attempt.
pub fn tells_of_repeats(count: Option<&HeaderValue>) -> bool {
    let count = count.and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    count.is_some_and(|count| count > 1)
}

/// Whether this request may be sent again although it may have been processed.
pub fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
    method.is_idempotent() || headers.contains_key(IDEMPOTENCY_KEY)
}

/// What the requests to one upstream share about repeating. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct Retries {
    policy: Policy,
    budget: Option<Budget>,
    /// Until when the upstream wants to be left alone, in nanoseconds.
    gate: Arc<AtomicU64>,
}

/// The attempts of one request so far.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    made: u32,
    repeated_before: bool,
    waits: Waits,
}

impl Course {
    /// How many attempts were judged.
    pub const fn attempts(&self) -> u32 {
        self.made
    }

    /// The request is a repeat of a hop before us.
    pub const fn repeats_before(&mut self) {
        self.repeated_before = true;
    }
}

impl Retries {
    /// Repeats by this policy, as far as the budget goes.
    pub fn new(policy: Policy, budget: Budget) -> Self {
        Self {
            policy,
            budget: Some(budget),
            gate: Arc::default(),
        }
    }

    /// Repeats by this policy alone: to be compared with, or where something else bounds it.
    pub fn without_budget(policy: Policy) -> Self {
        Self {
            policy,
            budget: None,
            gate: Arc::default(),
        }
    }

    /// Attempts in all, the first included.
    pub const fn attempts(&self) -> u32 {
        self.policy.attempts
    }

    /// The budget, for hedges that draw from it as well.
    pub const fn budget(&self) -> Option<&Budget> {
        self.budget.as_ref()
    }

    /// Begins with a request.
    pub const fn start(&self) -> Course {
        Course {
            made: 0,
            repeated_before: false,
            waits: self.policy.backoff.start(),
        }
    }

    /// Whether what came is a success: one that pays into the budget.
    pub fn is_success(&self, outcome: Outcome) -> bool {
        matches!(outcome, Outcome::Answered(status) if !(self.policy.statuses)(status))
    }

    /// Counts a success.
    pub fn succeeded(&self, now: Duration) {
        if let Some(budget) = &self.budget {
            budget.deposit(now);
        }
    }

    /// What follows an attempt that was no success: a wait and another attempt, or nothing.
    ///
    /// `idempotent` is whether it may be processed twice;
    /// `deadline` is when the request must be over, if ever. `random` is uniform over all its values.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies.
    pub fn judge(
        &self,
        course: &mut Course,
        attempt: &Attempt,
        idempotent: bool,
        now: Duration,
        deadline: Option<Duration>,
        mut random: impl FnMut() -> u64,
    ) -> Result<Duration, Refusal> {
        course.made = course.made.saturating_add(1);
        if let Some(wait) = attempt.asked.wait() {
            self.gate.fetch_max(nanos(now.saturating_add(wait)), Relaxed);
        }
        self.check(*course, attempt, idempotent)?;
        let floor = self.floor(attempt.asked, now, &mut random)?;
        let wait = course.waits.next(random()).at_least(floor);
        let wait = wait
            .within(deadline.map(|deadline| deadline.saturating_sub(now)))
            .ok_or(Refusal::Deadline)?;
        match &self.budget {
            Some(budget) if !budget.draw(now, random()) => Err(Refusal::Budget),
            _ => Ok(wait),
        }
    }

    /// The same for a request of which not all that has passed was kept: why there is no other attempt.
    pub fn judge_unkept(&self, course: &mut Course, attempt: &Attempt, idempotent: bool) -> Refusal {
        course.made = course.made.saturating_add(1);
        let check = self.check(*course, attempt, idempotent);
        check.err().unwrap_or(Refusal::Body)
    }

    /// Whether another attempt may begin beside the first one of an idempotent request; it then counts as one that was made.
    /// `random` is uniform over all its values.
    pub fn may_hedge(&self, course: &mut Course, now: Duration, random: u64) -> bool {
        let left_alone = nanos(now) < self.gate.load(Relaxed);
        let allowed = !left_alone
            && !course.repeated_before
            && self.budget.as_ref().is_none_or(|budget| budget.draw(now, random));
        course.made += u32::from(allowed);
        allowed
    }

    fn check(&self, course: Course, attempt: &Attempt, idempotent: bool) -> Result<(), Refusal> {
        if course.made >= self.policy.attempts {
            return Err(Refusal::Attempts);
        }
        if attempt.repeated_behind {
            return Err(Refusal::RepeatedBehind);
        }
        if course.repeated_before {
            return Err(Refusal::RepeatedBefore);
        }
        self.may_repeat(attempt.outcome, idempotent)
    }

    fn may_repeat(&self, outcome: Outcome, idempotent: bool) -> Result<(), Refusal> {
        let repeat = match outcome {
            Outcome::Failed { reason, unprocessed } => (self.policy.reasons)(reason, unprocessed),
            Outcome::Answered(status) if (self.policy.statuses)(status) => Repeat::Idempotent,
            Outcome::Answered(_) => Repeat::No,
        };
        match repeat {
            Repeat::Yes => Ok(()),
            Repeat::Idempotent if idempotent => Ok(()),
            Repeat::Idempotent => Err(Refusal::NotIdempotent),
            Repeat::No => Err(Refusal::Outcome),
        }
    }

    /// How long the other side wants to be left alone, by this answer or by an earlier one to anybody.
    fn floor(
        &self,
        asked: Asked,
        now: Duration,
        mut random: impl FnMut() -> u64,
    ) -> Result<Duration, Refusal> {
        let gate = Duration::from_nanos(self.gate.load(Relaxed)).saturating_sub(now);
        if asked == Asked::Never || gate > self.policy.hold {
            return Err(Refusal::AskedToWait);
        }
        Ok(match asked {
            Asked::Exactly(wait) if wait >= gate => wait,
            _ if gate.is_zero() => Duration::ZERO,
            _ => retry_after::jittered(gate, BLUR, random()),
        })
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
