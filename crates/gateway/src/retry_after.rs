//! `Retry-After`: when it is worth asking again (RFC 9110 §10.2.3).
//!
//! Written as whole seconds, at least one, rounded up. Read as seconds or as a date; what is neither counts as absent,
//! and more than [`LONGEST`] as that much: no peer may hold us off for a day.

use std::time::{Duration, SystemTime};

use http::HeaderValue;

use crate::Failure;

/// The longest wait that is believed.
pub const LONGEST: Duration = Duration::from_secs(60);

/// What a failure says whose row asks for a wait and that knows none of its own.
const DEFAULT: Duration = Duration::from_secs(1);

/// How long the answer to `failure` asks its reader to wait, if its row has it say so.
pub fn told(failure: &Failure) -> Option<Duration> {
    let row = failure.reason().row();
    row.retry_after.then(|| failure.retry_after().unwrap_or(DEFAULT))
}

/// The whole seconds that stand for `wait`: rounded up, since coming early is coming in vain, and at least one.
pub fn seconds(wait: Duration) -> u64 {
    let whole = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    whole.max(1)
}

/// Writes the value of `Retry-After`.
pub fn to_header(wait: Duration) -> HeaderValue {
    HeaderValue::from(seconds(wait))
}

/// Reads the value of `Retry-After`; dates count from `now`, those in the past are no wait at all.
pub fn from_header(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim_ascii();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a u64 holds are a very long wait, not garbage.
        text.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(now).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(LONGEST))
}

/// Spreads those who were told to wait evenly over `base` up to, but not including, `base + spread`, so that no second
/// gets a crowd. `random` is uniform over all its values.
pub fn jittered(base: Duration, spread: Duration, random: u64) -> Duration {
    let spread = u64::try_from(spread.as_nanos()).unwrap_or(u64::MAX);
    let share = (u128::from(spread) * u128::from(random)) >> u64::BITS;
    let share = u64::try_from(share).expect("a product of two u64 has at most 64 high bits");
    base.saturating_add(Duration::from_nanos(share))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Reason;

    fn read(text: &str) -> Option<Duration> {
        // 1994-11-06 08:49:37 UTC
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        from_header(&HeaderValue::from_str(text).unwrap(), now)
    }

    #[test]
    fn seconds_are_read_and_capped() {
        assert_eq!(read("0"), Some(Duration::ZERO));
        assert_eq!(read(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(read("61"), Some(LONGEST));
        assert_eq!(read("99999999999999999999999999"), Some(LONGEST));
    }

    #[test]
    fn dates_count_from_now() {
        assert_eq!(
            read("Sun, 06 Nov 1994 08:49:47 GMT"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(
            read("Sunday, 06-Nov-94 08:49:47 GMT"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(read("Sun, 06 Nov 1994 08:49:30 GMT"), Some(Duration::ZERO));
        assert_eq!(
            read("Tue, 06 Nov 2094 08:49:37 GMT"),
            None,
            "the weekday is wrong"
        );
        assert_eq!(read("Sat, 06 Nov 2094 08:49:37 GMT"), Some(LONGEST));
    }

    #[test]
    fn garbage_is_absent() {
        for text in ["", "soon", "-1", "+5", "1.5", "5 s", "Sun, 06 Nov"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_at_least_one_second_and_rounded_up() {
        assert_eq!(to_header(Duration::ZERO), "1");
        assert_eq!(to_header(Duration::from_secs(2)), "2");
        assert_eq!(to_header(Duration::from_millis(2001)), "3");
        assert_eq!(seconds(Duration::MAX), u64::MAX);
    }

    #[test]
    fn only_rows_that_say_so_tell_a_wait() {
        let wait = Duration::from_secs(9);
        let told_by = |reason| told(&Failure::new(reason).with_retry_after(wait));
        assert_eq!(told_by(Reason::Overload), Some(wait));
        assert_eq!(told_by(Reason::ConnectionRefused), None);
        assert_eq!(told(&Reason::Overload.into()), Some(DEFAULT));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(secs in 1_u64..=60) {
            let wait = Duration::from_secs(secs);
            prop_assert_eq!(from_header(&to_header(wait), SystemTime::UNIX_EPOCH), Some(wait));
        }

        #[test]
        fn jitter_stays_in_its_window(base in 0_u64..1 << 40, spread in 1_u64..1 << 40, random in any::<u64>()) {
            let (base, spread) = (Duration::from_nanos(base), Duration::from_nanos(spread));
            let wait = jittered(base, spread, random);
            prop_assert!((base..base + spread).contains(&wait));
            prop_assert_eq!(jittered(base, Duration::ZERO, random), base);
        }

        #[test]
        fn any_value_is_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                from_header(&value, SystemTime::now());
            }
        }
    }
}
