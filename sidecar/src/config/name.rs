//! Names: of this deployment, of upstreams, of hosts.

use std::{fmt, net::IpAddr};

use super::text::serialize_as_text;

/// A name of ours: 1 to 64 of `A-Z a-z 0-9 . _ -`.
///
/// It appears as a metric label, as a token in `Via` and `Proxy-Status` and in URLs, so what would need quoting
/// somewhere is refused at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// The longest name, in bytes.
    pub const LONGEST: usize = 64;

    /// The name, if it is one.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(Self::allows);
        fits.then(|| Self(text.to_owned()))
    }

    /// The nearest name to any text: what is not allowed becomes `-`. Empty text has none.
    pub(super) fn nearest(text: &str) -> Option<Self> {
        let replace = |byte| if Self::allows(byte) { char::from(byte) } else { '-' };
        Self::new(&text.bytes().take(Self::LONGEST).map(replace).collect::<String>())
    }

    const fn allows(byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A DNS name, in lower case and without the trailing dot (RFC 1123 §2.1; `_` is allowed, services have it).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(String);

impl HostName {
    /// The name, if it is one: labels of 1 to 63 of `a-z 0-9 _ -`, no `-` at either end, 253 bytes in all.
    /// What looks like an IPv4 address is none.
    pub fn new(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let last_is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        let fits = name.len() <= 253 && name.split('.').all(is_label) && !last_is_number;
        fits.then_some(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// The name a server's certificate must carry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerName {
    /// A DNS name; also sent as SNI.
    Dns(HostName),
    /// An address among the certificate's names; never sent as SNI (RFC 6066 §3).
    Ip(IpAddr),
}

impl ServerName {
    /// A DNS name or an IP address.
    pub fn new(text: &str) -> Option<Self> {
        text.parse().map(Self::Ip).ok().or_else(|| HostName::new(text).map(Self::Dns))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

serialize_as_text!(Name, HostName, ServerName);
