//! `grpc-timeout`: 1 to 8 digits and a unit (`PROTOCOL-HTTP2.md`).
//!
//! Zero is legal: the call is over before it began. A value that cannot be read is a malformed call (code 13), not one
//! that may take for ever. Written, a timeout is rounded down and never grows on its way through hops.

use std::{fmt, time::Duration};

use http::{HeaderMap, HeaderValue};

use super::TIMEOUT;

/// The units, finest first, with the nanoseconds that one of each lasts.
const UNITS: [(char, u128); 6] = [
    ('n', 1),
    ('u', 1_000),
    ('m', 1_000_000),
    ('S', 1_000_000_000),
    ('M', 60_000_000_000),
    ('H', 3_600_000_000_000),
];
/// Eight digits are all there may be.
const MOST: u128 = 99_999_999;

/// The time a gRPC caller gives its call, to be read from and written to `grpc-timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeout(Duration);

/// `grpc-timeout` is there and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTimeout;

impl Timeout {
    /// A timeout of this length.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// How long it is.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Reads the request's timeout, if there is one.
    ///
    /// # Errors
    /// [`BadTimeout`] if there are two, or it is malformed.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, BadTimeout> {
        let mut values = headers.get_all(TIMEOUT).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Self::from_header(value).map(Some),
            (Some(_), Some(_)) => Err(BadTimeout),
        }
    }

    /// Reads one value.
    ///
    /// # Errors
    /// [`BadTimeout`] if it is not one to eight digits and a unit.
    pub fn from_header(value: &HeaderValue) -> Result<Self, BadTimeout> {
        let (digits, unit) = value
            .as_bytes()
            .split_last()
            .map(|(unit, digits)| (digits, *unit))
            .ok_or(BadTimeout)?;
        if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
            return Err(BadTimeout);
        }
        let count = digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        match unit {
            b'n' => Ok(Duration::from_nanos(count)),
            b'u' => Ok(Duration::from_micros(count)),
            b'm' => Ok(Duration::from_millis(count)),
            b'S' => Ok(Duration::from_secs(count)),
            b'M' => Ok(Duration::from_secs(count * 60)),
            b'H' => Ok(Duration::from_secs(count * 3600)),
            _ => Err(BadTimeout),
        }
        .map(Self)
    }

    /// The value of `grpc-timeout`.
    pub fn to_header(self) -> HeaderValue {
        HeaderValue::try_from(self.to_string()).expect("digits and a letter are a header value")
    }
}

impl fmt::Display for Timeout {
    /// In the finest unit that eight digits can hold, rounded down.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let fitting = UNITS.into_iter().find(|(_, unit)| nanos / unit <= MOST);
        match fitting {
            Some((letter, unit)) => write!(f, "{}{letter}", nanos / unit),
            None => write!(f, "{MOST}H"),
        }
    }
}

impl fmt::Display for BadTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("grpc-timeout is not 1 to 8 digits and one of H M S m u n")
    }
}

impl std::error::Error for BadTimeout {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Duration, BadTimeout> {
        Timeout::from_header(&HeaderValue::from_str(text).unwrap()).map(Timeout::duration)
    }

    #[test]
    fn every_unit_is_read() {
        assert_eq!(read("2H"), Ok(Duration::from_secs(7200)));
        assert_eq!(read("2M"), Ok(Duration::from_secs(120)));
        assert_eq!(read("2S"), Ok(Duration::from_secs(2)));
        assert_eq!(read("2m"), Ok(Duration::from_millis(2)));
        assert_eq!(read("2u"), Ok(Duration::from_micros(2)));
        assert_eq!(read("00000002n"), Ok(Duration::from_nanos(2)));
        assert_eq!(read("0n"), Ok(Duration::ZERO));
        assert_eq!(read("99999999H"), Ok(Duration::from_secs(99_999_999 * 3600)));
    }

    #[test]
    fn what_is_no_timeout_is_an_error_not_infinite() {
        for text in [
            "",
            "S",
            "5",
            "123456789S",
            "-1S",
            "+1S",
            "1 S",
            "1s",
            "1h",
            "1.5S",
            "1SS",
            "0x1S",
        ] {
            assert_eq!(read(text), Err(BadTimeout), "{text}");
        }
    }

    #[test]
    fn two_timeouts_are_an_error() {
        let mut headers = HeaderMap::new();
        assert_eq!(Timeout::from_headers(&headers), Ok(None));
        headers.append(TIMEOUT, HeaderValue::from_static("1S"));
        assert_eq!(
            Timeout::from_headers(&headers),
            Ok(Some(Timeout::new(Duration::from_secs(1))))
        );
        headers.append(TIMEOUT, HeaderValue::from_static("1S"));
        assert_eq!(Timeout::from_headers(&headers), Err(BadTimeout));
    }

    #[test]
    fn the_finest_unit_that_fits_is_written() {
        let written = |duration| Timeout::new(duration).to_string();
        assert_eq!(written(Duration::ZERO), "0n");
        assert_eq!(written(Duration::from_nanos(99_999_999)), "99999999n");
        assert_eq!(written(Duration::from_nanos(100_000_999)), "100000u");
        assert_eq!(written(Duration::from_secs(1)), "1000000u");
        assert_eq!(written(Duration::from_secs(100_000)), "100000S");
        assert_eq!(written(Duration::MAX), "99999999H");
    }

    proptest! {
        #[test]
        fn written_and_read_again_it_never_grows(secs in any::<u64>(), nanos in 0_u32..1_000_000_000, shift in 0..64) {
            let duration = Duration::new(secs >> shift, nanos);
            let again = read(&Timeout::new(duration).to_string()).unwrap();
            prop_assert!(again <= duration);
            // Eight digits: what rounding takes is less than a part in 1,600, the step from minutes to hours.
            prop_assert!(duration - again <= duration / 1_600 || again == Duration::from_secs(99_999_999 * 3600));
        }

        #[test]
        fn what_was_read_is_written_no_larger(text in "[0-9]{1,8}[HMSmun]") {
            let first = read(&text).unwrap();
            let again = Timeout::new(first).to_string();
            prop_assert!((2..=9).contains(&again.len()));
            prop_assert!(read(&again).unwrap() <= first);
        }

        #[test]
        fn any_value_is_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = Timeout::from_header(&value);
            }
        }
    }
}
