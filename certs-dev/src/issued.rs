//! A leaf with everything that goes with it: chain, key, and the root its peers are checked against.

use std::{fmt, path::Path};

use rcgen::KeyPair;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{
    Error,
    files::{self, CA_FILE, CERTIFICATE_FILE, KEY_FILE, Secrecy, certificates_pem},
};

/// An issued leaf: its chain (leaf first, root left out), its key, and the root to trust.
pub struct Issued {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: KeyPair,
    pub(crate) root: CertificateDer<'static>,
    pub(crate) serial: Vec<u8>,
}

impl Issued {
    /// Leaf first, then the intermediate.
    pub fn chain_der(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    /// The leaf's key, PKCS #8.
    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }

    /// The root that the bearer checks its peers against: its own authority's, whatever is wrong with the leaf.
    pub fn ca_der(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    /// What goes into `tls.crt`.
    pub fn chain_pem(&self) -> String {
        certificates_pem(&self.chain)
    }

    /// What goes into `tls.key`.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// What goes into `ca.crt`.
    pub fn ca_pem(&self) -> String {
        certificates_pem([&self.root])
    }

    /// The leaf's serial number, big-endian, positive.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Writes `tls.crt`, `tls.key` (mode 0600) and `ca.crt` into `dir`, which is made if need be.
    ///
    /// Each file is replaced whole. The three together are not: for a moment a reader can see the new key
    /// with the old certificate, as with any files that are not one folder swapped by a link.
    pub fn write_to(&self, dir: impl AsRef<Path>) -> Result<(), Error> {
        let dir = dir.as_ref();
        files::make_folder(dir)?;
        files::write(&dir.join(CA_FILE), &self.ca_pem(), Secrecy::Public)?;
        files::write(&dir.join(KEY_FILE), &self.key_pem(), Secrecy::Secret)?;
        files::write(&dir.join(CERTIFICATE_FILE), &self.chain_pem(), Secrecy::Public)
    }

    /// The same, as somebody sends it who forgot the intermediate.
    pub(crate) fn without_intermediate(mut self) -> Self {
        self.chain.truncate(1);
        self
    }

    /// The same, with a key that is not the certificate's.
    pub(crate) fn with_another_key(self) -> Result<Self, rcgen::Error> {
        Ok(Self {
            key: KeyPair::generate()?,
            ..self
        })
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}
