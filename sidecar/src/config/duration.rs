//! Durations as the configuration writes them: `250ms`, `1.5s`, `1m30s`.
//!
//! A number, whole or decimal, and a unit out of `ns us ms s m h d`; several may follow each other. A bare number
//! is refused: a setting without its unit is read wrongly sooner or later. At most [`LONGEST`]: what is meant to
//! be endless is written `none`, and adding a duration to a point in time can never overflow.

use std::{fmt, time::Duration};

/// The longest duration there is: 365 days.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * DAY);
const DAY: u64 = 86_400;

/// Units with their length in nanoseconds, longest first.
const UNITS: &[(&str, u128)] = &[
    ("d", DAY as u128 * 1_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DurationError {
    /// It is not numbers with units.
    Malformed,
    /// A number has no unit.
    NoUnit,
    /// It is finer than nanoseconds.
    TooFine,
    /// It is longer than [`LONGEST`].
    TooLong,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a duration; write it like \"250ms\", \"30s\" or \"1m30s\"",
            Self::NoUnit => "a duration needs a unit: ns, us, ms, s, m, h or d",
            Self::TooFine => "finer than a nanosecond",
            Self::TooLong => "longer than 365d",
        })
    }
}

impl std::error::Error for DurationError {}

/// Reads a duration.
pub(super) fn parse(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text;
    let mut nanos = 0_u128;
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit() && c != '.');
        let (unit, after) = split_where(after, |c| !c.is_ascii_alphabetic());
        nanos = nanos.saturating_add(part(number, unit)?);
        rest = after;
    }
    match u64::try_from(nanos).map(Duration::from_nanos) {
        _ if text.is_empty() => Err(DurationError::Malformed),
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(DurationError::TooLong),
    }
}

/// Writes a duration with the longest unit that fits it without a fraction; [`parse`] reads it back unchanged.
pub(super) fn format(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let fits = |(_, length): &&(&str, u128)| nanos != 0 && nanos.is_multiple_of(*length);
    match UNITS.iter().find(fits) {
        Some((unit, length)) => format!("{}{unit}", nanos / length),
        None => "0s".to_owned(),
    }
}

/// Nanoseconds of one number with its unit.
fn part(number: &str, unit: &str) -> Result<u128, DurationError> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(DurationError::Malformed);
    }
    let length = match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, length)) => *length,
        None if unit.is_empty() => return Err(DurationError::NoUnit),
        None => return Err(DurationError::Malformed),
    };
    let whole: u128 = whole.parse().map_err(|_| DurationError::TooLong)?;
    Ok(whole
        .saturating_mul(length)
        .saturating_add(fraction_of(fraction, length)?))
}

/// Nanoseconds of the digits behind the point.
fn fraction_of(digits: &str, length: u128) -> Result<u128, DurationError> {
    let digits = digits.trim_end_matches('0');
    // 18 digits of a day still fit; beyond, no unit comes out in whole nanoseconds.
    if digits.len() > 18 {
        return Err(DurationError::TooFine);
    }
    let scale = 10_u128.pow(digits.len() as u32);
    let scaled = digits
        .bytes()
        .fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'))
        * length;
    if scaled.is_multiple_of(scale) {
        Ok(scaled / scale)
    } else {
        Err(DurationError::TooFine)
    }
}

/// Splits before the first character that satisfies the condition.
fn split_where(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, nanos) in [
            ("1ns", 1),
            ("1us", 1_000),
            ("250ms", 250_000_000),
            ("30s", 30_000_000_000),
            ("2m", 120_000_000_000),
            ("1h", 3_600_000_000_000),
            ("1d", 86_400_000_000_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn decimals_and_sequences_add_up() {
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("0.25m"), Ok(Duration::from_secs(15)));
        assert_eq!(parse("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("1.000000000000000000000s"), Ok(Duration::from_secs(1)));
    }

    #[test]
    fn what_is_no_duration_says_why() {
        use DurationError::*;
        for (text, error) in [
            ("", Malformed),
            ("s", Malformed),
            ("-1s", Malformed),
            ("1 s", NoUnit),
            ("30", NoUnit),
            ("1m30", NoUnit),
            ("1.s", Malformed),
            (".5s", Malformed),
            ("1.2.3s", Malformed),
            ("1y", Malformed),
            ("1S", Malformed),
            ("0.5ns", TooFine),
            ("0.0000000000000000000001d", TooFine),
            ("366d", TooLong),
            ("99999999999999999999999999999999999999999999999999d", TooLong),
            ("99999999999999999999999999d99999999999999999999999999d", TooLong),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn the_longest_unit_without_a_fraction_is_written() {
        for text in ["0s", "250ms", "1500ms", "90s", "5m", "1h", "365d", "1ns"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(nanos in 0..=LONGEST.as_nanos() as u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "[0-9.a-z ]{0,40}|.*") {
            let _ = parse(&text);
        }
    }
}
