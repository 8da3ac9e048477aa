//! Who we are and whom we trust, checked as a whole.

use std::{fmt, sync::Arc};

use rustls::{RootCertStore, sign::CertifiedKey};
use rustls_pki_types::CertificateRevocationListDer;

use crate::{Certificate, LoadWarning, Role, SpiffeId};

/// Our leaf, its chain and key, the trust bundle and revocation lists. Cheap to clone.
///
/// Made by [`load`](Self::load) or [`from_pem`](Self::from_pem); an identity that exists fits together. It never
/// changes: renewed files are a new identity, with new [`Connector`](crate::Connector)s and
/// [`Acceptor`](crate::Acceptor)s.
#[derive(Clone)]
pub struct Identity {
    pub(crate) pair: Arc<CertifiedKey>,
    pub(crate) roots: Arc<RootCertStore>,
    pub(crate) revocation_lists: Arc<[CertificateRevocationListDer<'static>]>,
    pub(crate) certificates: Arc<[Certificate]>,
    pub(crate) warnings: Arc<[LoadWarning]>,
}

impl Identity {
    /// All certificates: our leaf first, the rest of its chain, then the bundle.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Our own leaf.
    pub fn leaf(&self) -> &Certificate {
        &self.certificates[0]
    }

    /// Our own SPIFFE ID, if the leaf has one.
    pub fn spiffe(&self) -> Option<&SpiffeId> {
        self.leaf().spiffe.as_ref()
    }

    /// What is odd about the files, though they are used.
    pub fn warnings(&self) -> &[LoadWarning] {
        &self.warnings
    }

    /// The certificates of the trust bundle.
    pub fn anchors(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates
            .iter()
            .filter(|certificate| certificate.role == Role::Anchor)
    }
}

impl fmt::Debug for Identity {
    /// Never the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificates", &self.certificates)
            .field("revocation_lists", &self.revocation_lists.len())
            .finish_non_exhaustive()
    }
}
