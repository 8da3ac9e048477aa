//! Names of workloads: SPIFFE IDs, and patterns over them.
//!
//! An ID is `spiffe://trust-domain/path`, at most 2048 bytes. The trust domain is 1 to 255 of `a-z 0-9 . - _`;
//! segments of the path are of `a-z A-Z 0-9 . - _`, never empty, `.` or `..`. No port, query, fragment or
//! percent-encoding. IDs are compared byte by byte.
//!
//! In a pattern a segment `*` stands for exactly one segment, and a `*` at the very end for one or more:
//! `spiffe://shop/ns/*/sa/web` and `spiffe://shop/ns/web/*`. A `*` is a whole segment, never part of one, and
//! never the trust domain. Without `*` a pattern is the ID itself.
//!
//! Source: SPIFFE-ID standard §2.

mod error;

use std::{fmt, str::FromStr};

pub use error::SpiffeError;

/// The most bytes that an ID may have.
pub const MAX_ID: usize = 2048;
const MAX_TRUST_DOMAIN: usize = 255;
const SCHEME: &str = "spiffe://";

/// The name of a workload, or of a trust domain if its path is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpiffeId {
    text: Box<str>,
    path_at: usize,
}

impl SpiffeId {
    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The trust domain.
    pub fn trust_domain(&self) -> &str {
        &self.text[SCHEME.len()..self.path_at]
    }

    /// The path with its leading slash; empty if the ID names the trust domain itself.
    pub fn path(&self) -> &str {
        &self.text[self.path_at..]
    }

    /// Whether a workload may have this ID: its path is not empty.
    pub fn names_workload(&self) -> bool {
        self.path_at < self.text.len()
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeError;

    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        let path_at = split(text)?;
        for segment in segments(&text[path_at..]) {
            check_segment(segment)?;
        }
        Ok(Self {
            text: text.into(),
            path_at,
        })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Which workloads are meant: one ID, or all that fit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpiffePattern {
    text: Box<str>,
    path_at: usize,
}

impl SpiffePattern {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `id` is one of those meant.
    pub fn matches(&self, id: &SpiffeId) -> bool {
        self.text[..self.path_at] == id.text[..id.path_at] && fits(&self.text[self.path_at..], id.path())
    }
}

impl AsRef<str> for SpiffePattern {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl FromStr for SpiffePattern {
    type Err = SpiffeError;

    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        let path_at = split(text)?;
        for segment in segments(&text[path_at..]).filter(|segment| *segment != "*") {
            check_segment(segment)?;
        }
        Ok(Self {
            text: text.into(),
            path_at,
        })
    }
}

impl From<SpiffeId> for SpiffePattern {
    fn from(id: SpiffeId) -> Self {
        Self {
            text: id.text,
            path_at: id.path_at,
        }
    }
}

impl fmt::Display for SpiffePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Checks all but the path's segments; returns where the path begins.
fn split(text: &str) -> Result<usize, SpiffeError> {
    let rest = text.strip_prefix(SCHEME).ok_or(SpiffeError::Scheme)?;
    if text.len() > MAX_ID {
        return Err(SpiffeError::TooLong(text.len()));
    }
    let domain = rest.split('/').next().unwrap_or_default();
    check_trust_domain(domain)?;
    Ok(SCHEME.len() + domain.len())
}

fn check_trust_domain(domain: &str) -> Result<(), SpiffeError> {
    match domain
        .chars()
        .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '.' | '-' | '_'))
    {
        _ if domain.is_empty() => Err(SpiffeError::NoTrustDomain),
        _ if domain.len() > MAX_TRUST_DOMAIN => Err(SpiffeError::TrustDomainTooLong(domain.len())),
        Some('*') => Err(SpiffeError::TrustDomainWildcard),
        Some(other) => Err(SpiffeError::TrustDomainCharacter(other)),
        None => Ok(()),
    }
}

/// The segments of a path that is empty or begins with a slash.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1)
}

