//! The percent-encoding of `grpc-message`.
//!
//! UTF-8; bytes outside printable ASCII and `%` become `%XX` (`PROTOCOL-HTTP2.md`). So do spaces at the ends, which
//! HTTP/1.1 would strip and HTTP/2 forbids (RFC 9113 §8.2.1).

use http::HeaderValue;

/// Encodes a sentence as the value of `grpc-message`.
pub fn encode_message(text: &str) -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let last = text.len().saturating_sub(1);
    let mut encoded = Vec::with_capacity(text.len());
    for (index, byte) in text.bytes().enumerate() {
        let at_end = index == 0 || index == last;
        match byte {
            b'%' => encoded.extend_from_slice(b"%25"),
            b' ' if at_end => encoded.extend_from_slice(b"%20"),
            b' '..=b'~' => encoded.push(byte),
            _ => encoded.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
    HeaderValue::try_from(encoded).expect("percent-encoding leaves printable ASCII only")
}

/// Decodes `grpc-message`, leniently as the specification demands: an escape that is none stays as it is, what is not
/// UTF-8 becomes U+FFFD.
pub fn decode_message(value: &HeaderValue) -> String {
    let mut rest = value.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let [first, after @ ..] = rest {
        let (byte, after) = escaped(rest).unwrap_or((*first, after));
        decoded.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The byte that an escape at the front stands for, and what follows it.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, after @ ..] = text else {
        return None;
    };
    let byte = char::from(*high).to_digit(16)? << 4 | char::from(*low).to_digit(16)?;
    Some((u8::try_from(byte).ok()?, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_header_cannot_carry_is_escaped() {
        assert_eq!(encode_message("100 % müde\n"), "100 %25 m%C3%BCde%0A");
        assert_eq!(encode_message(" a b "), "%20a b%20");
        assert_eq!(encode_message(" "), "%20");
        assert_eq!(encode_message(""), "");
    }

    #[test]
    fn what_is_no_escape_stays_as_it_is() {
        let decode = |text| decode_message(&HeaderValue::from_static(text));
        assert_eq!(decode("100% %zz %4"), "100% %zz %4");
        assert_eq!(decode("%c3%BC"), "ü");
        assert_eq!(decode("%FF"), "\u{FFFD}");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in any::<String>()) {
            prop_assert_eq!(decode_message(&encode_message(&text)), text);
        }

        #[test]
        fn any_value_is_decoded_without_panic(bytes in prop::collection::vec(0x20_u8..=0x7e, 0..64)) {
            decode_message(&HeaderValue::from_bytes(&bytes).unwrap());
        }
    }
}
