//! The authority: a root that signs one intermediate, which signs the leaves.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustls_pki_types::CertificateDer;

use crate::{
    AUTHORITY_LIFETIME, Error, Fault, Issued, LEAF_LIFETIME, Request, RevocationLists, Validity, files,
    leaf::Draft, names::check_name, signer::Signer, store,
};

/// A root and an intermediate, with their keys. Lives in memory until saved.
#[derive(Debug)]
pub struct Authority {
    pub(crate) root: Signer,
    pub(crate) intermediate: Signer,
}

impl Authority {
    /// Makes an authority that holds for [`AUTHORITY_LIFETIME`].
    pub fn new(name: &str) -> Result<Self, Error> {
        Self::with_validity(name, Validity::lasting(AUTHORITY_LIFETIME))
    }

    /// Makes an authority whose root and intermediate both hold for `validity`.
    ///
    /// Two of the same name are strangers to each other: their subjects differ.
    pub fn with_validity(name: &str, validity: Validity) -> Result<Self, Error> {
        check_name(name)?;
        Ok(Self::generate(name, validity)?)
    }

    pub(crate) fn generate(name: &str, validity: Validity) -> Result<Self, rcgen::Error> {
        let root = Signer::root(name, validity)?;
        let intermediate = root.intermediate(name, validity)?;
        Ok(Self { root, intermediate })
    }

    /// Reads an authority that [`save`](Self::save) wrote.
    pub fn load(dir: impl AsRef<Path>) -> Result<Self, Error> {
        store::load(dir.as_ref())
    }

    /// Writes `root.crt`, `root.key`, `intermediate.crt` and `intermediate.key` into `dir`, which is made if
    /// need be; keys with mode 0600. Replaces an authority that was there: ask [`find`](Self::find) first.
    pub fn save(&self, dir: impl AsRef<Path>) -> Result<(), Error> {
        store::save(self, dir.as_ref())
    }

    /// The first file of an authority in `dir`, if there is any, however broken.
    pub fn find(dir: impl AsRef<Path>) -> Option<PathBuf> {
        store::find(dir.as_ref())
    }

    /// The root, for a trust bundle.
    pub fn root_der(&self) -> CertificateDer<'static> {
        self.root.certificate.clone()
    }

    /// The root, for a `ca.crt`.
    pub fn root_pem(&self) -> String {
        files::certificates_pem([&self.root.certificate])
    }

    /// The last moment at which a leaf can still be verified.
    pub fn not_after(&self) -> SystemTime {
        self.root.not_after.min(self.intermediate.not_after)
    }

    /// Issues a leaf that every verifier should take.
    pub fn issue(&self, request: &Request) -> Result<Issued, Error> {
        request.check()?;
        let draft = Draft::new(request, self.validity_of(request)?)?;
        Ok(draft.signed_by(&self.intermediate, &self.root)?)
    }

    /// Issues a leaf with one thing wrong and everything else as [`issue`](Self::issue) would have it.
    pub fn issue_faulty(&self, fault: Fault, request: &Request) -> Result<Issued, Error> {
        request.check()?;
        let validity = match fault {
            Fault::Expired => Validity::expired(),
            Fault::NotYetValid => Validity::not_yet(),
            _ => self.validity_of(request)?,
        };
        Ok(fault.sign(self, request, validity)?)
    }

    /// The revocation lists of both authorities, one day valid: the intermediate's with the leaves' `serials`, the
    /// root's empty. A verifier that is given any list wants one from every issuer in the chain.
    pub fn revoke<'a>(&self, serials: impl IntoIterator<Item = &'a [u8]>) -> Result<RevocationLists, Error> {
        self.revoke_with(serials, Validity::lasting(LEAF_LIFETIME))
    }

    /// As [`revoke`](Self::revoke), from when until when as asked: the next list is due when `validity` ends.
    pub fn revoke_with<'a>(
        &self,
        serials: impl IntoIterator<Item = &'a [u8]>,
        validity: Validity,
    ) -> Result<RevocationLists, Error> {
        Ok(RevocationLists::sign(self, serials, validity)?)
    }

    /// What was asked for must lie within the authority's own time; what was not asked for is made to.
    fn validity_of(&self, request: &Request) -> Result<Validity, Error> {
        let end = self.not_after();
        let validity = request
            .validity()
            .unwrap_or_else(|| Validity::lasting(LEAF_LIFETIME).ending_by(end));
        if validity.not_after() > end || validity.is_empty() {
            return Err(Error::Outlives {
                wanted: validity.not_after(),
                authority: end,
            });
        }
        Ok(validity)
    }
}
