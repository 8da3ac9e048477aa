//! PEM blocks out of a file's bytes, and what is wrong if the wanted ones are not there.
//!
//! Blocks of other kinds beside the wanted ones are skipped: one file may hold key and certificates.
//!
//! Source: RFC 7468.

use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
    pem::{self, PemObject},
};

use crate::{Problem, words};

const CERTIFICATE: &str = "a certificate";
const KEY: &str = "a private key";
const CRL: &str = "a revocation list";

/// Every certificate of `bytes`, at least one.
pub(crate) fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    blocks(bytes, CERTIFICATE)
}

/// The one private key of `bytes`: PKCS#8, SEC1 or PKCS#1.
pub(crate) fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, Problem> {
    if is_encrypted(bytes) {
        return Err(Problem::EncryptedKey);
    }
    let mut keys: Vec<PrivateKeyDer<'static>> = blocks(bytes, KEY)?;
    match keys.pop() {
        Some(key) if keys.is_empty() => Ok(key),
        _ => Err(Problem::SeveralKeys(keys.len() + 1)),
    }
}

/// Every revocation list of `bytes`: PEM, or one in DER.
pub(crate) fn revocation_lists(bytes: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, Problem> {
    if looks_like_der(bytes) {
        return Ok(vec![CertificateRevocationListDer::from(bytes.to_vec())]);
    }
    blocks(bytes, CRL)
}

fn blocks<T: PemObject>(bytes: &[u8], wanted: &'static str) -> Result<Vec<T>, Problem> {
    // Editors on Windows put a byte order mark before the first line.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let found: Result<Vec<T>, pem::Error> = T::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(absent(bytes, wanted)),
        Ok(found) => Ok(found),
        Err(error) => Err(Problem::BrokenPem(describe(&error))),
    }
}

/// Why there is no block of the wanted kind.
fn absent(bytes: &[u8], wanted: &'static str) -> Problem {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Problem::Empty;
    }
    if looks_like_der(bytes) {
        return Problem::Der { wanted };
    }
    match labels(bytes).as_slice() {
        [] => Problem::NoPem { wanted },
        labels => Problem::OtherKind {
            wanted,
            found: labels.join(", "),
        },
    }
}

/// The labels of the blocks, each once, in order of appearance.
fn labels(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let labels = text
        .lines()
        .filter_map(|line| line.trim_end().strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    let mut seen: Vec<String> = Vec::new();
    for label in labels.map(words::ascii) {
        if !seen.contains(&label) {
            seen.push(label);
        }
    }
    seen
}

/// PKCS#8 says so in its label, the older kinds in a header (RFC 1421 §4.6.1.1).
fn is_encrypted(bytes: &[u8]) -> bool {
    labels(bytes).iter().any(|label| label == "ENCRYPTED PRIVATE KEY")
        || String::from_utf8_lossy(bytes)
            .lines()
            .any(|line| line.starts_with("Proc-Type: 4,ENCRYPTED"))
}

/// A DER sequence with a length of two bytes, as every certificate, key and list of some size has.
fn looks_like_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x81..=0x84, ..])
}

fn describe(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            format!(
                "a block has no -----END {}-----",
                words::ascii(&String::from_utf8_lossy(end_marker))
            )
        }
        pem::Error::IllegalSectionStart { line } => {
            format!(
                "the line {:?} does not end in five dashes",
                String::from_utf8_lossy(line)
            )
        }
        pem::Error::Base64Decode(_) => "a block's content is not base64".to_owned(),
        other => other.to_string(),
    }
}
