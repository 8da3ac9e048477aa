//! Decides how long to wait before another attempt.
//!
//! With `v = min(cap, base·2^(n-1))` before the nth repeat: no wait, `v`, half of `v` and up to as much again
//! ([`Jitter::Equal`]), anything up to `v` ([`Jitter::Full`], the default), or anything from `base` to three times the
//! wait before, at most `cap` ([`Jitter::Decorrelated`]). What the other side asked for is a floor ([`Wait::at_least`]).
//! Not covered: whether to repeat at all (see [`policy`](super::policy)). Source: AWS, "Exponential Backoff and Jitter".
//!
//! Without jitter, clients that failed together come back together; [`Jitter::None`] is there to be compared with. After an
//! outage longer than `cap`, N clients with full jitter come back at `2N/cap` a second.
//!
//! ```
//! # use std::time::Duration;
//! # use outrigger_layers::{random::random, retry::backoff::Backoff};
//! let mut waits = Backoff::default().start();
//! assert!(waits.next(random()).plain() <= Duration::from_millis(100));
//! assert!(waits.next(random()).plain() <= Duration::from_millis(200));
//! ```

use std::time::Duration;

use outrigger_gateway::retry_after::jittered;

/// How waits of those who failed at the same moment are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// Not at all.
    None,
    /// Over the upper half.
    Equal,
    /// Over the whole.
    #[default]
    Full,
    /// Over a range that grows from wait to wait, by chance.
    Decorrelated,
}

/// A rule for waits that grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// How the waits are spread.
    pub jitter: Jitter,
    /// The bound of the first wait; zero never waits.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl Default for Backoff {
    /// Full jitter, 100 ms, 10 s.
    fn default() -> Self {
        Self {
            jitter: Jitter::Full,
            base: Duration::from_millis(100),
            cap: Duration::from_secs(10),
        }
    }
}

impl Backoff {
    /// Repeats at once, every time.
    pub const IMMEDIATE: Self = Self {
        jitter: Jitter::None,
        base: Duration::ZERO,
        cap: Duration::ZERO,
    };

    /// The waits of one request.
    pub const fn start(self) -> Waits {
        Waits {
            backoff: self,
            repeats: 0,
            last: self.base,
        }
    }

    /// The bound of the wait before the nth repeat, counted from zero.
    fn bound(&self, repeats: u32) -> Duration {
        let factor = 1_u32.checked_shl(repeats).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

/// The waits between the attempts of one request.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    backoff: Backoff,
    repeats: u32,
    last: Duration,
}

impl Waits {
    /// The wait before the next repeat. `random` is uniform over all its values.
    pub fn next(&mut self, random: u64) -> Wait {
        let Backoff { jitter, base, cap } = self.backoff;
        let bound = self.backoff.bound(self.repeats);
        self.repeats = self.repeats.saturating_add(1);
        self.last = match jitter {
            Jitter::None => bound,
            Jitter::Equal => jittered(bound / 2, bound - bound / 2, random),
            Jitter::Full => jittered(Duration::ZERO, bound, random),
            Jitter::Decorrelated => {
                let range = self.last.saturating_mul(3).saturating_sub(base);
                jittered(base, range, random).min(cap)
            }
        };
        Wait(self.last)
    }
}

/// A wait that was drawn, before anything else had a say in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait(Duration);

impl Wait {
    /// The wait as it was drawn.
    pub const fn plain(self) -> Duration {
        self.0
    }

    /// The wait, but no shorter than the other side asked for.
    #[must_use]
    pub fn at_least(self, floor: Duration) -> Self {
        Self(self.0.max(floor))
    }

    /// The wait, if time for an attempt is left after it.
    pub fn within(self, remaining: Option<Duration>) -> Option<Duration> {
        match remaining {
            Some(remaining) if self.0 >= remaining => None,
            _ => Some(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn millis(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn drawn(jitter: Jitter, randoms: &[u64]) -> Vec<Duration> {
        let backoff = Backoff {
            jitter,
            ..Backoff::default()
        };
        let mut waits = backoff.start();
        randoms.iter().map(|random| waits.next(*random).plain()).collect()
    }

    #[test]
    fn bounds_double_up_to_the_cap() {
        let waits = drawn(Jitter::None, &[0; 9]);
        assert_eq!(waits[..3], [millis(100), millis(200), millis(400)]);
        assert_eq!(waits[6..], [millis(6400), millis(10_000), millis(10_000)]);
    }

    #[test]
    fn full_jitter_draws_from_the_whole_and_equal_from_the_upper_half() {
        assert_eq!(drawn(Jitter::Full, &[0, 1 << 63]), [millis(0), millis(100)]);
        assert_eq!(drawn(Jitter::Equal, &[0, 1 << 63]), [millis(50), millis(150)]);
    }

    #[test]
    fn decorrelated_jitter_grows_from_the_wait_before() {
        let waits = drawn(Jitter::Decorrelated, &[1 << 63, 1 << 63, 0]);
        assert_eq!(waits, [millis(200), millis(350), millis(100)]);
    }

    #[test]
    fn immediate_never_waits() {
        let mut waits = Backoff::IMMEDIATE.start();
        assert!((0..100).all(|_| waits.next(u64::MAX).plain().is_zero()));
    }

    #[test]
    fn a_wait_that_ends_at_the_deadline_does_not_fit() {
        let wait = Wait(millis(100));
        assert_eq!(wait.within(Some(millis(100))), None);
        assert_eq!(wait.within(Some(millis(101))), Some(millis(100)));
        assert_eq!(wait.within(None), Some(millis(100)));
        assert_eq!(wait.at_least(millis(200)).within(Some(millis(150))), None);
    }

    fn any_backoff() -> impl Strategy<Value = Backoff> {
        let jitter = prop::sample::select(vec![
            Jitter::None,
            Jitter::Equal,
            Jitter::Full,
            Jitter::Decorrelated,
        ]);
        (jitter, 0_u64..1 << 40, 0_u64..1 << 40).prop_map(|(jitter, base, more)| Backoff {
            jitter,
            base: Duration::from_nanos(base),
            cap: Duration::from_nanos(base + more),
        })
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_cap_or_shorter_than_the_floor(
            backoff in any_backoff(),
            randoms in prop::collection::vec(any::<u64>(), 1..80),
            floor in 0_u64..1 << 41,
        ) {
            let floor = Duration::from_nanos(floor);
            let mut waits = backoff.start();
            for random in randoms {
                let wait = waits.next(random);
                prop_assert!(wait.plain() <= backoff.cap);
                prop_assert!(wait.at_least(floor).plain() >= floor);
            }
        }

        #[test]
        fn extreme_rules_do_not_overflow(jitter in 0..4_usize, randoms in prop::collection::vec(any::<u64>(), 1..80)) {
            let jitter = [Jitter::None, Jitter::Equal, Jitter::Full, Jitter::Decorrelated][jitter];
            let mut waits = Backoff { jitter, base: Duration::MAX, cap: Duration::MAX }.start();
            for random in randoms {
                waits.next(random);
            }
        }
    }
}
