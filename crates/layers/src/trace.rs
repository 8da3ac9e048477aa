//! W3C Trace Context: whose trace a request belongs to.
//!
//! A valid `traceparent` is sent on as it came, since this hop adds no span of its own; where there is none, or
//! an invalid one, a new trace begins and a stale `tracestate` is dropped (Trace Context §3.3, §4.3).
//!
//! The value is marked sensitive: it never comes twice, and would only push what does out of HPACK's tables
//! (RFC 7541 §7.1.3).

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::random::random;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const HEX: &[u8; 16] = b"0123456789abcdef";

/// The 16 bytes of a trace id, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl TraceId {
    /// The id in a request's `traceparent`; a new trace, noted in the header, where there is no valid one.
    pub fn take_up(headers: &mut HeaderMap) -> Self {
        if let Some(id) = headers
            .get(&TRACEPARENT)
            .and_then(|value| Self::parse(value.as_bytes()))
        {
            return id;
        }
        let id = Self((u128::from(random()) << 64) | u128::from(random() | 1));
        headers.insert(TRACEPARENT, id.parent(random() | 1));
        headers.remove(&TRACESTATE);
        id
    }

    /// Reads `version-trace-parent-flags`; of versions we do not know, the four parts that we do.
    fn parse(value: &[u8]) -> Option<Self> {
        let (version, rest) = (value.get(..2)?, value.get(2..55)?);
        let more = &value[55..];
        let separated = rest[0] == b'-' && rest[33] == b'-' && rest[50] == b'-';
        let ends = more.is_empty() || (version != b"00" && more[0] == b'-');
        let version = hex(version)?;
        let (high, low) = (hex(&rest[1..17])?, hex(&rest[17..33])?);
        let id = (u128::from(high) << 64) | u128::from(low);
        let parent = hex(&rest[34..50])?;
        hex(&rest[51..53])?;
        (separated && ends && version != 0xff && id != 0 && parent != 0).then_some(Self(id))
    }

    fn parent(self, span: u64) -> HeaderValue {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(self.0, &mut text[3..35]);
        write_hex(u128::from(span), &mut text[36..52]);
        let mut value = HeaderValue::from_bytes(&text).expect("hexadecimal digits are a header value");
        value.set_sensitive(true);
        value
    }
}

/// What each byte is worth as a lower-case hexadecimal digit.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < HEX.len() {
        digits[HEX[value] as usize] = value as u8;
        value += 1;
    }
    digits
};
const NO_DIGIT: u8 = 0xff;

/// The number that these digits write, at most sixteen of them.
fn hex(digits: &[u8]) -> Option<u64> {
    let (mut number, mut seen) = (0, 0);
    for digit in digits {
        let value = DIGITS[usize::from(*digit)];
        seen |= value;
        number = (number << 4) | u64::from(value);
    }
    (seen < 16).then_some(number)
}

/// Writes the last digits of `number`, as many as there is room for.
fn write_hex(number: u128, out: &mut [u8]) {
    let bytes = number.to_be_bytes();
    let last = &bytes[bytes.len() - out.len() / 2..];
    for (digits, byte) in out.chunks_exact_mut(2).zip(last) {
        digits[0] = HEX[usize::from(byte >> 4)];
        digits[1] = HEX[usize::from(byte & 0xf)];
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn taken_up(parent: &str) -> (TraceId, HeaderMap) {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, parent.parse().unwrap());
        headers.insert(TRACESTATE, "vendor=1".parse().unwrap());
        (TraceId::take_up(&mut headers), headers)
    }

    #[test]
    fn a_valid_parent_is_sent_on_unchanged() {
        let (id, headers) = taken_up(VALID);
        assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(headers[TRACEPARENT], VALID);
        assert_eq!(headers[TRACESTATE], "vendor=1");
    }

    #[test]
    fn a_later_version_is_read_by_its_first_four_parts() {
        let (id, headers) = taken_up(
            &VALID
                .replacen("00", "cc", 1)
                .replace("-01", "-01-what-comes-next"),
        );
        assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(headers.contains_key(TRACESTATE));
    }

    #[test]
    fn an_invalid_parent_starts_a_new_trace_and_drops_the_state() {
        for bad in [
            "",
            "garbage",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            let (id, headers) = taken_up(bad);
            let sent = headers[TRACEPARENT].to_str().unwrap();
            assert_eq!(TraceId::parse(sent.as_bytes()), Some(id), "{bad}");
            assert!(!headers.contains_key(TRACESTATE));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = TraceId::parse(&bytes);
        }

        #[test]
        fn what_is_written_reads_back(id in 1u128.., span in 1u64..) {
            prop_assert_eq!(TraceId::parse(TraceId(id).parent(span).as_bytes()), Some(TraceId(id)));
        }
    }
}
