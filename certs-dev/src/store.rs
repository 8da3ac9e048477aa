//! An authority as four files in a folder.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use rcgen::{Issuer, KeyPair, PublicKeyData};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use crate::{
    Authority, Error,
    files::{self, Secrecy},
    signer::Signer,
};

const ROOT: Files = Files {
    certificate: "root.crt",
    key: "root.key",
};
const INTERMEDIATE: Files = Files {
    certificate: "intermediate.crt",
    key: "intermediate.key",
};

struct Files {
    certificate: &'static str,
    key: &'static str,
}

pub(crate) fn find(dir: &Path) -> Option<PathBuf> {
    let names = [
        ROOT.certificate,
        ROOT.key,
        INTERMEDIATE.certificate,
        INTERMEDIATE.key,
    ];
    names
        .map(|name| dir.join(name))
        .into_iter()
        .find(|path| path.exists())
}

pub(crate) fn save(authority: &Authority, dir: &Path) -> Result<(), Error> {
    files::make_folder(dir)?;
    INTERMEDIATE.write(&authority.intermediate, dir)?;
    ROOT.write(&authority.root, dir)
}

pub(crate) fn load(dir: &Path) -> Result<Authority, Error> {
    if find(dir).is_none() {
        return Err(Error::NoAuthority { path: dir.to_owned() });
    }
    let (root, root_subject) = ROOT.read(dir)?;
    let (intermediate, below) = INTERMEDIATE.read(dir)?;
    if below.issuer != root_subject.subject {
        return Err(unusable(
            dir.join(INTERMEDIATE.certificate),
            "the root beside it did not issue it",
        ));
    }
    Ok(Authority { root, intermediate })
}

impl Files {
    fn write(&self, signer: &Signer, dir: &Path) -> Result<(), Error> {
        let certificate = files::certificates_pem([&signer.certificate]);
        files::write(
            &dir.join(self.key),
            &signer.issuer.key().serialize_pem(),
            Secrecy::Secret,
        )?;
        files::write(&dir.join(self.certificate), &certificate, Secrecy::Public)
    }

    fn read(&self, dir: &Path) -> Result<(Signer, Facts), Error> {
        let (certificate_file, key_file) = (dir.join(self.certificate), dir.join(self.key));
        let certificate = CertificateDer::from_pem_slice(files::read(&certificate_file)?.as_bytes())
            .map_err(|_| unusable(certificate_file.clone(), "it holds no certificate in PEM"))?;
        let key = KeyPair::from_pem(&files::read(&key_file)?)
            .map_err(|_| unusable(key_file.clone(), "it holds no private key in PEM"))?;
        let facts = Facts::of(&certificate)
            .ok_or_else(|| unusable(certificate_file.clone(), "its certificate cannot be read"))?;
        if facts.public_key != key.subject_public_key_info() {
            return Err(unusable(
                key_file,
                "it is not the key of the certificate beside it",
            ));
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok((
            Signer {
                certificate,
                issuer,
                not_after: facts.not_after,
            },
            facts,
        ))
    }
}

/// What a certificate says about itself.
struct Facts {
    subject: Vec<u8>,
    issuer: Vec<u8>,
    public_key: Vec<u8>,
    not_after: SystemTime,
}

impl Facts {
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        Some(Self {
            subject: certificate.subject().as_raw().to_vec(),
            issuer: certificate.issuer().as_raw().to_vec(),
            public_key: certificate.public_key().raw.to_vec(),
            not_after: certificate.validity().not_after.to_datetime().into(),
        })
    }
}

fn unusable(path: PathBuf, why: &'static str) -> Error {
    Error::Unusable { path, why }
}
