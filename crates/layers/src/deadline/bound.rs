//! Which limit a request is under, and the words for passing it.

use std::{fmt, time::Duration};

use http::Request;
use outrigger_gateway::{Failure, Reason};
use tokio::time::Instant;

use super::{Deadline, field::asked_for, set_remaining};

/// A deadline and where it is from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) deadline: Deadline,
    given: Duration,
    giver: Giver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Giver {
    /// The caller: in `grpc-timeout`, in `x-request-timeout-ms`, or in Envoy's field.
    Grpc,
    Field,
    Envoy,
    Route,
    Outer,
}

impl Bound {
    /// Finds the earliest limit of the request, and tells it to everyone below.
    pub(super) fn impose<A>(
        request: &mut Request<A>,
        total: Option<Duration>,
    ) -> Result<Option<Self>, Failure> {
        let caller = asked_for(request)?;
        let outer = request.extensions().get::<Deadline>().copied();
        if caller.is_none() && total.is_none() && outer.is_none() {
            return Ok(None);
        }
        let now = Instant::now();
        let Some(bound) = Self::earliest(now, caller, total, outer) else {
            return Ok(None);
        };
        if bound.deadline.remaining(now).is_none() {
            return Err(bound.passed("nothing asked of the upstream"));
        }
        set_remaining(request.headers_mut(), bound.deadline, now)?;
        request.extensions_mut().insert(bound.deadline);
        Ok(Some(bound))
    }

    fn earliest(
        now: Instant,
        caller: Option<(Duration, Giver)>,
        total: Option<Duration>,
        outer: Option<Deadline>,
    ) -> Option<Self> {
        // A time beyond the clock's end is no limit.
        let after = |given: Duration, giver| {
            let deadline = Deadline::at(now.checked_add(given)?);
            Some(Self {
                deadline,
                given,
                giver,
            })
        };
        let outer = outer.map(|deadline| Self {
            deadline,
            given: deadline.remaining(now).unwrap_or_default(),
            giver: Giver::Outer,
        });
        let caller = caller.and_then(|(given, giver)| after(given, giver));
        let route = total.and_then(|given| after(given, Giver::Route));
        [outer, caller, route]
            .into_iter()
            .flatten()
            .min_by_key(|bound| bound.deadline)
    }

    /// The failure of a request that had only come so far.
    pub(super) fn passed(self, state: &str) -> Failure {
        let Self { given, giver, .. } = self;
        Failure::new(Reason::DeadlineExceeded).with_detail(format_args!("{state} within {given:?}, {giver}"))
    }
}

impl fmt::Display for Giver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grpc => "the caller's grpc-timeout",
            Self::Field => "the caller's x-request-timeout-ms",
            Self::Envoy => "the caller's x-envoy-expected-rq-timeout-ms",
            Self::Route => "the limit of the route",
            Self::Outer => "what an earlier deadline had left",
        })
    }
}
