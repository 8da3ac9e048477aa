//! A rate for each of many keys, in a fixed amount of memory.
//!
//! Of a key only a hash is kept, with a secret of the process in it, in a set of eight; of each the time at which all
//! that was admitted will be paid for. Who owes nothing needs no memory: its place is anyone's. Where all eight owe
//! something, a newcomer takes the place of who owes least, which is then admitted a burst anew. So a flood of keys pushes
//! out its own ones, that owe least, before those that have spent their quota; and no newcomer is refused for it.

use std::{
    array, fmt,
    hash::{BuildHasher, Hash, RandomState},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::{InvalidRate, Pace, nanos};

const WAYS: usize = 8;
/// A mebibyte of them.
const KEYS: usize = 65_536;

/// Admits a steady number of requests a second, and small bursts, of each key. Two threads never wait for each other.
pub struct Quota {
    pace: Pace,
    sets: Box<[[Slot; WAYS]]>,
    hasher: RandomState,
}

/// The account of one key.
#[derive(Default)]
struct Slot {
    /// A hash; zero is nobody's.
    key: AtomicU64,
    paid: AtomicU64,
}

impl Quota {
    /// `per_second` requests of each key, `burst` of them at once; zero of those counts as one. Of 65,536 keys that owe
    /// something none is forgotten but by chance.
    ///
    /// # Errors
    /// [`InvalidRate`] unless `per_second` is a number from one a day to a thousand million.
    pub fn try_new(per_second: f64, burst: u32) -> Result<Self, InvalidRate> {
        Self::with_keys(per_second, burst, KEYS)
    }

    /// The same with room for about so many keys, at 16 bytes each; eight at least.
    ///
    /// # Errors
    /// [`InvalidRate`] as above.
    pub fn with_keys(per_second: f64, burst: u32, keys: usize) -> Result<Self, InvalidRate> {
        let set = |_| array::from_fn(|_| Slot::default());
        Ok(Self {
            pace: Pace::try_new(per_second, burst)?,
            sets: (0..keys.div_ceil(WAYS).max(1)).map(set).collect(),
            hasher: RandomState::new(),
        })
    }

    /// Admits one request of this key.
    ///
    /// # Errors
    /// How long to wait until there is room again for one of this key.
    pub fn admit(&self, key: &impl Hash, now: Duration) -> Result<(), Duration> {
        let hash = self.hasher.hash_one(key).max(1);
        self.pace.pay(&self.slot(hash, nanos(now)).paid, now)
    }

    fn slot(&self, key: u64, now: u64) -> &Slot {
        let set = &self.sets[(key >> 32) as usize % self.sets.len()];
        loop {
            if let Some(slot) = set.iter().find(|slot| slot.key.load(Relaxed) == key) {
                return slot;
            }
            // Who owes nothing, or least. All look in the same order, and so find the same one for the same key.
            let owed = set
                .iter()
                .map(|slot| slot.paid.load(Relaxed).max(now))
                .enumerate();
            let (index, paid) = owed.min_by_key(|(_, paid)| *paid).expect("a set is not empty");
            let slot = &set[index];
            let before = slot.key.load(Relaxed);
            if slot.key.compare_exchange(before, key, Relaxed, Relaxed).is_ok() {
                if paid > now {
                    // Not the newcomer's debt. If someone has paid since then, it stays.
                    let _ = slot.paid.compare_exchange(paid, 0, Relaxed, Relaxed);
                }
                return slot;
            }
        }
    }
}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota")
            .field("pace", &self.pace)
            .field("keys", &(self.sets.len() * WAYS))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, thread};

    use proptest::prelude::*;

    use super::*;
    use crate::rate::Rate;

    const NOW: Duration = Duration::from_secs(100);

    fn admitted(quota: &Quota, key: &str, asked: usize) -> usize {
        (0..asked).filter(|_| quota.admit(&key, NOW).is_ok()).count()
    }

    #[test]
    fn each_key_has_a_rate_of_its_own_and_is_told_exactly_when_to_come_back() {
        let quota = Quota::try_new(10.0, 3).unwrap();
        assert_eq!(admitted(&quota, "a", 9), 3);
        assert_eq!(admitted(&quota, "b", 9), 3);
        let wait = quota.admit(&"a", NOW).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert!(quota.admit(&"a", NOW + wait - Duration::from_nanos(1)).is_err());
        assert!(quota.admit(&"a", NOW + wait).is_ok());
    }

    #[test]
    fn a_flood_of_keys_is_admitted_and_frees_nobody_of_what_it_owes() {
        let quota = Quota::with_keys(1.0, 10, 64).unwrap();
        assert_eq!(admitted(&quota, "greedy", 20), 10);
        for n in 0..100_000 {
            assert!(quota.admit(&n, NOW).is_ok(), "{n}");
        }
        assert_eq!(admitted(&quota, "greedy", 20), 0);
    }

    #[test]
    fn threads_share_what_a_key_is_admitted() {
        for _ in 0..50 {
            let quota = Quota::with_keys(1.0, 100, 8).unwrap();
            let admitted: usize = thread::scope(|scope| {
                let workers: Vec<_> = (0..4)
                    .map(|_| scope.spawn(|| admitted(&quota, "a", 100)))
                    .collect();
                workers.into_iter().map(|worker| worker.join().unwrap()).sum()
            });
            assert_eq!(admitted, 100);
        }
    }

    #[test]
    fn a_rate_that_is_none_is_refused() {
        assert_eq!(Quota::try_new(0.0, 1).unwrap_err(), InvalidRate);
    }

    proptest! {
        #[test]
        fn with_room_for_all_each_key_is_treated_as_if_it_were_alone(
            events in prop::collection::vec((0_u8..6, 0_u64..400), 1..300),
        ) {
            let quota = Quota::with_keys(20.0, 4, 4096).unwrap();
            let mut alone: HashMap<u8, Rate> = HashMap::new();
            let mut now = NOW;
            for (key, pause) in events {
                now += Duration::from_millis(pause / 4);
                let rate = alone.entry(key).or_insert_with(|| Rate::try_new(20.0, 4).unwrap());
                prop_assert_eq!(quota.admit(&key, now), rate.admit(now));
            }
        }

        #[test]
        fn however_many_keys_there_are_one_that_was_seen_no_more_than_it_may_is_never_refused(
            keys in prop::collection::vec(0_u16..500, 1..500),
        ) {
            let quota = Quota::with_keys(1.0, 3, 16).unwrap();
            let mut seen: HashMap<u16, u32> = HashMap::new();
            for key in keys {
                let times = seen.entry(key).or_default();
                *times += 1;
                if *times <= 3 {
                    prop_assert!(quota.admit(&key, NOW).is_ok());
                }
            }
        }
    }
}
