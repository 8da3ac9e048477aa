//! Who we are: certificate, key and trust bundle.

use std::path::PathBuf;

use serde::Serialize;

use super::{
    text::{path, paths},
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

words! {
    /// What kind of place an identity comes from.
    IdentitySource {
        /// PEM files.
        Files = "files",
    }
}
