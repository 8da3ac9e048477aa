//! How many events there were lately, and how many of them were marked: ten buckets, each one word.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

const BUCKETS: u64 = 10;
const COUNT_BITS: u32 = 20;
const MOST: u64 = (1 << COUNT_BITS) - 1;
const NUMBER_MASK: u64 = (1 << 24) - 1;

/// Counts of the last ten spans of time, the running one included. A span counts a million events, and no more.
#[derive(Debug)]
pub(crate) struct Window {
    /// In nanoseconds.
    span: u64,
    buckets: [AtomicU64; BUCKETS as usize],
}

/// A bucket's word: the number of its span, then how many events, then how many marked.
#[derive(Clone, Copy)]
struct Bucket {
    number: u64,
    all: u64,
    marked: u64,
}

impl Window {
    /// Counts over `length`; shorter than ten nanoseconds is as good as that.
    pub(crate) fn new(length: Duration) -> Self {
        Self {
            span: nanos(length / BUCKETS as u32).max(1),
            buckets: array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    pub(crate) fn add(&self, now: Duration, marked: bool) {
        let number = self.number(now);
        let bucket = &self.buckets[(number % BUCKETS) as usize];
        let add = |word| {
            let found = Bucket::unpack(word);
            let (all, hits) = if found.number == number & NUMBER_MASK {
                (found.all, found.marked)
            } else {
                (0, 0)
            };
            (all < MOST).then(|| {
                let marked = hits + u64::from(marked);
                Bucket::pack(number & NUMBER_MASK, all + 1, marked)
            })
        };
        // A full bucket stays as it is.
        let _ = bucket.fetch_update(Relaxed, Relaxed, add);
    }

    /// How many events, and how many of them marked.
    pub(crate) fn sum(&self, now: Duration) -> (u64, u64) {
        let last = self.number(now) & NUMBER_MASK;
        let buckets = self.buckets.iter().map(|word| Bucket::unpack(word.load(Relaxed)));
        let recent = buckets.filter(|bucket| (last.wrapping_sub(bucket.number) & NUMBER_MASK) < BUCKETS);
        recent.fold((0, 0), |(all, marked), bucket| {
            (all + bucket.all, marked + bucket.marked)
        })
    }

    pub(crate) fn clear(&self) {
        self.buckets.iter().for_each(|bucket| bucket.store(0, Relaxed));
    }

    fn number(&self, now: Duration) -> u64 {
        nanos(now) / self.span
    }
}

/// Five hundred years are enough.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Bucket {
    const fn unpack(word: u64) -> Self {
        Self {
            number: word >> (2 * COUNT_BITS),
            all: (word >> COUNT_BITS) & MOST,
            marked: word & MOST,
        }
    }

    const fn pack(number: u64, all: u64, marked: u64) -> u64 {
        number << (2 * COUNT_BITS) | all << COUNT_BITS | marked
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    #[test]
    fn the_last_ten_spans_count_and_no_others() {
        let window = Window::new(TEN);
        let at = Duration::from_millis;
        window.add(at(1_500), true);
        window.add(at(9_900), false);
        assert_eq!(window.sum(at(10_999)), (2, 1));
        assert_eq!(window.sum(at(11_000)), (1, 0));
        window.clear();
        assert_eq!(window.sum(at(11_000)), (0, 0));
    }

    #[test]
    fn no_event_of_any_thread_is_lost() {
        let window = Window::new(TEN);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50_000).for_each(|n| window.add(TEN, n % 2 == 0)));
            }
        });
        assert_eq!(window.sum(TEN), (200_000, 100_000));
    }

    #[test]
    fn a_full_span_counts_no_further() {
        let window = Window::new(TEN);
        (0..MOST + 5).for_each(|_| window.add(TEN, true));
        assert_eq!(window.sum(TEN), (MOST, MOST));
    }

    proptest! {
        #[test]
        fn it_counts_what_a_list_would(pauses in prop::collection::vec((0_u64..4000, any::<bool>()), 1..100)) {
            let window = Window::new(TEN);
            let mut now = Duration::ZERO;
            let mut list = Vec::new();
            for (pause, marked) in pauses {
                now += Duration::from_millis(pause);
                window.add(now, marked);
                list.push((now.as_secs(), marked));
                let recent = list.iter().filter(|(second, _)| now.as_secs() - second < 10);
                let marks = recent.clone().filter(|(_, marked)| *marked).count() as u64;
                prop_assert_eq!(window.sum(now), (recent.count() as u64, marks));
            }
        }
    }
}
