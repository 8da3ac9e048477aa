//! Cheap randomness for jitter and trace ids; nothing here guards a secret.

use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
};

thread_local! {
    // RandomState is seeded by the operating system, once a thread.
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0u64));
}

/// The next of this thread's numbers (SplitMix64).
pub fn random() -> u64 {
    STATE.with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

/// A number as a share: at least 0, less than 1.
pub fn share(random: u64) -> f64 {
    // A double has 53 bits for it.
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::{random, share};

    #[test]
    fn a_share_is_never_the_whole() {
        assert!(share(0) <= 0.0 && share(u64::MAX) < 1.0);
        assert!((share(1 << 63) - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn numbers_differ() {
        let mut drawn: Vec<_> = (0..1000).map(|_| random()).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 1000);
    }
}
