//! How many repeats were made, and how many were not, by reason.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::policy::Refusal;

/// Counts what became of attempts that were no success. Never reset.
#[derive(Debug, Default)]
pub struct Tally {
    repeated: AtomicU64,
    hedged: AtomicU64,
    hedges_won: AtomicU64,
    hedges_refused: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
}

impl Tally {
    /// How many attempts were followed by another.
    pub fn repeated(&self) -> u64 {
        self.repeated.load(Relaxed)
    }

    /// How many were not, for this reason.
    pub fn refused(&self, why: Refusal) -> u64 {
        self.refused[why as usize].load(Relaxed)
    }

    /// How many first attempts were late and got another beside them.
    pub fn hedged(&self) -> u64 {
        self.hedged.load(Relaxed)
    }

    /// How many of those beside them were a success first.
    pub fn hedges_won(&self) -> u64 {
        self.hedges_won.load(Relaxed)
    }

    /// How many first attempts were late and stayed alone: for want of budget or room, or of a body that was all there.
    pub fn hedges_refused(&self) -> u64 {
        self.hedges_refused.load(Relaxed)
    }

    pub(super) fn hedge(&self) {
        self.hedged.fetch_add(1, Relaxed);
    }

    pub(super) fn win_hedge(&self) {
        self.hedges_won.fetch_add(1, Relaxed);
    }

    pub(super) fn refuse_hedge(&self) {
        self.hedges_refused.fetch_add(1, Relaxed);
    }

    pub(super) fn repeat(&self) {
        self.repeated.fetch_add(1, Relaxed);
    }

    pub(super) fn refuse(&self, why: Refusal) {
        self.refused[why as usize].fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_a_place_of_its_own() {
        let tally = Tally::default();
        for (times, why) in Refusal::ALL.into_iter().enumerate() {
            (0..times).for_each(|_| tally.refuse(why));
        }
        tally.repeat();
        let counted: Vec<_> = Refusal::ALL.map(|why| tally.refused(why)).into();
        assert_eq!(counted, (0..Refusal::ALL.len() as u64).collect::<Vec<_>>());
        assert_eq!(tally.repeated(), 1);
    }
}
