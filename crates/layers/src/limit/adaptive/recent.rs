//! Counts what is under way, each for a bounded time at most: no timer wakes anyone for it.
//!
//! Entries are counted in the span of time in which they came. A span that is over is taken off as a whole, by whoever comes
//! next; an entry that leaves later than that finds its span gone.

use std::{
    array,
    sync::atomic::{
        AtomicU64, AtomicUsize,
        Ordering::{AcqRel, Relaxed},
    },
    time::Duration,
};

use super::nanos;

/// So many spans an entry counts, from the one it came in.
const LIVE: u64 = 9;
const BUCKETS: u64 = 16;
const COUNT_BITS: u32 = 24;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

#[derive(Debug)]
pub(super) struct Recent {
    span: u64,
    all: AtomicUsize,
    /// The span in which somebody looked last.
    swept: AtomicU64,
    /// The number of a span, and how many of those that came in it are there.
    buckets: [AtomicU64; BUCKETS as usize],
}

/// The span that an entry came in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry(u64);

impl Recent {
    /// Counts each entry for at most this time, and an eighth more.
    pub(super) fn new(time: Duration) -> Self {
        Self {
            span: (nanos(time) / (LIVE - 1)).max(1),
            all: AtomicUsize::new(0),
            swept: AtomicU64::new(0),
            buckets: array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// How many there are.
    pub(super) fn count(&self, now: Duration) -> usize {
        self.sweep(nanos(now) / self.span);
        self.all.load(Relaxed)
    }

    /// One more, beside so many others.
    pub(super) fn enter(&self, now: Duration) -> (Entry, usize) {
        let number = nanos(now) / self.span;
        self.sweep(number);
        let beside = self.all.fetch_add(1, AcqRel);
        let add = |word: u64| {
            Some(if word >> COUNT_BITS == number {
                word + 1
            } else {
                number << COUNT_BITS | 1
            })
        };
        let before = self.bucket(number).fetch_update(AcqRel, Relaxed, add);
        // Whoever was in a bucket that comes round again is long over.
        let stale = before.map_or(0, |word| match word >> COUNT_BITS == number {
            true => 0,
            false => word & COUNT_MASK,
        });
        if stale > 0 {
            self.all.fetch_sub(stale as usize, AcqRel);
        }
        (Entry(number), beside)
    }

    /// It is over.
    pub(super) fn leave(&self, entry: Entry) {
        let Entry(number) = entry;
        let take = |word: u64| {
            let is_there = word >> COUNT_BITS == number && word & COUNT_MASK > 0;
            is_there.then(|| word - 1)
        };
        if self.bucket(number).fetch_update(AcqRel, Relaxed, take).is_ok() {
            self.all.fetch_sub(1, AcqRel);
        }
    }

    /// Takes off the spans that are over.
    fn sweep(&self, current: u64) {
        let swept = self.swept.load(Relaxed);
        if swept >= current
            || self
                .swept
                .compare_exchange(swept, current, AcqRel, Relaxed)
                .is_err()
        {
            return;
        }
        for bucket in &self.buckets {
            let empty = |word: u64| {
                let is_over = (word >> COUNT_BITS) + LIVE <= current && word & COUNT_MASK > 0;
                is_over.then_some(word & !COUNT_MASK)
            };
            if let Ok(word) = bucket.fetch_update(AcqRel, Relaxed, empty) {
                self.all.fetch_sub((word & COUNT_MASK) as usize, AcqRel);
            }
        }
    }

    fn bucket(&self, number: u64) -> &AtomicU64 {
        &self.buckets[(number % BUCKETS) as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn an_entry_counts_until_it_leaves_and_for_a_second_at_most() {
        let recent = Recent::new(SECOND);
        let (first, beside) = recent.enter(millis(10_000));
        assert_eq!(beside, 0);
        let (second, beside) = recent.enter(millis(10_100));
        assert_eq!(beside, 1);
        recent.leave(first);
        assert_eq!(recent.count(millis(11_000)), 1);
        assert_eq!(recent.count(millis(11_200)), 0);
        recent.leave(second);
        assert_eq!(recent.count(millis(11_200)), 0);
        let (_, beside) = recent.enter(millis(99_000));
        assert_eq!(beside, 0);
    }

    #[test]
    fn none_is_lost_between_threads() {
        let recent = Recent::new(SECOND);
        thread::scope(|scope| {
            for thread in 0..4 {
                let recent = &recent;
                scope.spawn(move || {
                    for n in 0..20_000 {
                        let (entry, _) = recent.enter(millis(1000 + n + thread));
                        recent.leave(entry);
                    }
                });
            }
        });
        assert_eq!(recent.count(millis(90_000)), 0);
        assert_eq!(recent.all.load(Relaxed), 0);
    }

    proptest! {
        #[test]
        fn it_counts_what_a_list_would(
            events in prop::collection::vec((0_u64..400, any::<bool>(), any::<prop::sample::Index>()), 1..200),
        ) {
            let recent = Recent::new(SECOND);
            let (mut now, mut there) = (SECOND, Vec::new());
            for (pause, comes, which) in events {
                now += millis(pause);
                if comes || there.is_empty() {
                    there.push((now, recent.enter(now).0));
                } else {
                    recent.leave(there.swap_remove(which.index(there.len())).1);
                }
                let count = recent.count(now);
                let since = |age: u64| there.iter().filter(|(at, _)| now - *at < millis(age)).count();
                prop_assert!((since(1000)..=since(1126)).contains(&count), "{count}");
            }
            there.into_iter().for_each(|(_, entry)| recent.leave(entry));
            prop_assert_eq!(recent.count(now), 0);
        }
    }
}
