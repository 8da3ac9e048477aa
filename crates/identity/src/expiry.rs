//! How far a certificate is on its way to expiry, and when that changes next.
//!
//! | stage | begins | what is due |
//! |---|---|---|
//! | not yet valid | - | a clock is wrong, or it was put in place too early |
//! | fresh | at `notBefore` | nothing |
//! | refresh | when 1/3 of its life is left, 30 d at most | renewal should happen by itself now |
//! | warn | when 1/10 is left, 7 d at most | renewal is late: look |
//! | critical | when 1/50 is left, 1 d at most | renewal has failed: act |
//! | expired | one second past `notAfter` | every handshake fails |
//!
//! A certificate of one hour enters them 20 min, 6 min and 72 s before its end, one of 90 days 30 d, 7 d and 1 d
//! before, an authority of ten years likewise. Fractions are of its own life, so short-lived certificates do not
//! alarm all day and long-lived ones not a year ahead. An alarm on the absolute time that is left would do one of both.
//!
//! Pure but for [`now`]: seconds since 1970 go in. Source of the validity rules: RFC 5280 §4.1.2.5 (both ends inclusive).

use std::fmt;

use rustls_pki_types::UnixTime;

const DAY: i64 = 86_400;

/// How far a certificate is on its way to expiry, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Before `notBefore`.
    NotYetValid,
    /// Nothing is due.
    Fresh,
    /// Renewal is due.
    Refresh,
    /// Renewal is late.
    Warn,
    /// Renewal has failed.
    Critical,
    /// Past `notAfter`.
    Expired,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] = [
        Self::NotYetValid,
        Self::Fresh,
        Self::Refresh,
        Self::Warn,
        Self::Critical,
        Self::Expired,
    ];

    /// Its name in logs and on the admin page.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotYetValid => "not_yet_valid",
            Self::Fresh => "fresh",
            Self::Refresh => "refresh",
            Self::Warn => "warn",
            Self::Critical => "critical",
            Self::Expired => "expired",
        }
    }

    /// The first second of this stage for a certificate of that validity.
    ///
    /// A validity that ends before it begins counts as one of no length at `not_after`.
    pub const fn begins(self, not_before: i64, not_after: i64) -> i64 {
        let life = not_after.saturating_sub(not_before);
        let life = if life < 0 { 0 } else { life };
        let left = match self {
            Self::NotYetValid => return i64::MIN,
            Self::Fresh => {
                return if not_before < not_after {
                    not_before
                } else {
                    not_after
                };
            }
            Self::Refresh => at_most(life / 3, 30 * DAY),
            Self::Warn => at_most(life / 10, 7 * DAY),
            Self::Critical => at_most(life / 50, DAY),
            Self::Expired => -1,
        };
        not_after.saturating_sub(left)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

const fn at_most(value: i64, limit: i64) -> i64 {
    if value < limit { value } else { limit }
}

/// Seconds since 1970, by the system's clock.
pub fn now() -> i64 {
    i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX)
}

/// The stage at `now` of a certificate of that validity.
pub fn stage(not_before: i64, not_after: i64, now: i64) -> Stage {
    let entered = Stage::ALL
        .into_iter()
        .rev()
        .find(|stage| stage.begins(not_before, not_after) <= now);
    entered.unwrap_or(Stage::NotYetValid)
}

/// The first second after `now` at which the stage is another one; `None` once it has expired.
pub fn next_change(not_before: i64, not_after: i64, now: i64) -> Option<i64> {
    let begins = |stage: Stage| stage.begins(not_before, not_after);
    Stage::ALL.into_iter().map(begins).find(|begins| *begins > now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3600;

    fn left(life: i64, left: i64) -> Stage {
        stage(0, life, life - left)
    }

    #[test]
    fn a_certificate_of_an_hour_is_renewed_at_two_thirds_of_its_life() {
        assert_eq!(left(HOUR, 1201), Stage::Fresh);
        assert_eq!(left(HOUR, 1200), Stage::Refresh);
        assert_eq!(left(HOUR, 361), Stage::Refresh);
        assert_eq!(left(HOUR, 360), Stage::Warn);
        assert_eq!(left(HOUR, 72), Stage::Critical);
        assert_eq!(left(HOUR, 0), Stage::Critical);
        assert_eq!(left(HOUR, -1), Stage::Expired);
    }

    #[test]
    fn a_certificate_of_ninety_days_is_renewed_a_month_before_its_end() {
        assert_eq!(left(90 * DAY, 30 * DAY + 1), Stage::Fresh);
        assert_eq!(left(90 * DAY, 30 * DAY), Stage::Refresh);
        assert_eq!(left(90 * DAY, 7 * DAY), Stage::Warn);
        assert_eq!(left(90 * DAY, DAY), Stage::Critical);
    }

    #[test]
    fn an_authority_of_ten_years_does_not_alarm_years_ahead() {
        assert_eq!(left(3650 * DAY, 31 * DAY), Stage::Fresh);
        assert_eq!(left(3650 * DAY, 30 * DAY), Stage::Refresh);
    }

    #[test]
    fn before_its_first_second_it_is_not_yet_valid() {
        assert_eq!(stage(100, 200, 99), Stage::NotYetValid);
        assert_eq!(stage(100, 200, 100), Stage::Fresh);
    }

    proptest! {
        #[test]
        fn time_never_takes_a_stage_back(
            not_before in -4_000_000_000_i64..4_000_000_000, life in -1000_i64..400_000_000,
            now in -4_000_000_000_i64..4_000_000_000, later in 0_i64..400_000_000,
        ) {
            let not_after = not_before + life;
            prop_assert!(stage(not_before, not_after, now) <= stage(not_before, not_after, now + later));
        }

        #[test]
        fn the_next_change_is_the_first_second_of_another_stage(
            not_before in -1000_i64..1000, life in -10_i64..1_000_000, offset in -10_i64..1_000_010,
        ) {
            let (not_after, now) = (not_before + life, not_before + offset);
            let at = |second| stage(not_before, not_after, second);
            match next_change(not_before, not_after, now) {
                None => prop_assert_eq!(at(now), Stage::Expired),
                Some(change) => {
                    prop_assert!(change > now);
                    prop_assert_eq!(at(change - 1), at(now));
                    prop_assert!(at(change) > at(now));
                }
            }
        }

        #[test]
        fn no_validity_makes_it_panic(a in any::<i64>(), b in any::<i64>(), now in any::<i64>()) {
            let _ = (stage(a, b, now), next_change(a, b, now));
        }
    }
}
