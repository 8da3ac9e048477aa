//! Who we are: certificate, key and trust bundle.

use std::path::PathBuf;

use serde::Serialize;

use super::{
    section::Section,
    text::{path, paths},
    value::{path_from, word},
    word::words,
};

/// Where our certificate, key and trust bundle come from. Paths are absolute; a relative one in the
/// configuration counts from the folder of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// What kind of place they come from.
    pub source: IdentitySource,
    /// PEM: our certificate first, then the intermediates.
    #[serde(serialize_with = "path")]
    pub cert: PathBuf,
    /// PEM: the private key of our certificate.
    #[serde(serialize_with = "path")]
    pub key: PathBuf,
    /// PEM: the authorities that peers must chain to.
    #[serde(serialize_with = "path")]
    pub trust: PathBuf,
    /// PEM or DER: revocation lists.
    #[serde(serialize_with = "paths")]
    pub crl: Vec<PathBuf>,
}

impl Identity {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let file = path_from(&section.reading.folder);
        let source = section.or("source", IdentitySource::Files, word);
        let cert = section.required("cert", &file);
        let key = section.required("key", &file);
        let trust = section.required("trust", &file);
        let crl = section.list("crl", &file);
        Some(Self {
            source,
            cert: cert?,
            key: key?,
            trust: trust?,
            crl,
        })
    }
}

words! {
    /// What kind of place an identity comes from.
    IdentitySource {
        /// PEM files.
        Files = "files",
    }
}
