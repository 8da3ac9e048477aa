//! Names: of this deployment, of upstreams, of hosts.

use std::{fmt, fs};

use outrigger_identity::ServerName;

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

    /// The name of this host, as near as it is a name; `outrigger` where the system tells none.
    pub(super) fn of_host() -> Self {
        const FILES: [&str; 2] = ["/proc/sys/kernel/hostname", "/etc/hostname"];
        let mut texts = FILES.iter().filter_map(|file| fs::read_to_string(file).ok());
        let name = texts.find_map(|text| Self::nearest(text.trim()));
        name.unwrap_or_else(|| Self("outrigger".to_owned()))
    }

    /// The nearest name to any text: what is not allowed becomes `-`. Empty text has none.
    fn nearest(text: &str) -> Option<Self> {
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

/// A DNS name as certificates carry it, in lower case and without the trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(String);

impl HostName {
    /// The name, if it is one: labels of 1 to 63 of `a-z 0-9 _ -`, no `-` at either end, 253 bytes in all, and the
    /// last label no number, which would be an address (RFC 1123 §2.1; `_` is allowed, services have it).
    pub fn new(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let fits =
            !name.ends_with('.') && matches!(ServerName::try_from(name.as_str()), Ok(ServerName::DnsName(_)));
        fits.then_some(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a certificate is checked for it.
    pub fn to_server_name(&self) -> ServerName<'static> {
        ServerName::try_from(self.0.clone()).expect("a host name was read as a DNS name")
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

serialize_as_text!(Name, HostName);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_host_name_is_in_lower_case_and_without_its_dot() {
        assert_eq!(
            HostName::new("Orders.Shop.SVC.").unwrap().as_str(),
            "orders.shop.svc"
        );
        for wrong in [
            "",
            ".",
            "a..",
            "a b",
            "-a",
            "a-",
            "10.0.0.1",
            "a.1",
            "::1",
            "é",
            &"a".repeat(64),
        ] {
            assert_eq!(HostName::new(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_nearest_name_replaces_what_is_not_allowed() {
        assert_eq!(Name::nearest("my host").unwrap().as_str(), "my-host");
        assert_eq!(
            Name::nearest(&"a".repeat(100)).unwrap().as_str().len(),
            Name::LONGEST
        );
        assert_eq!(Name::nearest(""), None);
    }

    proptest! {
        #[test]
        fn every_host_name_is_a_server_name(text in "[a-zA-Z0-9_.-]{0,20}|.{0,20}") {
            if let Some(name) = HostName::new(&text) {
                let server_name = name.to_server_name();
                prop_assert_eq!(server_name.to_str(), name.as_str());
            }
        }

        #[test]
        fn any_text_has_a_nearest_name_unless_it_is_empty(text in ".{0,80}") {
            prop_assert_eq!(Name::nearest(&text).is_none(), text.is_empty());
        }
    }
}
