//! Policies of clients and servers, beside each other: those that fall as well as those that hold.

use std::time::Duration;

use outrigger_layers::{
    breaker::state::Config as Breaker,
    retry::backoff::{Backoff, Jitter},
};

/// What bounds repeats.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// Nothing.
    None,
    /// Successes earn them, at this ratio.
    Earned(f64),
    /// tower's: a share of the calls of the last 10 s, and so many a second on top.
    Tower(f64, f64),
}

/// What the server's side lets in.
#[derive(Clone, Copy, Debug)]
pub enum Admission {
    /// Everything.
    All,
    /// So many at once.
    Fixed(usize),
    /// As many as keep the delay short.
    Adaptive,
}

/// What the refused are told.
#[derive(Clone, Copy, Debug)]
pub enum RetryAfter {
    /// Nothing.
    Silent,
    /// A whole number of seconds, from and to.
    Between(u64, u64),
    /// Drawn from a window that grows with the share of the refused.
    Scaled,
}

/// One column of the table.
#[derive(Clone, Debug)]
pub struct Strategy {
    /// Its name in tables and on the command line.
    pub name: &'static str,
    /// Attempts in all.
    pub attempts: u32,
    /// Waits in between.
    pub backoff: Backoff,
    /// What bounds repeats.
    pub budget: Budget,
    /// When clients stop asking.
    pub breaker: Option<Breaker>,
    /// Whether holds of breakers are spread.
    pub spread_holds: bool,
    /// Whether clients limit what they have in flight.
    pub client_limit: bool,
    /// Whether clients refuse in proportion to what was refused.
    pub throttle: bool,
    /// What the server lets in.
    pub admission: Admission,
    /// What it tells the refused.
    pub retry_after: RetryAfter,
    /// Whether the server drops what nobody waits for any more.
    pub deadline: bool,
}

const FULL: Backoff = Backoff {
    jitter: Jitter::Full,
    base: Duration::from_millis(100),
    cap: Duration::from_secs(10),
};

const PLAIN: Strategy = Strategy {
    name: "",
    attempts: 4,
    backoff: FULL,
    budget: Budget::None,
    breaker: None,
    spread_holds: true,
    client_limit: false,
    throttle: false,
    admission: Admission::All,
    retry_after: RetryAfter::Silent,
    deadline: false,
};

/// Names of those of which the others are variants.
pub mod names {
    /// No protection at all.
    pub const NAIVE: &str = "naive x3";
    /// Everything, told `Retry-After` between 1 and 10 s.
    pub const ALL: &str = "all";
    /// Everything, as it ships but for the number of attempts.
    pub const SCALED: &str = "all, Retry-After scaled";
    /// Everything, as it ships: three attempts.
    pub const OURS: &str = "ours";
    /// Clients without any protection before our server's side.
    pub const NAIVE_SHED: &str = "naive + our server side";
    /// What long-lived connections use.
    pub const RECONNECT: &str = "reconnect";
}

/// All strategies, in the order of the table.
pub fn all() -> Vec<Strategy> {
    let ramped = Breaker::default();
    let plain_breaker = Breaker {
        ramp: Duration::ZERO,
        ratio_of: 0,
        ..ramped
    };
    let earned = Strategy {
        budget: Budget::Earned(0.2),
        ..PLAIN
    };
    let breaker = Strategy {
        breaker: Some(plain_breaker),
        ..earned.clone()
    };
    let shed = Strategy {
        retry_after: RetryAfter::Between(1, 10),
        deadline: true,
        ..breaker.clone()
    };
    let all = Strategy {
        name: names::ALL,
        breaker: Some(ramped),
        client_limit: true,
        admission: Admission::Adaptive,
        ..shed.clone()
    };
    let scaled = Strategy {
        name: names::SCALED,
        retry_after: RetryAfter::Scaled,
        ..all.clone()
    };
    vec![
        Strategy {
            name: "no retries",
            attempts: 1,
            ..PLAIN
        },
        Strategy {
            name: names::NAIVE,
            backoff: Backoff::IMMEDIATE,
            ..PLAIN
        },
        Strategy {
            name: "exponential, no jitter",
            backoff: Backoff {
                jitter: Jitter::None,
                ..FULL
            },
            ..PLAIN
        },
        Strategy {
            name: "full jitter",
            ..PLAIN
        },
        Strategy {
            name: "tower's budget",
            budget: Budget::Tower(0.2, 10.0),
            ..PLAIN
        },
        Strategy {
            name: "budget 20 %",
            ..earned.clone()
        },
        Strategy {
            name: "breaker, fixed 5 s",
            breaker: Some(Breaker {
                hold: Duration::from_secs(5),
                ..plain_breaker
            }),
            spread_holds: false,
            ..earned.clone()
        },
        Strategy {
            name: "breaker",
            ..breaker
        },
        Strategy {
            name: "+ shed, Retry-After",
            admission: Admission::Fixed(100),
            ..shed
        },
        all.clone(),
        scaled.clone(),
        Strategy {
            name: names::OURS,
            attempts: 3,
            ..scaled
        },
        Strategy {
            name: "all - client limit",
            client_limit: false,
            ..all.clone()
        },
        Strategy {
            name: "all - breaker",
            breaker: None,
            ..all.clone()
        },
        Strategy {
            name: "all - Retry-After",
            retry_after: RetryAfter::Silent,
            ..all.clone()
        },
        Strategy {
            name: "all, Retry-After 5",
            retry_after: RetryAfter::Between(5, 5),
            ..all.clone()
        },
        Strategy {
            name: "all + SRE throttle",
            throttle: true,
            ..all.clone()
        },
        Strategy {
            name: "all - server side",
            admission: Admission::All,
            retry_after: RetryAfter::Silent,
            deadline: false,
            ..all
        },
        Strategy {
            name: names::NAIVE_SHED,
            backoff: Backoff::IMMEDIATE,
            admission: Admission::Adaptive,
            deadline: true,
            ..PLAIN
        },
        Strategy {
            name: names::RECONNECT,
            admission: Admission::Adaptive,
            retry_after: RetryAfter::Between(1, 10),
            deadline: true,
            ..PLAIN
        },
    ]
}

/// The strategy of this name.
pub fn named(name: &str) -> Option<Strategy> {
    all().into_iter().find(|strategy| strategy.name == name)
}
