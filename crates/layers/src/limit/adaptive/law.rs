//! Either law, as the layer needs them.

use std::time::Duration;

use outrigger_gateway::Reason;

use super::{
    client::{ClientLimit, Outcome},
    delay::Begun,
    server::ServerLimit,
};

#[derive(Debug)]
pub(super) enum Law {
    Server(ServerLimit),
    Client(ClientLimit),
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A response that is no refusal.
    Served,
    /// A response that says: not now.
    Refused,
    /// Nothing, for this reason.
    Failed(Reason),
}

impl Law {
    /// How many may be in flight; `usize::MAX` while nothing binds.
    pub(super) fn limit(&self) -> usize {
        match self {
            Self::Server(law) => law.limit(),
            Self::Client(law) => law.limit(),
        }
    }

    pub(super) fn usual(&self) -> Option<Duration> {
        match self {
            Self::Server(law) => law.usual(),
            Self::Client(law) => law.usual(),
        }
    }

    pub(super) fn recent(&self) -> Option<Duration> {
        match self {
            Self::Server(law) => law.recent(),
            Self::Client(law) => law.recent(),
        }
    }

    /// Or the limit that is reached.
    pub(super) fn has_room(&self, now: Duration, in_flight: usize) -> Result<(), usize> {
        let room = match self {
            Self::Server(law) => law.has_room(now, in_flight),
            Self::Client(law) => law.has_room(now, in_flight),
        };
        if room { Ok(()) } else { Err(self.limit()) }
    }

    pub(super) fn begin(&self, now: Duration, in_flight: usize) -> Begun {
        match self {
            Self::Server(law) => law.begin(now, in_flight),
            Self::Client(law) => law.begin(now, in_flight),
        }
    }

    pub(super) fn over(&self, begun: Begun, now: Duration, answer: Option<Answer>, in_flight: usize) {
        match (self, answer) {
            (Self::Server(law), Some(Answer::Served)) => law.finished(begun, now),
            // A quick no says nothing of how long work takes.
            (Self::Server(law), _) => law.abandoned(begun, now),
            (Self::Client(law), Some(Answer::Served)) => {
                law.finished(begun, now, Outcome::Served, in_flight);
            }
            (Self::Client(law), Some(_)) => law.finished(begun, now, Outcome::Failed, in_flight),
            (Self::Client(law), None) => law.abandoned(begun, now),
        }
    }
}
