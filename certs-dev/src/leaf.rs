//! A leaf being made: its key, the fields of its certificate, and the signature that ends the making.

use rcgen::{Certificate, CertificateParams, IsCa, KeyPair, KeyUsagePurpose};
use rustls_pki_types::CertificateDer;

use crate::{
    Issued, Request, Validity,
    signer::{Signer, params, serial},
};

/// A leaf that nobody has signed yet.
pub(crate) struct Draft {
    pub(crate) params: CertificateParams,
    key: KeyPair,
}

impl Draft {
    pub(crate) fn new(request: &Request, validity: Validity) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = params(&key, request.name(), validity);
        params.subject_alt_names = request.alternative_names()?;
        params.is_ca = IsCa::ExplicitNoCa; // also what makes rcgen write a subject key identifier
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = request.usage().purposes();
        Ok(Self { params, key })
    }

    /// Signs it: `issuer` goes into the chain, `root` is what the bearer checks its peers against.
    pub(crate) fn signed_by(self, issuer: &Signer, root: &Signer) -> Result<Issued, rcgen::Error> {
        let leaf = self.params.signed_by(&self.key, &issuer.issuer)?;
        Ok(self.issued(leaf, Some(issuer.certificate.clone()), root))
    }

    /// Signs it with its own key.
    pub(crate) fn self_signed(self, root: &Signer) -> Result<Issued, rcgen::Error> {
        let leaf = self.params.self_signed(&self.key)?;
        Ok(self.issued(leaf, None, root))
    }

    fn issued(
        self,
        leaf: Certificate,
        intermediate: Option<CertificateDer<'static>>,
        root: &Signer,
    ) -> Issued {
        Issued {
            serial: serial(&self.key),
            chain: std::iter::once(leaf.into()).chain(intermediate).collect(),
            key: self.key,
            root: root.certificate.clone(),
        }
    }
}
