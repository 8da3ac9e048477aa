//! A certificate authority's certificate and key, and the fields that every certificate has.

use std::{fmt, time::SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use rustls_pki_types::CertificateDer;

use crate::Validity;

/// One authority: it signs leaves, other authorities and revocation lists.
pub(crate) struct Signer {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) not_after: SystemTime,
}

impl Signer {
    /// An authority signed by itself, with room for one more below it.
    pub(crate) fn root(name: &str, validity: Validity) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let params = authority_params(name, "root", 1, &key, validity);
        let certificate = params.self_signed(&key)?;
        Ok(Self::new(certificate, params, key, validity))
    }

    /// An authority signed by this one, for leaves only.
    pub(crate) fn intermediate(&self, name: &str, validity: Validity) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let params = authority_params(name, "intermediate", 0, &key, validity);
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Self::new(certificate, params, key, validity))
    }

    fn new(certificate: Certificate, params: CertificateParams, key: KeyPair, validity: Validity) -> Self {
        let issuer = Issuer::new(params, key);
        Self {
            certificate: certificate.into(),
            issuer,
            not_after: validity.not_after(),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// The fields of an authority's certificate.
///
/// The common name ends in the beginning of the serial number: two authorities made under one name are
/// then "unknown" to each other's verifiers, as strangers are, and not "known, but with a bad signature".
fn authority_params(
    name: &str,
    role: &str,
    below: u8,
    key: &KeyPair,
    validity: Validity,
) -> CertificateParams {
    let tag: String = serial(key)[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut params = params(key, &format!("{name} {role} {tag}"), validity);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// The fields that every certificate has.
pub(crate) fn params(key: &KeyPair, common_name: &str, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = validity.dates();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Outrigger development");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(SerialNumber::from(serial(key)));
    params.use_authority_key_identifier_extension = true;
    params
}

/// 16 bytes of the hash of a key made for this certificate alone, hence unique and as unforeseeable as the key
/// is (RFC 5280 §4.1.2.2).
pub(crate) fn serial(key: &KeyPair) -> Vec<u8> {
    let mut serial = CertificateParams::default().key_identifier(key);
    serial.truncate(16);
    // Positive, and with no leading zero that the encoding would drop.
    serial[0] = serial[0] & 0x3f | 0x40;
    serial
}
