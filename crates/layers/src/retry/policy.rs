//! Decides whether a request is sent again after what came of an attempt, and when.
//!
//! In this order, and the first that says no is the answer ([`Refusal`]): attempts are left; nobody behind us has repeated
//! it already (only the outermost hop does); the outcome may be repeated: a reason whose row in the
//! [table](outrigger_gateway::table) says so, or an answer of 502, 503 or 504; the request may be: its method is idempotent
//! (RFC 9110 §9.2.2), it carries `Idempotency-Key`, or it provably was not processed; the other side does not ask us to
//! stay away for longer than [`Policy::hold`]; the wait ends before the deadline; the [`Budget`] has one left.
//!
//! What the other side asked for binds all requests that share the [`Retries`], until it is over. Whole seconds
//! (`Retry-After`) get up to one second on top, so that those who were told the same do not come at the same moment;
//! `grpc-retry-pushback-ms` (gRFC A6) is taken as it is.
//! Not covered: making the attempts, and keeping what is to be sent again.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use outrigger_gateway::{Failure, Reason, grpc, retry_after, table::Repeat};

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
}

impl Default for Policy {
    /// Three attempts, full jitter of 100 ms up to 10 s, 2 s of holding, after 502, 503 and 504.
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff: Backoff::default(),
            hold: Duration::from_secs(2),
            statuses: |status| matches!(status.as_u16(), 502..=504),
        }
    }
}

/// Whether this request may be sent again although it may have been processed.
pub fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
    method.is_idempotent() || headers.contains_key(IDEMPOTENCY_KEY)
}

/// What came of one attempt.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The failure or the answer.
    pub outcome: Outcome,
    /// When the other side wants to be asked again.
    pub asked: Asked,
    /// Whether a hop behind us has made more than one attempt for it.
    pub repeated_behind: bool,
}

/// A failure or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No answer came.
    Failed {
        /// Why.
        reason: Reason,
        /// Whether it provably was not processed.
        unprocessed: bool,
    },
    /// An answer came.
    Answered(StatusCode),
}

/// When the other side wants to be asked again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// It did not say.
    #[default]
    Nothing,
    /// In so many whole seconds (`Retry-After`).
    After(Duration),
    /// In exactly this time (`grpc-retry-pushback-ms`).
    Exactly(Duration),
    /// Not at all.
    Never,
}

impl Asked {
    /// Reads it from the head of a response; pushback counts before `Retry-After`. Dates count from `now`.
    pub fn of(headers: &HeaderMap, now: SystemTime) -> Self {
        if let Some(pushback) = headers.get(grpc::RETRY_PUSHBACK) {
            // What is negative or cannot be read asks not to repeat (gRFC A6).
            let millis = pushback.to_str().ok().and_then(|text| text.parse().ok());
            return millis.map_or(Self::Never, |ms| {
                Self::Exactly(Duration::from_millis(ms).min(retry_after::LONGEST))
            });
        }
        let after = headers.get(header::RETRY_AFTER);
        let wait = after.and_then(|value| retry_after::from_header(value, now));
        wait.map_or(Self::Nothing, Self::After)
    }

    /// The wait asked for.
    const fn wait(self) -> Option<Duration> {
        match self {
            Self::After(wait) | Self::Exactly(wait) => Some(wait),
            Self::Nothing | Self::Never => None,
        }
    }
}

impl Attempt {
    /// An attempt without an answer. What our own layers advise callers to do is nothing that the other side asked for.
    pub fn failed(failure: &Failure) -> Self {
        Self {
            outcome: Outcome::Failed {
                reason: failure.reason(),
                unprocessed: failure.unprocessed(),
            },
            asked: Asked::Nothing,
            repeated_behind: false,
        }
    }

    /// An attempt that was answered with this head.
    pub fn answered(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Self {
        let count = headers.get(ATTEMPT_COUNT).and_then(|value| value.to_str().ok());
        Self {
            outcome: Outcome::Answered(status),
            asked: Asked::of(headers, now),
            repeated_behind: count
                .and_then(|text| text.parse::<u32>().ok())
                .is_some_and(|count| count > 1),
        }
    }
}

/// Why there is no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// All attempts are made.
    Attempts,
    /// A hop behind us has repeated it already.
    RepeatedBehind,
    /// It would come to the same again.
    Outcome,
    /// It may have been processed, and must not be twice.
    NotIdempotent,
    /// The other side asked us not to, or not for so long.
    AskedToWait,
    /// The wait does not end before the deadline.
    Deadline,
    /// Successes have not earned it.
    Budget,
    /// More of its body has passed than was kept.
    Body,
    /// There is no room for it at once.
    Room,
}

impl Refusal {
    /// Every refusal there is.
    pub const ALL: [Self; 9] = [
        Self::Attempts,
        Self::RepeatedBehind,
        Self::Outcome,
        Self::NotIdempotent,
        Self::AskedToWait,
        Self::Deadline,
        Self::Budget,
        Self::Body,
        Self::Room,
    ];

    /// The value of the metric label `outcome`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Attempts => "attempts_used",
            Self::RepeatedBehind => "repeated_behind",
            Self::Outcome => "not_repeatable",
            Self::NotIdempotent => "not_idempotent",
            Self::AskedToWait => "asked_to_wait",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::Body => "body_not_kept",
            Self::Room => "no_room",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attempts => "all attempts are made",
            Self::RepeatedBehind => "a hop behind has repeated it already",
            Self::Outcome => "it would fail again",
            Self::NotIdempotent => "it may have been processed and is not idempotent",
            Self::AskedToWait => "the upstream asked to be left alone for longer",
            Self::Deadline => "no time is left to wait and ask again",
            Self::Budget => "the retry budget is used up",
            Self::Body => "more of the request's body has passed than was kept",
            Self::Room => "there is no room for another attempt",
        })
    }
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
    waits: Waits,
}

impl Course {
    /// How many attempts were judged.
    pub const fn attempts(&self) -> u32 {
        self.made
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

    fn check(&self, course: Course, attempt: &Attempt, idempotent: bool) -> Result<(), Refusal> {
        if course.made >= self.policy.attempts {
            return Err(Refusal::Attempts);
        }
        if attempt.repeated_behind {
            return Err(Refusal::RepeatedBehind);
        }
        self.may_repeat(attempt.outcome, idempotent)
    }

    fn may_repeat(&self, outcome: Outcome, idempotent: bool) -> Result<(), Refusal> {
        let repeat = match outcome {
            Outcome::Failed {
                unprocessed: true, ..
            } => Repeat::Yes,
            Outcome::Failed { reason, .. } => reason.row().repeat,
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
