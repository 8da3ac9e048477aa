//! `Via`: who passed a message on, and by which protocol it came to them (RFC 9110 §7.6.3).

use std::fmt;

use http::{HeaderMap, HeaderValue, Version, header::VIA};
use outrigger_gateway::{Failure, Reason};

/// What this direction of this instance calls itself in `Via`, such as `cart.shop-in-7f3a`.
///
/// Another instance, and the other direction of this one, must have another name: the same name again is a loop.
#[derive(Clone, Debug)]
pub struct Name {
    name: String,
    one_zero: HeaderValue,
    one_one: HeaderValue,
    two: HeaderValue,
    three: HeaderValue,
}

/// The name is no pseudonym that `Via` could carry: a token (RFC 9110 §5.6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName(String);

impl Name {
    /// Letters, digits and ``!#$%&'*+-.^_`|~``, at least one.
    ///
    /// # Errors
    /// Anything else cannot stand in `Via`.
    pub fn try_new(name: impl Into<String>) -> Result<Self, InvalidName> {
        let name = name.into();
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(InvalidName(name));
        }
        let by =
            |protocol| HeaderValue::try_from(format!("{protocol} {name}")).expect("a token is visible ASCII");
        Ok(Self {
            one_zero: by("1.0"),
            one_one: by("1.1"),
            two: by("2"),
            three: by("3"),
            name,
        })
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Fails if a request has been here before.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let again = headers
            .get_all(VIA)
            .iter()
            .any(|value| names(value).any(|name| name == self.name.as_bytes()));
        if !again {
            return Ok(());
        }
        Err(Failure::new(Reason::Loop).with_detail(format_args!("the request has passed {self} before")))
    }

    /// Adds us to those who passed the request on.
    pub(super) fn append(&self, headers: &mut HeaderMap, version: Version) {
        let entry = match version {
            Version::HTTP_09 | Version::HTTP_10 => &self.one_zero,
            Version::HTTP_11 => &self.one_one,
            Version::HTTP_2 => &self.two,
            _ => &self.three,
        };
        headers.append(VIA, entry.clone());
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} cannot name a hop in Via: letters, digits and !#$%&'*+-.^_`|~ only",
            self.0
        )
    }
}

impl std::error::Error for InvalidName {}

/// The received-by part of each entry.
fn names(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let entries = value.as_bytes().split(|byte| *byte == b',');
    entries.filter_map(|entry| {
        entry
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|word| !word.is_empty())
            .nth(1)
    })
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
