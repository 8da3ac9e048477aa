//! The state in one word: phase (3 bits), cause (8), exponent (5), time in microseconds (48).

use std::time::Duration;

use outrigger_gateway::Reason;

const TIME_BITS: u32 = 48;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
const EXPONENT_BITS: u32 = 5;
const EXPONENT_MASK: u64 = (1 << EXPONENT_BITS) - 1;
const CAUSE_BITS: u32 = 8;
const CAUSE_MASK: u64 = (1 << CAUSE_BITS) - 1;

// No cause is 0, so that all others must fit below the mask.
const _: () = assert!(Reason::ALL.len() < CAUSE_MASK as usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Closed,
    Open,
    HalfOpen,
    Closing,
    ForcedOpen,
    ForcedClosed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) phase: Phase,
    pub(super) cause: Option<Reason>,
    /// How often the hold has doubled.
    pub(super) exponent: u8,
    /// Open: until when. HalfOpen, Closing and Closed: since when.
    pub(super) at: Duration,
}

impl Word {
    pub(super) const CLOSED: Self = Self {
        phase: Phase::Closed,
        cause: None,
        exponent: 0,
        at: Duration::ZERO,
    };

    /// The same moment, all being well.
    pub(super) const fn closed(self) -> Self {
        Self {
            at: self.at,
            ..Self::CLOSED
        }
    }

    /// What is left of it in a word: whole microseconds.
    pub(super) fn rounded(self) -> Self {
        Self::unpack(self.pack())
    }

    pub(super) fn pack(self) -> u64 {
        let cause = self.cause.map_or(0, |cause| cause as u64 + 1);
        let exponent = u64::from(self.exponent).min(EXPONENT_MASK);
        let at = u64::try_from(self.at.as_micros()).map_or(TIME_MASK, |at| at.min(TIME_MASK));
        let head = ((self.phase as u64) << CAUSE_BITS | cause) << EXPONENT_BITS | exponent;
        head << TIME_BITS | at
    }

    pub(super) fn unpack(word: u64) -> Self {
        let head = word >> TIME_BITS;
        let cause = (head >> EXPONENT_BITS) & CAUSE_MASK;
        Self {
            phase: match head >> (EXPONENT_BITS + CAUSE_BITS) {
                1 => Phase::Open,
                2 => Phase::HalfOpen,
                3 => Phase::Closing,
                4 => Phase::ForcedOpen,
                5 => Phase::ForcedClosed,
                _ => Phase::Closed,
            },
            cause: cause
                .checked_sub(1)
                .and_then(|n| Reason::ALL.get(n as usize).copied()),
            exponent: (head & EXPONENT_MASK) as u8,
            at: Duration::from_micros(word & TIME_MASK),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PHASES: [Phase; 6] = [
        Phase::Closed,
        Phase::Open,
        Phase::HalfOpen,
        Phase::Closing,
        Phase::ForcedOpen,
        Phase::ForcedClosed,
    ];

    proptest! {
        #[test]
        fn nothing_is_lost_in_the_word(
            phase in prop::sample::select(PHASES.to_vec()),
            cause in prop::option::of(prop::sample::select(Reason::ALL.to_vec())),
            exponent in 0_u8..32,
            micros in 0..=TIME_MASK,
        ) {
            let word = Word { phase, cause, exponent, at: Duration::from_micros(micros) };
            prop_assert_eq!(Word::unpack(word.pack()), word);
        }
    }

    #[test]
    fn what_does_not_fit_is_as_large_as_can_be() {
        let word = Word {
            exponent: 255,
            at: Duration::MAX,
            ..Word::CLOSED
        };
        let packed = Word::unpack(word.pack());
        assert_eq!(
            (packed.exponent, packed.at),
            (31, Duration::from_micros(TIME_MASK))
        );
        assert_eq!(packed.phase, Phase::Closed);
    }
}
