//! CRC32C (RFC 9260 appendix A), bit by bit: headers are short, and few of them carry one.

/// Castagnoli's polynomial, reflected.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The sum of these bytes, one part behind the other.
pub(super) fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let bytes = parts.into_iter().flatten();
    !bytes.fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { POLYNOMIAL } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn known_sums_come_out() {
        assert_eq!(of([&b"123456789"[..]]), 0xe306_9283);
        assert_eq!(of([&b"1234"[..], b"56789"]), 0xe306_9283);
        // RFC 3720 B.4: 32 bytes of zeros, of ones, ascending.
        assert_eq!(of([&[0; 32][..]]), 0x8a91_36aa);
        assert_eq!(of([&[0xff; 32][..]]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(of([&ascending[..]]), 0x46dd_794e);
    }
}
