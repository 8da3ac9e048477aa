//! Decides whether an upstream is asked, by what came of asking it lately: [`State`].
//!
//! Closed, it lets everything through. Five failures in a row, or at least half of at least 20 outcomes within 10 s,
//! open it: nothing passes for `d = min(hold_cap, hold·2^k) × U(0.5, 1)`. Then exactly one request, the probe, goes
//! through; if it fails, k grows and the breaker opens again, if it succeeds the breaker is closing: for [`Config::ramp`]
//! it lets through the share of all requests that grows from a twentieth to all of them, as the square of time, so that the
//! load comes back as a ramp; who had kept back only two comes back at once. An answer that only sheds load (503 with
//! `Retry-After` or pushback) says that the upstream is alive: it is neither a failure nor a success. A probe that is shed
//! opens the breaker for as long as was asked for; for a share of that if more than ten were kept back meanwhile, since what
//! was asked for was meant for one. A probe of which nothing is heard for the longest hold gets a successor: it may be one
//! that is meant to take minutes.
//!
//! The reason of the failure that opened it is kept until it is closed again, so that a dead upstream is told as the same
//! thing from the first request to the last. Outcomes of requests from before the last change of mind do not count.
//! Not covered: slowness (see [`limit::adaptive`](crate::limit::adaptive)); which outcome is a failure.
//!
//! One word holds the whole state, so that each change is one compare-and-swap; all counts are atomics. A `State` behind
//! an `Arc` is the handle to [look](State::look) at it and to [force](State::force) it. Time is since an epoch of the
//! caller's choice, up to eight years, in microseconds.

mod config;
#[cfg(test)]
mod tests;
mod view;
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
pub use self::{
    config::Config,
    view::{Force, Opened, Outcome, View},
};
use crate::{random::share, window::Window};

/// A refusal asks one request to stay away for so long. A probe that is refused speaks for as many as these; who keeps back
/// more asks again sooner.
const STANDS_FOR: u32 = 10;
/// So many of those that were kept back may come as soon as it is closing.
const FEW: f64 = 2.0;

/// Leave to ask the upstream; to be given back by [`State::report`] or [`State::abandon`].
#[derive(Clone, Copy, Debug)]
#[must_use = "a probe that is never reported keeps the breaker half open"]
pub struct Ticket {
    /// Since when the mind was made up as it was: what came of it counts for as long as that stands.
    since: Duration,
    probe: bool,
}

impl Ticket {
    /// Whether everyone waits for what comes of this one.
    pub const fn is_probe(self) -> bool {
        self.probe
    }
}

/// A circuit breaker's whole state.
#[derive(Debug)]
pub struct State {
    config: Config,
    word: AtomicU64,
    in_a_row: AtomicU32,
    /// How many were refused since it opened, or since the last probe was.
    kept_back: AtomicU32,
    lately: Window,
}

