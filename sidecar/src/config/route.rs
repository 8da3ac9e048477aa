//! Which requests go to an upstream: by host and by path.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use serde::Serialize;
use toml::de::DeValue;

use super::{
    HostName,
    section::Section,
    text::{list, serialize_as_text},
    value::{Read, text},
};

/// Which requests go to an upstream. Both lists must match; an empty one matches all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Route {
    /// Names the request may be for; none = every name.
    #[serde(serialize_with = "list")]
    pub hosts: Vec<HostPattern>,
    /// Prefixes its path may have; none = every path.
    #[serde(serialize_with = "list")]
    pub paths: Vec<PathPrefix>,
}

impl Route {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            hosts: section.list("hosts", HostPattern::read),
            paths: section.list("paths", PathPrefix::read),
        }
    }
}

/// A host to match: `orders` or `*.shop.svc`; kept in lower case, without port and trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// The host itself, a name or an address.
    Exact(String),
    /// Every name below this one at any depth, but not itself: the pattern without its `*`, so `.shop.svc`.
    Suffix(String),
}

impl HostPattern {
    /// Whether the host of a request is meant; its port, trailing dot and case do not count.
    pub fn matches(&self, host: &str) -> bool {
        self.matches_normalized(&normalize_host(host))
    }

    /// The same for a host that went through [`normalize_host`] before: once a request, not once a pattern.
    pub fn matches_normalized(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Suffix(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }
}

impl HostPattern {
    fn read(value: &DeValue<'_>) -> Read<Self> {
        let text = text(value)?;
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self::Exact(format!("[{address}]")));
        }
        let host = normalize_host(text);
        let suffix = host.strip_prefix('*');
        match suffix {
            Some("") => Err("leave out `hosts` to match every host".to_owned()),
            Some(suffix) if is_suffix(suffix) => Ok(Self::Suffix(suffix.to_owned())),
            None if is_host(&host) => Ok(Self::Exact(host)),
            _ => Err(format!("\"{text}\" is neither a host nor *.suffix")),
        }
    }
}

fn is_suffix(text: &str) -> bool {
    text.strip_prefix('.')
        .is_some_and(|name| HostName::new(name).is_some())
}

fn is_host(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => text.parse::<Ipv4Addr>().is_ok() || HostName::new(text).is_some(),
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Suffix(suffix) => write!(f, "*{suffix}"),
        }
    }
}

/// The host without port and trailing dot, in lower case; the brackets of an IPv6 address stay.
pub fn normalize_host(host: &str) -> String {
    let name = match host.rfind(']') {
        Some(end) => &host[..=end],
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// A path prefix to match, in whole segments: `/api` is `/api` and `/api/x`, never `/apix`.
///
/// Kept without a trailing slash; that of `/` is the empty text, which matches every path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// The prefix as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the path of a request lies below; paths are compared byte by byte, as they came.
    pub fn matches(&self, path: &str) -> bool {
        path.strip_prefix(self.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl PathPrefix {
    fn read(value: &DeValue<'_>) -> Read<Self> {
        let text = text(value)?;
        let fits = text.starts_with('/')
            && text
                .bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#'));
        if fits {
            Ok(Self(text.trim_end_matches('/').to_owned()))
        } else {
            Err(format!(
                "\"{text}\" is not a path prefix; it begins with `/` and has no query"
            ))
        }
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

serialize_as_text!(HostPattern, PathPrefix);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(text: &str) -> HostPattern {
        let value = DeValue::String(text.into());
        HostPattern::read(&value).unwrap()
    }

    fn path(text: &str) -> PathPrefix {
        let value = DeValue::String(text.into());
        PathPrefix::read(&value).unwrap()
    }

    #[test]
    fn port_case_and_trailing_dot_of_a_host_do_not_count() {
        for pattern in ["orders", "Orders.", "orders:8080", "ORDERS.:80"] {
            for request in ["orders", "orders.", "ORDERS:15006", "orders.:1"] {
                assert!(host(pattern).matches(request), "{pattern} {request}");
            }
        }
        assert!(!host("orders").matches("orders.shop"));
        assert!(!host("orders").matches(""));
    }

    #[test]
    fn addresses_are_hosts_too() {
        assert!(host("10.0.0.1").matches("10.0.0.1:80"));
        assert!(host("::1").matches("[::1]:80"));
        assert!(host("[::1]:8080").matches("[::1]"));
        assert!(!host("::1").matches("[::2]"));
    }

    #[test]
    fn a_suffix_is_every_name_below_and_not_the_name_itself() {
        let below = host("*.Shop.svc.");
        assert!(below.matches("orders.shop.svc"));
        assert!(below.matches("a.b.shop.svc.:80"));
        assert!(!below.matches("shop.svc"));
        assert!(!below.matches(".shop.svc"));
        assert!(!below.matches("workshop.svc"));
    }

    #[test]
    fn a_prefix_is_whole_segments() {
        for prefix in [path("/api"), path("/api/")] {
            assert!(prefix.matches("/api"));
            assert!(prefix.matches("/api/"));
            assert!(prefix.matches("/api/x"));
            assert!(!prefix.matches("/apix"));
            assert!(!prefix.matches("/"));
        }
        assert!(path("/").matches("/") && path("/").matches("/api"));
    }

    proptest! {
        #[test]
        fn no_host_of_a_request_panics(text in "[\\[\\]:.*a-z]{0,12}|.{0,12}") {
            let normal = normalize_host(&text);
            prop_assert!(!host("orders").matches(&text) || normal == "orders");
        }

        #[test]
        fn a_host_matches_itself(text in "[a-z][a-z0-9-]{0,8}[a-z](\\.[a-z]{1,8}){0,3}") {
            prop_assert!(host(&text).matches(&text));
            let below = format!("x.{text}");
            let pattern = format!("*.{text}");
            prop_assert!(host(&pattern).matches(&below));
        }
    }
}
