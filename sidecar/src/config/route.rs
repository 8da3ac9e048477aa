//! Which requests go to an upstream: by host and by path.

use std::fmt;

use serde::Serialize;

use super::text::{list, serialize_as_text};

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
        path.strip_prefix(self.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

serialize_as_text!(HostPattern, PathPrefix);
