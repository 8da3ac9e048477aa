//! An identity from PEM files, as Kubernetes lays them out: `tls.crt`, `tls.key`, `ca.crt`, revocation lists.
//!
//! Certificate file: the leaf first, then intermediates. Key: PKCS#8, SEC1 or PKCS#1, not encrypted, and the
//! leaf's. Bundle: at least one authority; a self-signed leaf is taken with a warning (it then vouches for
//! itself only), any other leaf is refused. Revocation lists: PEM or DER. Every certificate is read. All that is
//! wrong is told at once, each with its file.
//!
//! Not decided here: whether a certificate has expired. It is loaded all the same, and [`expiry`](crate::expiry)
//! says so; a process that refuses to start cannot tell its callers why.
//!
//! Reading blocks the thread; files are small.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls_pki_types::CertificateRevocationListDer;

use crate::{Identity, LoadError, LoadErrors, LoadWarning, Oddity, Problem, material, pem};

/// Where the parts of an identity are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Our leaf, then its intermediates.
    pub cert: PathBuf,
    /// The leaf's private key.
    pub key: PathBuf,
    /// Whom we trust.
    pub trust: PathBuf,
    /// What the authorities revoked.
    pub crl: Vec<PathBuf>,
}

/// The parts of an identity in memory, in the same forms as [`Sources`].
#[derive(Clone, Copy)]
pub struct Pem<'a> {
    /// Our leaf, then its intermediates.
    pub cert: &'a [u8],
    /// The leaf's private key.
    pub key: &'a [u8],
    /// Whom we trust.
    pub trust: &'a [u8],
    /// What the authorities revoked.
    pub crl: &'a [&'a [u8]],
}

impl std::fmt::Debug for Pem<'_> {
    /// Never the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pem").finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads and checks files.
    pub fn load(sources: &Sources) -> Result<Self, LoadErrors> {
        assemble(Parts {
            cert: File::read(&sources.cert),
            key: File::read(&sources.key),
            trust: File::read(&sources.trust),
            crl: sources.crl.iter().map(|path| File::read(path)).collect(),
        })
    }

    /// Checks what was read elsewhere; errors name the parts `cert`, `key`, `trust` and `crl`.
    pub fn from_pem(pem: &Pem<'_>) -> Result<Self, LoadErrors> {
        assemble(Parts {
            cert: File::given("cert", pem.cert),
            key: File::given("key", pem.key),
            trust: File::given("trust", pem.trust),
            crl: pem.crl.iter().map(|bytes| File::given("crl", bytes)).collect(),
        })
    }
}

struct Parts {
    cert: File,
    key: File,
    trust: File,
    crl: Vec<File>,
}

struct File {
    path: PathBuf,
    bytes: Result<Vec<u8>, Problem>,
}

impl File {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Problem::Missing,
            _ => Problem::Unreadable(error),
        });
        Self {
            path: path.to_owned(),
            bytes,
        }
    }

    fn given(name: &str, bytes: &[u8]) -> Self {
        Self {
            path: name.into(),
            bytes: Ok(bytes.to_vec()),
        }
    }
}

/// The trouble met so far.
#[derive(Default)]
struct Report {
    errors: Vec<LoadError>,
    warnings: Vec<LoadWarning>,
}

impl Report {
    fn keep<T>(&mut self, path: &Path, result: Result<T, Problem>) -> Option<T> {
        result
            .map_err(|problem| {
                self.errors.push(LoadError {
                    path: path.to_owned(),
                    problem,
                })
            })
            .ok()
    }

    fn warn(&mut self, path: &Path, oddities: impl IntoIterator<Item = Oddity>) {
        let warning = |oddity| LoadWarning {
            path: path.to_owned(),
            oddity,
        };
        self.warnings.extend(oddities.into_iter().map(warning));
    }
}

fn assemble(parts: Parts) -> Result<Identity, LoadErrors> {
    let Parts {
        cert,
        key,
        trust,
        crl,
    } = parts;
    let mut report = Report::default();
    let chain = report.keep(&cert.path, cert.bytes.and_then(|bytes| material::chain(&bytes)));
    let secret = report.keep(&key.path, key.bytes.and_then(|bytes| pem::private_key(&bytes)));
    let bundle = report.keep(
        &trust.path,
        trust.bytes.and_then(|bytes| material::bundle(&bytes)),
    );
    let lists: Vec<_> = crl
        .into_iter()
        .flat_map(|file| revocation_lists(file, &mut report))
        .collect();
    let pair = chain
        .as_ref()
        .zip(secret)
        .map(|(chain, secret)| material::pair(chain, secret, &cert.path));
    let pair = pair.and_then(|pair| report.keep(&key.path, pair));
    let (Some(chain), Some(pair), Some(bundle), []) = (chain, pair, bundle, report.errors.as_slice()) else {
        return Err(LoadErrors(report.errors));
    };
    report.warn(&cert.path, material::chain_oddities(&chain.certificates));
    report.warn(
        &trust.path,
        material::bundle_oddities(&chain.certificates, &bundle.certificates),
    );
    Ok(Identity {
        pair: Arc::new(pair),
        roots: Arc::new(bundle.roots),
        revocation_lists: lists.into(),
        certificates: chain
            .certificates
            .into_iter()
            .chain(bundle.certificates)
            .collect(),
        warnings: report.warnings.into(),
    })
}

fn revocation_lists(file: File, report: &mut Report) -> Vec<CertificateRevocationListDer<'static>> {
    let lists = report.keep(
        &file.path,
        file.bytes.and_then(|bytes| pem::revocation_lists(&bytes)),
    );
    let lists = lists.unwrap_or_default();
    for list in &lists {
        if let Some(oddity) = report.keep(&file.path, material::check_list(list)) {
            report.warn(&file.path, oddity);
        }
    }
    lists
}