impl State {
    /// Closed.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            word: AtomicU64::new(Word::CLOSED.pack()),
            in_a_row: AtomicU32::new(0),
            kept_back: AtomicU32::new(0),
            lately: Window::new(config.window),
        }
    }

    /// How it was configured.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Asks for leave to send one request, without a look at the clock: there if all is well, and else for
    /// [`admit`](Self::admit) to say.
    pub fn admit_if_closed(&self) -> Option<Ticket> {
        let word = self.word();
        matches!(word.phase, Phase::Closed | Phase::ForcedClosed).then_some(Ticket {
            since: word.at,
            probe: false,
        })
    }

    /// Asks for leave to send one request. `random` is uniform over all its values.
    ///
    /// # Errors
    /// What is seen instead, which never is [`View::Closed`].
    pub fn admit(&self, now: Duration, random: u64) -> Result<Ticket, View> {
        let word = self.word();
        let pass = Ticket {
            since: word.at,
            probe: false,
        };
        match word.phase {
            Phase::Closed | Phase::ForcedClosed => Ok(pass),
            Phase::Open if now >= word.at => self.half_open(word, now),
            // HalfOpen -> HalfOpen: of the one before nothing is heard.
            Phase::HalfOpen if now >= word.at.saturating_add(self.patience()) => self.half_open(word, now),
            Phase::Closing => match self.ramp(word, now) {
                // Closing -> Closed; whoever does not make the change passes all the same.
                whole if whole >= 1.0 => {
                    self.change(word, word.closed());
                    Ok(pass)
                }
                part if share(random) < part => Ok(pass),
                _ => Err(self.view(word, now)),
            },
            Phase::Open | Phase::HalfOpen => {
                self.kept_back.fetch_add(1, Relaxed);
                Err(self.view(word, now))
            }
            Phase::ForcedOpen => Err(self.view(word, now)),
        }
    }

    /// Tells what came of a request, and hears whether that opened it. `random` is uniform over all its values.
    pub fn report(&self, ticket: Ticket, outcome: Outcome, now: Duration, random: u64) -> Option<Opened> {
        let word = self.word();
        match word.phase {
            // That one before the last was served is good news at any time.
            Phase::HalfOpen if ticket.probe && (ticket.since == word.at || outcome == Outcome::Success) => {
                self.judge_probe(word, outcome, now, random)
            }
            Phase::Closed | Phase::Closing if !ticket.probe && ticket.since == word.at => {
                self.count(word, outcome, now, random)
            }
            // Too late: the mind is made up without it.
            _ => None,
        }
    }

    /// Gives a ticket back of which nothing came: its request was dropped. The next one is the probe instead.
    pub fn abandon(&self, ticket: Ticket, now: Duration) {
        let word = self.word();
        if ticket.probe && word.phase == Phase::HalfOpen && ticket.since == word.at {
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
        self.view(self.word(), now)
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

    // Open | HalfOpen -> HalfOpen: whoever makes the change is the probe.
    fn half_open(&self, word: Word, now: Duration) -> Result<Ticket, View> {
        let next = Word {
            phase: Phase::HalfOpen,
            at: now,
            ..word
        };
        if self.change(word, next) {
            Ok(Ticket {
                since: next.rounded().at,
                probe: true,
            })
        } else {
            Err(self.view(next, now))
        }
    }

    fn judge_probe(&self, word: Word, outcome: Outcome, now: Duration, random: u64) -> Option<Opened> {
        let (next, opened) = match outcome {
            // HalfOpen -> Closing | Closed
            Outcome::Success => {
                self.forget();
                let closing = Word {
                    phase: Phase::Closing,
                    exponent: 0,
                    at: now,
                    ..word
                };
                let next = if self.config.ramp.is_zero() {
                    closing.closed()
                } else {
                    closing
                };
                (next, None)
            }
            // HalfOpen -> Open: alive, only protecting itself.
            Outcome::Shed(asked) => {
                let wait = jittered(self.config.hold / 2, self.config.hold, random);
                let kept_back = self.kept_back.load(Relaxed);
                let asked = asked.unwrap_or_default() / (kept_back / STANDS_FOR).max(1);
                let next = Word {
                    phase: Phase::Open,
                    at: now.saturating_add(wait.max(asked)),
                    ..word
                };
                (next, None)
            }
            // HalfOpen -> Open: for longer.
            Outcome::Failure(reason) => {
                let next = self.open(word.exponent.saturating_add(1), reason, now, random);
                (next, Some(Opened::Probe))
            }
        };
        let changed = self.change(word, next);
        if changed && next.phase == Phase::Open {
            self.kept_back.store(0, Relaxed);
        }
        opened.filter(|_| changed)
    }

    fn count(&self, word: Word, outcome: Outcome, now: Duration, random: u64) -> Option<Opened> {
        match outcome {
            Outcome::Success => {
                self.lately.add(now, false);
                // Nobody writes while all is well.
                if self.in_a_row.load(Relaxed) != 0 {
                    self.in_a_row.store(0, Relaxed);
                }
                None
            }
            Outcome::Failure(reason) => {
                self.lately.add(now, true);
                let in_a_row = self.in_a_row.fetch_add(1, Relaxed).saturating_add(1);
                // Closed | Closing -> Open
                let enough = self.enough(in_a_row, now)?;
                let opened = self.change(word, self.open(0, reason, now, random));
                opened.then(|| {
                    self.kept_back.store(0, Relaxed);
                    self.forget();
                    enough
                })
            }
            Outcome::Shed(_) => None,
        }
    }

    fn enough(&self, in_a_row: u32, now: Duration) -> Option<Opened> {
        let Config {
            failures,
            ratio,
            ratio_of,
            ..
        } = self.config;
        if failures != 0 && in_a_row >= failures {
            return Some(Opened::InARow(in_a_row));
        }
        let (of, failed) = self.lately.sum(now);
        let enough = ratio_of != 0 && of >= u64::from(ratio_of) && failed as f64 >= ratio * of as f64;
        enough.then_some(Opened::Share { failed, of })
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

    fn view(&self, word: Word, now: Duration) -> View {
        let cause = word.cause.unwrap_or(Reason::Internal);
        match word.phase {
            Phase::Closed => View::Closed,
            Phase::Open => View::Open {
                cause,
                wait: word.at.saturating_sub(now),
            },
            Phase::HalfOpen => View::HalfOpen { cause },
            Phase::Closing => match self.ramp(word, now) {
                share if share < 1.0 => View::Closing {
                    cause,
                    share,
                    wait: word.at.saturating_add(self.config.ramp).saturating_sub(now),
                },
                _ => View::Closed,
            },
            Phase::ForcedOpen => View::Forced(Force::Open),
            Phase::ForcedClosed => View::Forced(Force::Closed),
        }
    }

    /// The share that passes: it grows as the square of time. Who kept back only a few has nothing to give back bit by bit.
    fn ramp(&self, word: Word, now: Duration) -> f64 {
        let passed = now.saturating_sub(word.at);
        let of_ramp = passed.as_secs_f64() / self.config.ramp.as_secs_f64();
        let few = FEW / f64::from(self.kept_back.load(Relaxed));
        (of_ramp * of_ramp).clamp(self.config.ramp_from.max(few).min(1.0), 1.0)
    }

    /// How long a probe has the word for itself.
    fn patience(&self) -> Duration {
        self.config.hold.max(self.config.hold_cap)
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
