//! Certificate revocation lists (RFC 5280 §5), one for each issuer of a chain.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use rcgen::{
    CertificateRevocationList, CertificateRevocationListParams, KeyIdMethod, RevocationReason,
    RevokedCertParams, SerialNumber,
};
use rustls_pki_types::CertificateRevocationListDer;

use crate::{
    Authority, Error, Validity,
    files::{self, Secrecy, pem_block},
    signer::Signer,
};

/// The intermediate's list and the root's.
#[derive(Clone, Debug)]
pub struct RevocationLists {
    lists: [CertificateRevocationListDer<'static>; 2],
}

impl RevocationLists {
    /// The intermediate's list, then the root's.
    pub fn der(&self) -> Vec<CertificateRevocationListDer<'static>> {
        self.lists.to_vec()
    }

    /// Both, one PEM block after the other.
    pub fn pem(&self) -> String {
        self.lists
            .iter()
            .map(|list| pem_block("X509 CRL", list))
            .collect()
    }

    /// Writes both into one PEM file, replaced whole.
    pub fn write_to(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        files::write(path.as_ref(), &self.pem(), Secrecy::Public)
    }

    pub(crate) fn sign<'a>(
        authority: &Authority,
        serials: impl IntoIterator<Item = &'a [u8]>,
        validity: Validity,
    ) -> Result<Self, rcgen::Error> {
        let revoked = serials
            .into_iter()
            .map(|serial| revoked(serial, validity))
            .collect();
        let leaves = sign(&authority.intermediate, revoked, validity)?;
        let intermediates = sign(&authority.root, Vec::new(), validity)?;
        Ok(Self {
            lists: [leaves.into(), intermediates.into()],
        })
    }
}

fn sign(
    signer: &Signer,
    revoked_certs: Vec<RevokedCertParams>,
    validity: Validity,
) -> Result<CertificateRevocationList, rcgen::Error> {
    let (this_update, next_update) = validity.dates();
    CertificateRevocationListParams {
        this_update,
        next_update,
        crl_number: number(),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    }
    .signed_by(&signer.issuer)
}

fn revoked(serial: &[u8], validity: Validity) -> RevokedCertParams {
    RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: validity.dates().0,
        reason_code: Some(RevocationReason::KeyCompromise),
        invalidity_date: None,
    }
}

/// Lists are numbered upwards (RFC 5280 §5.2.3); the clock remembers the last number for us.
fn number() -> SerialNumber {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    SerialNumber::from_slice(&elapsed.as_millis().to_be_bytes())
}
