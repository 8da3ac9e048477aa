//! Who is at the other end of a connection, from its verified certificate; read once per connection.

use std::sync::Arc;

use rustls::CommonState;
use rustls_pki_types::CertificateDer;

use crate::{Certificate, Malformed, Role, SpiffeId};

/// The verified peer of a connection. Cheap to clone: it goes along with every request as an extension.
#[derive(Clone, Debug)]
pub struct Peer(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    certificate: Certificate,
    leaf: CertificateDer<'static>,
}

impl Peer {
    /// The peer of a connection whose handshake is done; `None` if it presented no certificate.
    ///
    /// Of a stream: `Peer::of(stream.get_ref().1)`.
    pub fn of(connection: &CommonState) -> Option<Self> {
        let leaf = connection.peer_certificates()?.first()?;
        // It was read when it was verified; a resumed session holds the same bytes.
        Self::from_leaf(leaf.clone().into_owned()).ok()
    }

    /// Reads a leaf that was verified elsewhere.
    pub fn from_leaf(leaf: CertificateDer<'static>) -> Result<Self, Malformed> {
        let certificate = Certificate::read(Role::Peer, &leaf)?;
        Ok(Self(Arc::new(Parts { certificate, leaf })))
    }

    /// Its SPIFFE ID, if its certificate has exactly one URI name and that names a workload.
    pub fn spiffe(&self) -> Option<&SpiffeId> {
        self.0
            .certificate
            .spiffe
            .as_ref()
            .filter(|id| id.names_workload())
    }

    /// Its DNS names.
    pub fn dns(&self) -> &[String] {
        &self.0.certificate.dns
    }

    /// Its subject: `CN=orders,O=Shop`; may be empty.
    pub fn subject(&self) -> &str {
        &self.0.certificate.subject
    }

    /// The last second of its certificate's validity, since 1970.
    pub fn not_after(&self) -> i64 {
        self.0.certificate.not_after
    }

    /// The hash of its certificate, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.0.certificate.sha256
    }

    /// All that its certificate says.
    pub fn certificate(&self) -> &Certificate {
        &self.0.certificate
    }

    /// Its certificate as it was sent.
    pub fn leaf(&self) -> &CertificateDer<'static> {
        &self.0.leaf
    }

    /// What to call it in a sentence: its SPIFFE ID, else its subject, else another name.
    pub fn label(&self) -> String {
        match self.spiffe() {
            Some(id) => id.to_string(),
            None => self.0.certificate.label(),
        }
    }

    /// Its element of `X-Forwarded-Client-Cert`, as Envoy writes it: `Hash`, `Subject`, `URI`, `DNS`.
    pub fn xfcc(&self) -> String {
        let Certificate {
            sha256,
            subject,
            uris,
            dns,
            ..
        } = self.certificate();
        let mut element = format!("Hash={sha256};Subject={}", quoted(subject));
        let uris = uris.iter().map(|uri| ("URI", uri));
        for (key, value) in uris.chain(dns.iter().map(|name| ("DNS", name))) {
            element.push_str(&format!(";{key}={}", quoted_if_needed(value)));
        }
        element
    }
}

/// Values with a delimiter in them are quoted; the others are not.
fn quoted_if_needed(value: &str) -> String {
    match value.contains([',', ';', '=', '"', '\\']) {
        true => quoted(value),
        false => value.to_owned(),
    }
}

/// Within quotes a quote is escaped, and so is the backslash that escapes: a name cannot end its value early.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_cannot_end_its_quotes_early() {
        assert_eq!(quoted(r#"CN=a\";Hash=0"#), r#""CN=a\\\";Hash=0""#);
        assert_eq!(quoted_if_needed("a.example"), "a.example");
        assert_eq!(quoted_if_needed("a;URI=b"), "\"a;URI=b\"");
    }

    proptest! {
        #[test]
        fn a_quoted_value_reads_back(value in "[ -~]{0,40}") {
            let inner = quoted(&value);
            let inner = inner.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("it is quoted");
            let mut read = String::new();
            let mut characters = inner.chars();
            while let Some(c) = characters.next() {
                prop_assert_ne!(c, '"', "a bare quote would end the value");
                read.extend(if c == '\\' { characters.next() } else { Some(c) });
            }
            prop_assert_eq!(read, value);
        }
    }
}