fn check_segment(segment: &str) -> Result<(), SpiffeError> {
    match segment
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')))
    {
        _ if segment.is_empty() => Err(SpiffeError::EmptySegment),
        _ if segment == "." || segment == ".." => Err(SpiffeError::DotSegment(segment.to_owned())),
        Some('*') => Err(SpiffeError::Wildcard(segment.to_owned())),
        Some(other) => Err(SpiffeError::PathCharacter(other)),
        None => Ok(()),
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (segments(pattern).peekable(), segments(path));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some("*"), Some(_)) if pattern.peek().is_none() => return true,
            (Some(wanted), Some(segment)) if wanted == "*" || wanted == segment => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> SpiffeId {
        text.parse().unwrap()
    }

    fn pattern(text: &str) -> SpiffePattern {
        text.parse().unwrap()
    }

    #[test]
    fn an_id_is_a_trust_domain_and_a_path() {
        let id = id("spiffe://shop.example/ns/web/sa/Front-End_1.2");

        assert_eq!(id.trust_domain(), "shop.example");
        assert_eq!(id.path(), "/ns/web/sa/Front-End_1.2");
        assert!(id.names_workload());
        assert!(!"spiffe://shop".parse::<SpiffeId>().unwrap().names_workload());
    }

    #[test]
    fn an_id_that_breaks_the_grammar_is_told_what_is_wrong() {
        let refused = [
            ("https://shop/a", SpiffeError::Scheme),
            ("SPIFFE://shop/a", SpiffeError::Scheme),
            ("spiffe://", SpiffeError::NoTrustDomain),
            ("spiffe:///a", SpiffeError::NoTrustDomain),
            ("spiffe://Shop/a", SpiffeError::TrustDomainCharacter('S')),
            ("spiffe://shop:8443/a", SpiffeError::TrustDomainCharacter(':')),
            ("spiffe://me@shop/a", SpiffeError::TrustDomainCharacter('@')),
            ("spiffe://shop/", SpiffeError::EmptySegment),
            ("spiffe://shop/a//b", SpiffeError::EmptySegment),
            ("spiffe://shop/a/", SpiffeError::EmptySegment),
            ("spiffe://shop/a/../b", SpiffeError::DotSegment("..".into())),
            ("spiffe://shop/a%20b", SpiffeError::PathCharacter('%')),
            ("spiffe://shop/a?b", SpiffeError::PathCharacter('?')),
            ("spiffe://shop/a#b", SpiffeError::PathCharacter('#')),
            ("spiffe://shop/ü", SpiffeError::PathCharacter('ü')),
            ("spiffe://shop/*", SpiffeError::Wildcard("*".into())),
        ];
        for (text, error) in refused {
            assert_eq!(text.parse::<SpiffeId>(), Err(error), "{text}");
        }
    }

    #[test]
    fn an_id_has_at_most_2048_bytes() {
        let longest = format!("spiffe://shop/{}", "a".repeat(MAX_ID - 14));

        assert!(longest.parse::<SpiffeId>().is_ok());
        assert_eq!(
            format!("{longest}a").parse::<SpiffeId>(),
            Err(SpiffeError::TooLong(2049))
        );
    }

    #[test]
    fn a_star_is_one_segment_and_at_the_end_one_or_more() {
        let sa = pattern("spiffe://shop/ns/*/sa/web");
        assert!(sa.matches(&id("spiffe://shop/ns/a/sa/web")));
        assert!(!sa.matches(&id("spiffe://shop/ns/a/b/sa/web")));
        assert!(!sa.matches(&id("spiffe://other/ns/a/sa/web")));

        let all = pattern("spiffe://shop/ns/web/*");
        assert!(all.matches(&id("spiffe://shop/ns/web/sa")));
        assert!(all.matches(&id("spiffe://shop/ns/web/sa/cart")));
        assert!(!all.matches(&id("spiffe://shop/ns/web")));
        assert!(!all.matches(&id("spiffe://shop/ns/webshop/sa")));
    }

    #[test]
    fn a_star_is_neither_part_of_a_segment_nor_a_trust_domain() {
        assert_eq!(
            "spiffe://shop/ns/web-*".parse::<SpiffePattern>(),
            Err(SpiffeError::Wildcard("web-*".into()))
        );
        assert_eq!(
            "spiffe://*/a".parse::<SpiffePattern>(),
            Err(SpiffeError::TrustDomainWildcard)
        );
    }

    proptest! {
        #[test]
        fn every_id_reads_back_and_matches_itself_only(
            a in "spiffe://[a-z0-9._-]{1,12}(/[a-zA-Z0-9_-]{1,8}){0,4}",
            b in "spiffe://[a-z0-9._-]{1,12}(/[a-zA-Z0-9_-]{1,8}){0,4}",
        ) {
            let (first, second) = (id(&a), id(&b));
            prop_assert_eq!(first.to_string(), a.clone());
            prop_assert!(pattern(&a).matches(&first));
            prop_assert_eq!(pattern(&a).matches(&second), a == b);
        }

        #[test]
        fn replacing_any_segment_by_a_star_still_matches(
            segments in proptest::collection::vec("[a-zA-Z0-9_-]{1,8}", 1..5),
            at in any::<proptest::sample::Index>(),
        ) {
            let whole = id(&format!("spiffe://shop/{}", segments.join("/")));
            let mut starred = segments.clone();
            starred[at.index(segments.len())] = "*".into();
            let pattern = pattern(&format!("spiffe://shop/{}", starred.join("/")));
            prop_assert!(pattern.matches(&whole));
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "\\PC{0,40}", tail in "[a-z*/.%]{0,20}") {
            let _ = text.parse::<SpiffeId>();
            let _ = format!("spiffe://{tail}").parse::<SpiffePattern>();
        }
    }
}
