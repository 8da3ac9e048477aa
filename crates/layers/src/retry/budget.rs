//! Bounds repeats by what successes have earned; retries and hedges draw from the same [`Budget`].
//!
//! A success deposits `ratio` tokens, a repeat costs one, and the balance starts at zero: while everything fails there
//! are no repeats, at whatever number of clients. What was saved above one token melts with a time constant of 5 s, so
//! that a fleet of N clients that serves λ requests a second never holds more than about `N + ratio·λ·5 s` repeats in
//! reserve. A fraction of a token is a chance, not nothing: a client too small to ever save a whole one still
//! repeats its share. Whoever tries such a chance empties the balance, won or lost.
//!
//! Exact: tokens are counted in millionths and each operation is one compare-and-swap, so nothing drifts and no two
//! threads spend the same token. Only melting rounds, down. Time is told in steps of 10 ms; readings up to 40 s
//! behind the latest one count as that one. After more than 46 h without any use, a reserve may be found unmelted.
//!
//! ```
//! # use std::time::Duration;
//! # use outrigger_layers::retry::budget::Budget;
//! let budget = Budget::try_new(0.2)?;
//! let now = Duration::from_secs(1);
//! assert!(!budget.draw(now, 0), "nothing was earned yet");
//! for _ in 0..5 {
//!     budget.deposit(now);
//! }
//! assert!(budget.draw(now, u64::MAX), "five successes pay for one repeat");
//! # Ok::<_, outrigger_layers::retry::budget::InvalidRatio>(())
//! ```

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

const TOKEN: u64 = 1_000_000;
/// Time constant of the melting.
const TTL: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(10);

const TICK_BITS: u32 = 24;
const TICK_MASK: u64 = (1 << TICK_BITS) - 1;
const FULLEST: u64 = u64::MAX >> TICK_BITS;
/// How far a thread's reading of the time may lag behind what another has written: 40 s.
const LAG: u64 = 4000;

/// Repeats earned by successes. Clones are handles to the same balance.
#[derive(Clone, Debug)]
pub struct Budget {
    purse: Arc<AtomicU64>,
    deposit: u64,
}

impl Budget {
    /// A success pays for `ratio` repeats, counted to the millionth.
    ///
    /// # Errors
    /// [`InvalidRatio`] unless it is between 0 and 1, both included.
    pub fn try_new(ratio: f64) -> Result<Self, InvalidRatio> {
        if !(0.0..=1.0).contains(&ratio) {
            return Err(InvalidRatio);
        }
        Ok(Self {
            purse: Arc::default(),
            deposit: (ratio * TOKEN as f64).round() as u64,
        })
    }

    /// Counts a success.
    pub fn deposit(&self, now: Duration) {
        self.update(now, |level| level.saturating_add(self.deposit).min(FULLEST));
    }

    /// Whether one repeat may be made; it is paid for by asking. `random` is uniform over all its values.
    pub fn draw(&self, now: Duration, random: u64) -> bool {
        let before = self.update(now, |level| level.saturating_sub(TOKEN));
        before >= TOKEN || chance(before, random)
    }

    /// The tokens there are.
    pub fn balance(&self, now: Duration) -> f64 {
        let level = Purse::unpack(self.purse.load(Relaxed)).at(tick(now)).level;
        level as f64 / TOKEN as f64
    }

    /// Changes the level by `next`, after what has melted by now; returns the level before.
    fn update(&self, now: Duration, next: impl Fn(u64) -> u64) -> u64 {
        let tick = tick(now);
        let mut found = self.purse.load(Relaxed);
        loop {
            let purse = Purse::unpack(found).at(tick);
            let level = next(purse.level);
            let wanted = Purse { level, ..purse }.pack();
            match self.purse.compare_exchange_weak(found, wanted, Relaxed, Relaxed) {
                Ok(_) => return purse.level,
                Err(other) => found = other,
            }
        }
    }
}

/// True with the probability of `level` millionths.
fn chance(level: u64, random: u64) -> bool {
    ((u128::from(random) * u128::from(TOKEN)) >> u64::BITS) < u128::from(level)
}

fn tick(now: Duration) -> u64 {
    (now.as_millis() / TICK.as_millis()) as u64 & TICK_MASK
}

/// What the one word holds: millionths of a token, and the tick up to which they have melted.
#[derive(Clone, Copy)]
struct Purse {
    level: u64,
    tick: u64,
}

impl Purse {
    const fn unpack(word: u64) -> Self {
        Self {
            level: word >> TICK_BITS,
            tick: word & TICK_MASK,
        }
    }

    const fn pack(self) -> u64 {
        self.level << TICK_BITS | self.tick
    }

    /// What is left of it at this tick.
    fn at(self, tick: u64) -> Self {
        let passed = tick.wrapping_sub(self.tick) & TICK_MASK;
        // Another thread was first with a later reading.
        if passed == 0 || passed > TICK_MASK - LAG {
            return self;
        }
        let spare = self.level.saturating_sub(TOKEN);
        let kept = if spare == 0 {
            0
        } else {
            let ages = passed as f64 * TICK.as_secs_f64() / TTL.as_secs_f64();
            (spare as f64 * (-ages).exp()) as u64
        };
        Self {
            level: self.level - spare + kept,
            tick,
        }
    }
}

/// The ratio of a [`Budget`] is not between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRatio;

impl fmt::Display for InvalidRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ratio of a retry budget must be from 0 to 1")
    }
}

impl std::error::Error for InvalidRatio {}

#[cfg(test)]
mod tests;
