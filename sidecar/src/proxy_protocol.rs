//! The PROXY protocol's header: who connected to the balancer in front of us. Versions 1 and 2, read strictly.
//!
//! Decides on bytes alone and keeps none; what may follow the header is never looked at, so that it stays for TLS.
//! Version 2: every TLV must fit, a CRC32C must hold (it is optional), all others are skipped. At most [`LONGEST`]
//! bytes: room for every TLV that balancers send, certificate names included, not for the 64 KiB there could be.
//!
//! Not decided: whether a sender may be believed. Everyone who can connect can send such a header.
//!
//! Source: "The PROXY protocol", HAProxy, versions 1 & 2 (2020/03/05).

mod crc32c;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// The most bytes of a header, of either version.
pub const LONGEST: usize = 4096;

/// The most bytes of version 1, its line end included (§2.1).
const LONGEST_LINE: usize = 107;
const V1: &[u8] = b"PROXY ";
const V2: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
const V2_FIXED: usize = 16;
const CRC32C: u8 = 0x03;

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How many bytes it has; what follows is the connection's own.
    pub length: usize,
    /// Whom the connection is made for.
    pub source: Source,
}

/// Whom a connection is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A client at this address.
    Client(SocketAddr),
    /// A client that has no address we know: a UNIX socket, or one that the sender does not tell.
    Unknown,
    /// Nobody but its sender, a health check for instance: `LOCAL`, and version 1's `UNKNOWN`.
    Sender,
}

/// The bytes are no PROXY header, and nothing that may follow would make them one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

/// Reads the header that `bytes` begin with; `None` as long as it is not whole, in which case it has all of them.
///
/// # Errors
///
/// [`Malformed`], as soon as it is certain.
pub fn read(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    if V1.starts_with(bytes) || V2.starts_with(bytes) {
        return Ok(None);
    }
    if bytes.starts_with(V1) {
        read_line(bytes)
    } else if bytes.starts_with(V2) {
        read_binary(bytes)
    } else {
        Err(Malformed("it does not begin with a PROXY header"))
    }
}

/// Version 1: one line of text.
fn read_line(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return match bytes.len() {
            ..LONGEST_LINE => Ok(None),
            _ => Err(Malformed("the line of its PROXY header does not end")),
        };
    };
    let length = end + 2;
    if length > LONGEST_LINE {
        return Err(Malformed("the line of its PROXY header is too long"));
    }
    let text = str::from_utf8(&bytes[V1.len()..end]).unwrap_or_default();
    let source = source_of_line(text).ok_or(Malformed("the line of its PROXY header is not understood"))?;
    Ok(Some(Header { length, source }))
}

fn source_of_line(text: &str) -> Option<Source> {
    let (protocol, rest) = text.split_once(' ').unwrap_or((text, ""));
    // §2.1: whatever stands behind UNKNOWN is ignored.
    if protocol == "UNKNOWN" {
        return Some(Source::Sender);
    }
    let words: Vec<&str> = rest.split(' ').collect();
    let [source, destination, source_port, destination_port] = words.as_slice() else {
        return None;
    };
    let address = |text: &str| -> Option<IpAddr> {
        match protocol {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::from),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::from),
            _ => None,
        }
    };
    address(destination)?;
    port(destination_port)?;
    Some(Source::Client(SocketAddr::new(
        address(source)?,
        port(source_port)?,
    )))
}

/// Decimal digits, no zeros in front.
fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let shortest = text == "0" || !text.starts_with('0');
    (digits && shortest).then(|| text.parse().ok()).flatten()
}

/// Version 2: sixteen bytes, then as many as they say.
fn read_binary(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let Some(&[command, family, high, low]) = bytes.get(V2.len()..V2_FIXED) else {
        return match bytes.get(V2.len()) {
            Some(command) if !matches!(command, 0x20 | 0x21) => Err(UNKNOWN_COMMAND),
            _ => Ok(None),
        };
    };
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(UNKNOWN_COMMAND),
    };
    let length = V2_FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST {
        return Err(Malformed("its PROXY header is longer than 4096 bytes"));
    }
    let Some(header) = bytes.get(..length) else {
        return Ok(None);
    };
    // §2.2: of LOCAL all the rest is ignored, the family included.
    let source = match is_local {
        true => Source::Sender,
        false => source_of_binary(family, header)?,
    };
    Ok(Some(Header { length, source }))
}

const UNKNOWN_COMMAND: Malformed = Malformed("the version or the command of its PROXY header is unknown");

fn source_of_binary(family: u8, header: &[u8]) -> Result<Source, Malformed> {
    let rest = &header[V2_FIXED..];
    let (source, addresses) = match (family >> 4, family & 0xf) {
        (0, 0) => (Some(Source::Unknown), 0),
        // Over UDP as well: the address is one all the same.
        (1, 1 | 2) => (client::<4>(rest), 12),
        (2, 1 | 2) => (client::<16>(rest), 36),
        (3, 1 | 2) => (Some(Source::Unknown), 216),
        _ => return Err(Malformed("the address family of its PROXY header is unknown")),
    };
    let values = rest.get(addresses..);
    let (Some(source), Some(values)) = (source, values) else {
        return Err(Malformed("its PROXY header is too short for its addresses"));
    };
    check_values(values, header)?;
    Ok(source)
}

/// The source of both addresses, and of both ports behind them.
fn client<const OCTETS: usize>(rest: &[u8]) -> Option<Source>
where
    IpAddr: From<[u8; OCTETS]>,
{
    let address: [u8; OCTETS] = *rest.first_chunk()?;
    let port = rest.get(2 * OCTETS..)?.first_chunk()?;
    Some(Source::Client(SocketAddr::new(
        address.into(),
        u16::from_be_bytes(*port),
    )))
}

/// Type, length, value; only the checksum is looked at.
fn check_values(mut values: &[u8], header: &[u8]) -> Result<(), Malformed> {
    while let [kind, high, low, rest @ ..] = values {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((value, others)) = rest.split_at_checked(length) else {
            return Err(Malformed("a value of its PROXY header does not fit"));
        };
        if *kind == CRC32C {
            let at = header.len() - rest.len();
            check_sum(value, at, header)?;
        }
        values = others;
    }
    match values {
        [] => Ok(()),
        _ => Err(Malformed("a value of its PROXY header does not fit")),
    }
}

/// Over the whole header, with zeros for the sum itself (§2.2.4).
fn check_sum(value: &[u8], at: usize, header: &[u8]) -> Result<(), Malformed> {
    let holds = <[u8; 4]>::try_from(value).is_ok_and(|sum| {
        let parts = [&header[..at], &[0; 4], &header[at + 4..]];
        crc32c::of(parts) == u32::from_be_bytes(sum)
    });
    match holds {
        true => Ok(()),
        false => Err(Malformed("the checksum of its PROXY header is wrong")),
    }
}
