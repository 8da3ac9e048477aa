//! The PROXY protocol's header.

use std::net::IpAddr;

use outrigger_sidecar::proxy_protocol::{Header, LONGEST, Source, read};

/// A header is found, waited for or refused, whichever way its bytes are cut; what follows it does not matter.
pub(crate) fn proxy_protocol(bytes: &[u8]) {
    // A byte more is never waited for than there may be.
    let (mut found, mut refused) = (None, false);
    for end in 0..=bytes.len().min(LONGEST + 1) {
        match read(&bytes[..end]) {
            Err(_) => refused = true,
            Ok(None) => {
                assert!(end < LONGEST, "{end} bytes, and still not whole");
                assert!(
                    found.is_none() && !refused,
                    "what was clear is unclear after {end} bytes"
                );
            }
            Ok(Some(header)) => {
                assert!(!refused, "what was refused is taken after {end} bytes");
                assert!(found.is_none_or(|before| before == header));
                assert!(header.length <= end, "it ends behind what was read");
                found = Some(header);
            }
        }
    }
    assert_eq!(read(bytes).ok().flatten(), found);
    if let Some(header) = found {
        check(header, &bytes[..header.length]);
    }
}

/// What was read stands there.
fn check(header: Header, bytes: &[u8]) {
    let Source::Client(address) = header.source else {
        return;
    };
    if bytes.starts_with(b"PROXY ") {
        let text = std::str::from_utf8(bytes).expect("a line of text");
        let words: Vec<_> = text.trim_end().split(' ').collect();
        assert_eq!(words.len(), 6);
        assert_eq!(words[2].parse::<IpAddr>().ok(), Some(address.ip()));
        assert_eq!(words[4], address.port().to_string());
        assert_eq!(words[1] == "TCP4", address.is_ipv4());
        assert!(text.ends_with("\r\n") && text.len() <= 107);
    } else {
        assert_eq!(bytes[12], 0x21);
        assert_eq!(bytes[13] >> 4 == 1, address.is_ipv4());
        let octets = match address.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        assert_eq!(bytes[16..16 + octets.len()], octets);
    }
}
