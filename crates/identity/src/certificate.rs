//! What a certificate says of itself, read once.
//!
//! Reading decides nothing: whether a certificate is to be trusted is for [`client`](crate::client) and
//! [`server`](crate::server). Times are seconds since 1970 (UTC); `not_after` is the last second of validity.
//!
//! Source: RFC 5280 §4.1, §4.2.

use std::net::IpAddr;

use rustls_pki_types::CertificateDer;
use x509_parser::{
    certificate::X509Certificate, error::X509Error, extensions::GeneralName, parse_x509_certificate,
};

use crate::{SpiffeId, name, words};

/// What a certificate is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The leaf that we present.
    Own,
    /// An authority between our leaf and the root, presented with it.
    Intermediate,
    /// An authority of the trust bundle.
    Anchor,
    /// The leaf that a peer presented.
    Peer,
}

impl Role {
    /// The value of the metric label `role`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Intermediate => "intermediate",
            Self::Anchor => "anchor",
            Self::Peer => "peer",
        }
    }
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// What it is to us.
    pub role: Role,
    /// Whose it is: `CN=orders,O=Shop` (RFC 4514); may be empty.
    pub subject: String,
    /// The common name within its subject, escaped in the same way.
    pub common_name: Option<String>,
    /// Who issued it, in the same form as the subject.
    pub issuer: String,
    /// Its serial number, in lower-case hexadecimal.
    pub serial: String,
    /// Its SPIFFE ID, if it has exactly one URI name and that is one.
    pub spiffe: Option<SpiffeId>,
    /// All its URI names.
    pub uris: Vec<String>,
    /// Its DNS names.
    pub dns: Vec<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its first second of validity, since 1970.
    pub not_before: i64,
    /// Its last second of validity, since 1970.
    pub not_after: i64,
    /// Whether it is an authority's: basic constraints with `cA`.
    pub is_ca: bool,
    /// The hash of the whole certificate, in lower-case hexadecimal.
    pub sha256: String,
}

/// The bytes are no X.509 certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate: {0}")]
pub struct Malformed(String);

impl Certificate {
    /// Reads a certificate.
    pub fn read(role: Role, der: &CertificateDer<'_>) -> Result<Self, Malformed> {
        let parsed = parse(der)?;
        let names = Names::of(&parsed)?;
        Ok(Self {
            role,
            subject: name::text_of(parsed.subject()),
            common_name: name::common_name_of(parsed.subject()),
            issuer: name::text_of(parsed.issuer()),
            serial: hex(parsed.raw_serial()),
            spiffe: names.spiffe(),
            uris: names.uris,
            dns: names.dns,
            addresses: names.addresses,
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            is_ca: parsed.is_ca(),
            sha256: sha256(der),
        })
    }

    /// Whether it names itself as its issuer.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// What to call it in a sentence: `CN=orders`, else its subject, else the first name it has, else its serial
    /// number.
    pub fn label(&self) -> String {
        match &self.common_name {
            Some(name) => format!("CN={name}"),
            None => self.full_label(),
        }
    }

    /// What tells it from others: its whole subject, else the first name it has, else its serial number.
    pub fn full_label(&self) -> String {
        if !self.subject.is_empty() {
            return self.subject.clone();
        }
        let name = self.uris.first().or(self.dns.first()).cloned();
        name.unwrap_or_else(|| format!("serial {}", self.serial))
    }

    /// Whose it is, until when, and who issued it: for a sentence about our own.
    pub(crate) fn summary(&self) -> String {
        format!(
            "{}, notAfter {}, issued by {}",
            self.label(),
            words::date(self.not_after),
            self.issuer
        )
    }

    /// Every name that a client may have asked for: DNS names, then addresses.
    pub fn names(&self) -> Vec<String> {
        let addresses = self.addresses.iter().map(IpAddr::to_string);
        self.dns.iter().cloned().chain(addresses).collect()
    }
}

/// What a handshake needs to know of every certificate that it takes.
pub(crate) struct Essentials {
    pub(crate) spiffe: Option<SpiffeId>,
    pub(crate) not_after: i64,
}

impl Essentials {
    pub(crate) fn read(der: &CertificateDer<'_>) -> Result<Self, Malformed> {
        let parsed = parse(der)?;
        let spiffe = Names::of(&parsed)?.spiffe();
        Ok(Self {
            spiffe,
            not_after: parsed.validity().not_after.timestamp(),
        })
    }
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Malformed> {
    match parse_x509_certificate(der) {
        Ok(([], parsed)) => Ok(parsed),
        Ok((rest, _)) => Err(Malformed(format!("{} bytes after its end", rest.len()))),
        Err(error) => Err(Malformed(error.to_string())),
    }
}

/// The subject alternative names, those kinds that we use.
#[derive(Default)]
struct Names {
    dns: Vec<String>,
    uris: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Names {
    fn of(parsed: &X509Certificate<'_>) -> Result<Self, Malformed> {
        let mut names = Self::default();
        let extension = parsed
            .subject_alternative_name()
            .map_err(|error: X509Error| Malformed(error.to_string()))?;
        for name in extension
            .iter()
            .flat_map(|extension| &extension.value.general_names)
        {
            match name {
                GeneralName::DNSName(dns) => names.dns.push(ascii(dns)),
                GeneralName::URI(uri) => names.uris.push(ascii(uri)),
                GeneralName::IPAddress(octets) => names.addresses.extend(address(octets)),
                _ => {}
            }
        }
        Ok(names)
    }

    /// Exactly one URI name (X509-SVID §2): with two it is not said which one the authority vouched for as the ID.
    fn spiffe(&self) -> Option<SpiffeId> {
        match self.uris.as_slice() {
            [uri] => uri.parse().ok(),
            _ => None,
        }
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

/// Names are IA5 strings; whatever else a certificate holds must not reach a header field or a log line as it is.
fn ascii(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_graphic() { c } else { '?' })
        .collect()
}

fn sha256(der: &[u8]) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    nibbles
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A leaf valid for the first hour of 1970.
    pub(crate) fn blank() -> Certificate {
        Certificate {
            role: Role::Own,
            subject: String::new(),
            common_name: None,
            issuer: "CN=shop".into(),
            serial: "2a".into(),
            spiffe: None,
            uris: Vec::new(),
            dns: Vec::new(),
            addresses: Vec::new(),
            not_before: 0,
            not_after: 3600,
            is_ca: false,
            sha256: String::new(),
        }
    }

    #[test]
    fn a_certificate_is_called_by_the_best_name_it_has() {
        let nameless = blank();
        let by_dns = Certificate {
            dns: vec!["a.example".into()],
            ..nameless.clone()
        };
        let by_uri = Certificate {
            uris: vec!["spiffe://a/b".into()],
            ..by_dns.clone()
        };
        let by_subject = Certificate {
            subject: "O=Shop".into(),
            ..by_uri.clone()
        };
        let by_name = Certificate {
            common_name: Some("orders".into()),
            ..by_subject.clone()
        };

        let called = [nameless, by_dns, by_uri, by_subject, by_name].map(|certificate| certificate.label());
        assert_eq!(
            called,
            ["serial 2a", "a.example", "spiffe://a/b", "O=Shop", "CN=orders"]
        );
    }

    #[test]
    fn a_name_with_control_characters_does_not_reach_a_log_as_it_is() {
        assert_eq!(ascii("a.example\r\nforged: line"), "a.example??forged:?line");
    }
}
