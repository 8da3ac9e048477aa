use proptest::prelude::*;

use super::{crc32c, *};

fn client(text: &str) -> Source {
    Source::Client(text.parse().expect("an address"))
}

fn line(text: &str) -> Result<Option<Header>, Malformed> {
    read(format!("PROXY {text}\r\n").as_bytes())
}

/// A header of version 2.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [&V2[..], &[command, family], &length, rest].concat()
}

const IPV4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x67, 0x01, 0xbb];

fn source(bytes: &[u8]) -> Result<Source, Malformed> {
    let header = read(bytes)?.expect("it is whole");
    assert_eq!(header.length, bytes.len());
    Ok(header.source)
}

#[test]
fn a_line_names_the_client() {
    let source = |text| line(text).unwrap().unwrap().source;
    assert_eq!(
        source("TCP4 192.0.2.7 10.0.0.1 4711 443"),
        client("192.0.2.7:4711")
    );
    assert_eq!(
        source("TCP6 2001:db8::7 ::1 65535 0"),
        client("[2001:db8::7]:65535")
    );
    assert_eq!(source("UNKNOWN"), Source::Sender);
    assert_eq!(source("UNKNOWN whatever \0 there is"), Source::Sender);
}

#[test]
fn the_longest_line_fits() {
    let address = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let text = format!("UNKNOWN {address} {address} 65535 65535");
    assert_eq!(text.len() + V1.len() + 2, LONGEST_LINE);
    assert!(line(&text).unwrap().is_some());
    assert!(line(&format!("{text}!")).is_err());
}

#[test]
fn a_line_is_read_strictly() {
    for bad in [
        "",
        "TCP4",
        "tcp4 192.0.2.7 10.0.0.1 1 2",
        "TCP5 192.0.2.7 10.0.0.1 1 2",
        "TCP4 192.0.2.7 10.0.0.1 1",
        "TCP4 192.0.2.7 10.0.0.1 1 2 3",
        "TCP4  192.0.2.7 10.0.0.1 1 2",
        "TCP4 192.0.2.7 10.0.0.1 1 2 ",
        "TCP4 192.0.2.07 10.0.0.1 1 2",
        "TCP4 ::1 ::1 1 2",
        "TCP4 192.0.2.7 ::1 1 2",
        "TCP6 192.0.2.7 10.0.0.1 1 2",
        "TCP6 fe80::1%eth0 ::1 1 2",
        "TCP4 192.0.2.7 10.0.0.1 65536 2",
        "TCP4 192.0.2.7 10.0.0.1 1 -2",
        "TCP4 192.0.2.7 10.0.0.1 +1 2",
        "TCP4 192.0.2.7 10.0.0.1 01 2",
        "TCP4 192.0.2.7 10.0.0.1 1 \n2",
        "UNKNOWNX",
    ] {
        assert!(line(bad).is_err(), "{bad}");
    }
    assert!(read(b"proxy TCP4 192.0.2.7 10.0.0.1 1 2\r\n").is_err());
    assert!(read(b"GET / HTTP/1.1\r\n").is_err());
    assert_eq!(read(b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n"), Ok(None));
}

#[test]
fn version_2_names_the_client() {
    assert_eq!(source(&binary(0x21, 0x11, &IPV4)), Ok(client("192.0.2.7:4711")));
    let mut ipv6 = [0; 36];
    ipv6[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
    ipv6[32..34].copy_from_slice(&[0x12, 0x67]);
    assert_eq!(
        source(&binary(0x21, 0x21, &ipv6)),
        Ok(client("[2001:db8::7]:4711"))
    );
    assert_eq!(source(&binary(0x21, 0x00, b"")), Ok(Source::Unknown));
    assert_eq!(source(&binary(0x21, 0x31, &[0; 216])), Ok(Source::Unknown));
}

#[test]
fn of_local_nothing_else_counts() {
    for rest in [&b""[..], b"x", &IPV4] {
        assert_eq!(source(&binary(0x20, 0xff, rest)), Ok(Source::Sender));
    }
}

#[test]
fn version_2_is_read_strictly() {
    let values = |values: &[u8]| binary(0x21, 0x11, &[&IPV4, values].concat());
    for bad in [
        binary(0x11, 0x11, &IPV4),
        binary(0x22, 0x11, &IPV4),
        binary(0x21, 0x13, &IPV4),
        binary(0x21, 0x41, &IPV4),
        binary(0x21, 0x01, &IPV4),
        binary(0x21, 0x11, &IPV4[..11]),
        binary(0x21, 0x21, &[0; 35]),
        binary(0x21, 0x31, &[0; 215]),
        values(&[4]),
        values(&[4, 0]),
        values(&[4, 0, 1]),
        values(&[4, 0, 1, 9, 9]),
        values(&[CRC32C, 0, 4, 1, 2, 3, 4]),
        values(&[CRC32C, 0, 0]),
    ] {
        assert!(read(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn values_are_skipped_and_a_sum_that_holds_is_believed() {
    let values = [0x04, 0, 2, 0, 0, 0xea, 0, 1, b'x', CRC32C, 0, 4];
    let before = binary(0x21, 0x11, &[&IPV4[..], &values, &[0; 4]].concat());
    let sum = crc32c::of([&before[..]]).to_be_bytes();
    let mut whole = before.clone();
    whole[before.len() - 4..].copy_from_slice(&sum);
    assert_eq!(source(&whole), Ok(client("192.0.2.7:4711")));
    whole[20] ^= 1;
    assert!(read(&whole).is_err());
}

#[test]
fn a_header_has_a_longest() {
    let of = |length: usize| {
        let mut values = vec![0x04, 0, 0];
        values.resize(length - V2_FIXED - IPV4.len(), 0);
        let inner = u16::try_from(values.len() - 3).unwrap().to_be_bytes();
        values[1..3].copy_from_slice(&inner);
        binary(0x21, 0x11, &[&IPV4[..], &values].concat())
    };
    assert!(source(&of(LONGEST)).is_ok());
    // Told by its length alone: nothing of it is waited for.
    assert!(read(&of(LONGEST + 1)[..V2_FIXED]).is_err());
}

fn any_header() -> impl Strategy<Value = Vec<u8>> {
    let v4 = any::<[u8; 12]>().prop_map(|rest| binary(0x21, 0x11, &rest));
    let v6 = any::<[u8; 32]>().prop_map(|rest| binary(0x20, 0x21, &rest));
    let text = any::<(Ipv6Addr, Ipv6Addr, u16, u16)>().prop_map(|(from, to, port, other)| {
        format!("PROXY TCP6 {from} {to} {port} {other}\r\n").into_bytes()
    });
    prop_oneof![v4, v6, text]
}

proptest! {
    #[test]
    fn every_beginning_is_not_whole_and_what_follows_does_not_count(header in any_header(), more: Vec<u8>) {
        for end in 0..header.len() {
            prop_assert_eq!(read(&header[..end]), Ok(None));
        }
        let whole = read(&header).unwrap();
        prop_assert_eq!(whole.map(|read| read.length), Some(header.len()));
        prop_assert_eq!(read(&[header, more].concat()).unwrap(), whole);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        let _ = read(&bytes);
        let _ = read(&[&V2[..], &bytes].concat());
        let _ = read(&[V1, &bytes].concat());
    }
}
