//! Decides whether an upstream is asked, by what came of asking it lately: [`State`].
//!
//! Closed, it lets everything through. Five failures in a row, or at least half of at least 20 outcomes within 10 s,
//! open it: nothing passes for `d = min(hold_cap, hold·2^k) × U(0.5, 1)`. Then exactly one request, the probe, goes
//! through; if it fails, k grows and the breaker opens again, if it succeeds the breaker is closing: for [`Config::ramp`]
//! it lets through the share of all requests that grows from a tenth to all of them, so that the load comes back as a
//! ramp. An answer that only sheds load (503 with `Retry-After` or pushback) says that the upstream is alive: it is
//! neither a failure nor a success, and a probe that is shed opens the breaker for as long as was asked for.
//!
//! The reason of the failure that opened it is kept until it is closed again, so that a dead upstream is told as the same
//! thing from the first request to the last. Outcomes of requests from before the last change of mind do not count.
//! Not covered: slowness (see [`limit::adaptive`](crate::limit::adaptive)); which outcome is a failure.
//!
//! One word holds the whole state, so that each change is one compare-and-swap; all counts are atomics. A `State` behind
//! an `Arc` is the handle to [look](State::look) at it and to [force](State::force) it. Time is since an epoch of the
//! caller's choice, up to eight years, in microseconds.

#[cfg(test)]
mod tests;
mod word;

use std::{
    sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
    time::Duration,
};

use outrigger_gateway::{Reason, retry_after::jittered};

use self::word::{Phase, Word};
use crate::{random::share, window::Window};

/// When a [`State`] opens, for how long, and how it comes back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Failures in a row that open it; zero does not count them.
    pub failures: u32,
    /// The share of failures that opens it, of all outcomes lately.
    pub ratio: f64,
    /// The fewest outcomes of which such a share says anything; zero does not look at it.
    pub ratio_of: u32,
    /// What "lately" is.
    pub window: Duration,
    /// The first hold, before jitter takes up to half of it away.
    pub hold: Duration,
    /// The longest, before jitter.
    pub hold_cap: Duration,
    /// How long closing takes; zero closes at once.
    pub ramp: Duration,
    /// The share let through at the start of the ramp.
    pub ramp_from: f64,
}

impl Default for Config {
    /// 5 in a row, or half of 20 in 10 s; 1 s up to 5 s; a ramp of 3 s from a tenth.
    fn default() -> Self {
        Self {
            failures: 5,
            ratio: 0.5,
            ratio_of: 20,
            window: Duration::from_secs(10),
            hold: Duration::from_secs(1),
            hold_cap: Duration::from_secs(5),
            ramp: Duration::from_secs(3),
            ramp_from: 0.1,
        }
    }
}

/// What came of a request that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was served.
    Success,
    /// It failed, for this reason.
    Failure(Reason),
    /// It was refused by an upstream that protects itself, which may have said for how long.
    Shed(Option<Duration>),
}

/// Leave to ask the upstream; to be given back by [`State::report`] or [`State::abandon`].
#[derive(Clone, Copy, Debug)]
#[must_use = "a probe that is never reported keeps the breaker half open"]
pub struct Ticket {
    at: Duration,
    probe: bool,
}

impl Ticket {
    /// Whether everyone waits for what comes of this one.
    pub const fn is_probe(self) -> bool {
        self.probe
    }
}

/// No leave to ask the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What opened it; `None` by order, and while it is closing.
    pub cause: Option<Reason>,
    /// How long it will stay like this at least; zero if that cannot be told.
    pub wait: Duration,
}

/// What [`State::look`] sees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum View {
    /// Everything passes.
    Closed,
    /// Nothing passes.
    Open {
        /// What opened it.
        cause: Reason,
        /// When a probe may go.
        until: Duration,
    },
    /// A probe is out.
    HalfOpen {
        /// What opened it.
        cause: Reason,
    },
    /// A share passes.
    Closing {
        /// What opened it.
        cause: Reason,
        /// How much, from 0 to 1.
        share: f64,
    },
    /// Held by order.
    Forced(Force),
}

/// An order that overrules what is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Nothing passes.
    Open,
    /// Everything passes.
    Closed,
}

/// A circuit breaker's whole state.
#[derive(Debug)]
pub struct State {
    config: Config,
    word: AtomicU64,
    in_a_row: AtomicU32,
    lately: Window,
}

