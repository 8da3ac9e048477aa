//! Decides when a request that is slow to be answered is asked a second time, beside the first.
//!
//! After a fixed time ([`Hedge::after`]), or after the one that one request in twenty exceeds ([`Hedge::learned`]): it is
//! learned from the answers, and nobody is asked twice before [`ENOUGH`] of them. [`retry`](crate::retry) makes the second
//! attempt, at most one a request, and says when it may be made at all. Source: Dean and Barroso, "The Tail at Scale".
//!
//! Off unless asked for: it helps where single answers are late by chance, and costs where an upstream is late as a whole.
//! What bounds that is the [`Budget`](crate::retry::budget::Budget), which hedges share with repeats.
//!
//! ```
//! # use std::time::Duration;
//! # use outrigger_layers::hedge::Hedge;
//! let hedge = Hedge::learned();
//! assert_eq!(hedge.delay(), None, "nothing is known yet");
//! for n in 0..10_000 {
//!     hedge.answered(Duration::from_millis(n % 100));
//! }
//! let delay = hedge.delay().unwrap();
//! assert!(delay > Duration::from_millis(85) && delay < Duration::from_millis(105), "{delay:?}");
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// So many answers are seen before a learned time counts.
pub const ENOUGH: u32 = 100;

/// The share of answers that are slower than a learned time.
const SLOWER: f64 = 0.05;
/// How far one answer moves it: this part of itself, weighed by how rare such an answer is.
const STEP: f64 = 0.04;
/// A time learned is never shorter: timers are no finer.
const FINEST: Duration = Duration::from_millis(1);

/// When a second attempt begins. Clones share what was learned.
#[derive(Clone, Debug)]
pub struct Hedge(Delay);

#[derive(Clone, Debug)]
enum Delay {
    Fixed(Duration),
    Learned(Arc<Quantile>),
}

impl Hedge {
    /// After this time without an answer.
    pub const fn after(delay: Duration) -> Self {
        Self(Delay::Fixed(delay))
    }

    /// After the time that one answer in twenty exceeds.
    pub fn learned() -> Self {
        Self(Delay::Learned(Arc::default()))
    }

    /// How long the first attempt is alone; `None` while that is not known.
    pub fn delay(&self) -> Option<Duration> {
        match &self.0 {
            Delay::Fixed(delay) => Some(*delay),
            Delay::Learned(quantile) => quantile.value(),
        }
    }

    /// Learns from an answer: how long after its request began, even if it took a second attempt to get it.
    pub fn answered(&self, took: Duration) {
        if let Delay::Learned(quantile) = &self.0 {
            quantile.learn(took);
        }
    }
}

/// A time that goes up a little with each answer slower than itself, and down a very little with each other: where both are
/// in balance, one answer in twenty is slower.
///
/// One word: how many answers there were, up to [`ENOUGH`], and the time in units of 4 ns.
#[derive(Debug, Default)]
struct Quantile(AtomicU64);

const COUNT_BITS: u32 = 8;
const UNIT: u64 = 4;

impl Quantile {
    fn value(&self) -> Option<Duration> {
        let (count, nanos) = unpack(self.0.load(Relaxed));
        (count >= ENOUGH).then(|| Duration::from_nanos(nanos).max(FINEST))
    }

    fn learn(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let next = |word| {
            let (count, nanos) = unpack(word);
            let nanos = match count {
                0 => took,
                _ if took > nanos => {
                    (nanos as f64).mul_add(STEP * (1.0 - SLOWER), nanos as f64).ceil() as u64
                }
                _ => (nanos as f64).mul_add(-STEP * SLOWER, nanos as f64) as u64,
            };
            Some(pack((count + 1).min(ENOUGH), nanos))
        };
        // Of two answers at the same moment both count.
        let _ = self.0.fetch_update(Relaxed, Relaxed, next);
    }
}

const fn unpack(word: u64) -> (u32, u64) {
    let count = word & ((1 << COUNT_BITS) - 1);
    (count as u32, (word >> COUNT_BITS).saturating_mul(UNIT))
}

fn pack(count: u32, nanos: u64) -> u64 {
    // Never nothing: what is a part of nothing does not grow.
    let units = (nanos / UNIT).clamp(1_000, u64::MAX >> COUNT_BITS);
    units << COUNT_BITS | u64::from(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn millis(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn learned_from(answers: impl IntoIterator<Item = u64>) -> Option<Duration> {
        let hedge = Hedge::learned();
        answers.into_iter().for_each(|ms| hedge.answered(millis(ms)));
        hedge.delay()
    }

    #[test]
    fn a_fixed_delay_is_known_from_the_start_and_stays() {
        let hedge = Hedge::after(millis(50));
        (0..1000).for_each(|_| hedge.answered(millis(1)));
        assert_eq!(hedge.delay(), Some(millis(50)));
    }

    #[test]
    fn nothing_is_known_before_there_were_enough_answers() {
        assert_eq!(learned_from(vec![10; ENOUGH as usize - 1]), None);
        assert!(learned_from(vec![10; ENOUGH as usize]).is_some());
    }

    #[test]
    fn one_answer_in_twenty_is_slower_than_what_was_learned() {
        // Nine in ten take 10 to 19 ms, one in ten 100 to 109 ms.
        let answers = (0..50_000_u64).map(|n| n * 7 % 10 + if n % 10 == 3 { 100 } else { 10 });
        let learned = learned_from(answers).unwrap();
        assert!((millis(60)..millis(125)).contains(&learned), "{learned:?}");
    }

    #[test]
    fn it_follows_an_upstream_that_changes() {
        let slower = learned_from((0..500).map(|_| 10).chain((0..500).map(|_| 100))).unwrap();
        assert!(slower > millis(90), "{slower:?}");
        let faster = learned_from((0..500).map(|_| 100).chain((0..5000).map(|_| 10))).unwrap();
        assert!(faster < millis(12), "{faster:?}");
    }

    #[test]
    fn clones_learn_together() {
        let hedge = Hedge::learned();
        (0..ENOUGH).for_each(|_| hedge.clone().answered(millis(10)));
        assert!(hedge.delay().is_some());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_nothing_or_endless(answers in prop::collection::vec(any::<u64>(), 100..300)) {
            let hedge = Hedge::learned();
            for nanos in &answers {
                hedge.answered(Duration::from_nanos(*nanos));
            }
            let learned = hedge.delay().unwrap();
            prop_assert!(learned >= FINEST);
            let longest = Duration::from_nanos(*answers.iter().max().unwrap());
            prop_assert!(learned <= longest.mul_f64(1.05).max(FINEST));
        }
    }
}