impl State {
    /// Closed.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            word: AtomicU64::new(Word::CLOSED.pack()),
            in_a_row: AtomicU32::new(0),
            lately: Window::new(config.window),
        }
    }

    /// Asks for leave to send one request. `random` is uniform over all its values.
    ///
    /// # Errors
    /// [`Refused`], with the reason that opened the breaker.
    pub fn admit(&self, now: Duration, random: u64) -> Result<Ticket, Refused> {
        let word = self.word();
        let pass = Ticket {
            at: now,
            probe: false,
        };
        match word.phase {
            Phase::Closed | Phase::ForcedClosed => Ok(pass),
            Phase::Open if now >= word.at => self.half_open(word, now),
            Phase::Open => Err(Refused {
                cause: word.cause,
                wait: word.at.saturating_sub(now),
            }),
            Phase::HalfOpen => Err(Refused {
                cause: word.cause,
                wait: Duration::ZERO,
            }),
            Phase::Closing if share(random) < self.ramp(word, now) => Ok(pass),
            Phase::Closing | Phase::ForcedOpen => Err(Refused {
                cause: None,
                wait: Duration::ZERO,
            }),
        }
    }

    /// Tells what came of a request. `random` is uniform over all its values.
    pub fn report(&self, ticket: Ticket, outcome: Outcome, now: Duration, random: u64) {
        let word = self.word();
        match word.phase {
            Phase::HalfOpen if ticket.probe => self.judge_probe(word, outcome, now, random),
            Phase::Closed | Phase::Closing if !ticket.probe && ticket.at >= word.at => {
                self.count(word, outcome, now, random);
            }
            // Too late: the mind is made up without it.
            _ => {}
        }
    }

    /// Gives a ticket back of which nothing came: its request was dropped. The next one is the probe instead.
    pub fn abandon(&self, ticket: Ticket, now: Duration) {
        let word = self.word();
        if ticket.probe && word.phase == Phase::HalfOpen {
            // HalfOpen -> Open, for no time at all
            self.change(
                word,
                Word {
                    phase: Phase::Open,
                    at: now,
                    ..word
                },
            );
        }
    }

    /// What is seen from outside.
    pub fn look(&self, now: Duration) -> View {
        let word = self.word();
        let cause = word.cause.unwrap_or(Reason::Internal);
        match word.phase {
            Phase::Closed => View::Closed,
            Phase::Open => View::Open {
                cause,
                until: word.at,
            },
            Phase::HalfOpen => View::HalfOpen { cause },
            Phase::Closing => match self.ramp(word, now) {
                share if share < 1.0 => View::Closing { cause, share },
                _ => View::Closed,
            },
            Phase::ForcedOpen => View::Forced(Force::Open),
            Phase::ForcedClosed => View::Forced(Force::Closed),
        }
    }

    /// Holds it open or closed until [`release`](Self::release), whatever is observed.
    pub fn force(&self, force: Force) {
        let phase = match force {
            Force::Open => Phase::ForcedOpen,
            Force::Closed => Phase::ForcedClosed,
        };
        self.word.store(
            Word {
                phase,
                ..Word::CLOSED
            }
            .pack(),
            Relaxed,
        );
    }

    /// Ends what [`force`](Self::force) began: it is closed, and what was observed before is forgotten.
    pub fn release(&self) {
        self.forget();
        self.word.store(Word::CLOSED.pack(), Relaxed);
    }

    // Open -> HalfOpen: whoever makes the change is the probe.
    fn half_open(&self, word: Word, now: Duration) -> Result<Ticket, Refused> {
        let next = Word {
            phase: Phase::HalfOpen,
            at: now,
            ..word
        };
        if self.change(word, next) {
            Ok(Ticket { at: now, probe: true })
        } else {
            Err(Refused {
                cause: word.cause,
                wait: Duration::ZERO,
            })
        }
    }

    fn judge_probe(&self, word: Word, outcome: Outcome, now: Duration, random: u64) {
        let next = match outcome {
            // HalfOpen -> Closing | Closed
            Outcome::Success => {
                self.forget();
                Word {
                    phase: if self.config.ramp.is_zero() {
                        Phase::Closed
                    } else {
                        Phase::Closing
                    },
                    exponent: 0,
                    at: now,
                    ..word
                }
            }
            // HalfOpen -> Open: alive, only protecting itself.
            Outcome::Shed(asked) => {
                let wait = jittered(self.config.hold / 2, self.config.hold, random);
                Word {
                    phase: Phase::Open,
                    at: now.saturating_add(wait.max(asked.unwrap_or_default())),
                    ..word
                }
            }
            // HalfOpen -> Open: for longer.
            Outcome::Failure(reason) => self.open(word.exponent.saturating_add(1), reason, now, random),
        };
        self.change(word, next);
    }

    fn count(&self, word: Word, outcome: Outcome, now: Duration, random: u64) {
        match outcome {
            Outcome::Success => {
                self.lately.add(now, false);
                // Nobody writes while all is well.
                if self.in_a_row.load(Relaxed) != 0 {
                    self.in_a_row.store(0, Relaxed);
                }
            }
            Outcome::Failure(reason) => {
                self.lately.add(now, true);
                let in_a_row = self.in_a_row.fetch_add(1, Relaxed).saturating_add(1);
                // Closed | Closing -> Open
                if self.is_enough(in_a_row, now) && self.change(word, self.open(0, reason, now, random)) {
                    self.forget();
                }
            }
            Outcome::Shed(_) => {}
        }
    }

    fn is_enough(&self, in_a_row: u32, now: Duration) -> bool {
        let Config {
            failures,
            ratio,
            ratio_of,
            ..
        } = self.config;
        if failures != 0 && in_a_row >= failures {
            return true;
        }
        let (all, failed) = self.lately.sum(now);
        ratio_of != 0 && all >= u64::from(ratio_of) && failed as f64 >= ratio * all as f64
    }

    fn open(&self, exponent: u8, reason: Reason, now: Duration, random: u64) -> Word {
        let factor = 1_u32.checked_shl(u32::from(exponent)).unwrap_or(u32::MAX);
        let hold = self.config.hold.saturating_mul(factor).min(self.config.hold_cap);
        Word {
            phase: Phase::Open,
            cause: Some(reason),
            exponent,
            at: now.saturating_add(jittered(hold / 2, hold - hold / 2, random)),
        }
    }

    /// The share that passes.
    fn ramp(&self, word: Word, now: Duration) -> f64 {
        let passed = now.saturating_sub(word.at);
        (passed.as_secs_f64() / self.config.ramp.as_secs_f64()).clamp(self.config.ramp_from.min(1.0), 1.0)
    }

    fn forget(&self) {
        self.in_a_row.store(0, Relaxed);
        self.lately.clear();
    }

    fn word(&self) -> Word {
        Word::unpack(self.word.load(Acquire))
    }

    /// Whether the change was ours to make.
    fn change(&self, from: Word, to: Word) -> bool {
        self.word
            .compare_exchange(from.pack(), to.pack(), AcqRel, Relaxed)
            .is_ok()
    }
}
