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
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::{RootCertStore, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::{parse_x509_crl, revocation_list::CertificateRevocationList};

use crate::{
    Certificate, Identity, LoadError, LoadErrors, LoadWarning, Oddity, Problem, Role, name, pem, tls, words,
};

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

    fn warn(&mut self, path: &Path, oddity: Oddity) {
        self.warnings.push(LoadWarning {
            path: path.to_owned(),
            oddity,
        });
    }
}

/// Certificates as they are and as they read.
type Read = (Vec<CertificateDer<'static>>, Vec<Certificate>);

fn assemble(parts: Parts) -> Result<Identity, LoadErrors> {
    let mut report = Report::default();
    let chain = report.keep(&parts.cert.path, parts.cert.bytes.and_then(|bytes| chain(&bytes)));
    let key = report.keep(
        &parts.key.path,
        parts.key.bytes.and_then(|bytes| pem::private_key(&bytes)),
    );
    let anchors = report.keep(
        &parts.trust.path,
        parts.trust.bytes.and_then(|bytes| bundle(&bytes)),
    );
    let lists: Vec<_> = parts
        .crl
        .into_iter()
        .flat_map(|file| revocation_lists(file, &mut report))
        .collect();
    let pair = chain.as_ref().zip(key).and_then(|(chain, key)| {
        let paired = pair(chain, key, &parts.cert.path);
        report.keep(&parts.key.path, paired)
    });
    let roots = anchors
        .as_ref()
        .and_then(|anchors| report.keep(&parts.trust.path, roots(&anchors.0)));
    let (Some((_, own)), Some(pair), Some((_, anchors)), Some(roots), []) =
        (chain, pair, anchors, roots, report.errors.as_slice())
    else {
        return Err(LoadErrors(report.errors));
    };
    note_oddities(&own, &anchors, &parts.cert.path, &parts.trust.path, &mut report);
    Ok(Identity {
        pair: Arc::new(pair),
        roots: Arc::new(roots),
        revocation_lists: lists.into(),
        certificates: own.into_iter().chain(anchors).collect(),
        warnings: report.warnings.into(),
    })
}

fn chain(bytes: &[u8]) -> Result<Read, Problem> {
    let ders = pem::certificates(bytes)?;
    let mut read = read_all(Role::Intermediate, &ders)?;
    read[0].role = Role::Own;
    match &read[0] {
        leaf if leaf.is_ca => Err(Problem::LeafIsAuthority {
            subject: leaf.label(),
        }),
        _ => Ok((ders, read)),
    }
}

fn bundle(bytes: &[u8]) -> Result<Read, Problem> {
    let mut ders = pem::certificates(bytes)?;
    // Bundles are often pasted together; an authority met twice counts once.
    let mut seen = std::collections::HashSet::new();
    ders.retain(|der| seen.insert(der.clone()));
    let read = read_all(Role::Anchor, &ders)?;
    match read
        .iter()
        .enumerate()
        .find(|(_, anchor)| !anchor.is_ca && !anchor.is_self_issued())
    {
        Some((nth, leaf)) => Err(Problem::NotAuthority {
            nth: nth + 1,
            subject: leaf.label(),
            issuer: leaf.issuer.clone(),
        }),
        None => Ok((ders, read)),
    }
}

fn read_all(role: Role, ders: &[CertificateDer<'static>]) -> Result<Vec<Certificate>, Problem> {
    let read = |(nth, der)| {
        Certificate::read(role, der).map_err(|malformed| Problem::Certificate {
            nth: nth + 1,
            what: malformed.to_string(),
        })
    };
    ders.iter().enumerate().map(read).collect()
}

fn pair(chain: &Read, key: PrivateKeyDer<'static>, certificate: &Path) -> Result<CertifiedKey, Problem> {
    CertifiedKey::from_der(chain.0.clone(), key, tls::provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => Problem::KeyMismatch {
            certificate: certificate.to_owned(),
            subject: chain.1[0].label(),
        },
        other => Problem::UnusableKey(other.to_string()),
    })
}

fn roots(anchors: &[CertificateDer<'static>]) -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    for (nth, der) in anchors.iter().enumerate() {
        roots.add(der.clone()).map_err(|error| Problem::Certificate {
            nth: nth + 1,
            what: format!("cannot be trusted: {error}"),
        })?;
    }
    Ok(roots)
}

fn revocation_lists(file: File, report: &mut Report) -> Vec<CertificateRevocationListDer<'static>> {
    let lists = report.keep(
        &file.path,
        file.bytes.and_then(|bytes| pem::revocation_lists(&bytes)),
    );
    let lists = lists.unwrap_or_default();
    for list in &lists {
        let checked = check_list(list);
        if let Some(Some(oddity)) = report.keep(&file.path, checked) {
            report.warn(&file.path, oddity);
        }
    }
    lists
}

fn check_list(list: &CertificateRevocationListDer<'static>) -> Result<Option<Oddity>, Problem> {
    webpki::BorrowedCertRevocationList::from_der(list)
        .map_err(|error| Problem::RevocationList(error.to_string()))?;
    let (_, parsed) = parse_x509_crl(list).map_err(|error| Problem::RevocationList(error.to_string()))?;
    Ok(stale(&parsed, seconds_now()))
}

fn stale(list: &CertificateRevocationList<'_>, now: i64) -> Option<Oddity> {
    let next = list.next_update()?.timestamp();
    (next < now).then(|| Oddity::StaleRevocationList {
        issuer: name::text_of(list.issuer()),
        next_update: words::date(next),
    })
}

fn seconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn note_oddities(
    own: &[Certificate],
    anchors: &[Certificate],
    cert: &Path,
    trust: &Path,
    report: &mut Report,
) {
    for (nth, pair) in own
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0].issuer != pair[1].subject)
    {
        let (subject, issuer, next) = (pair[0].label(), pair[0].issuer.clone(), pair[1].label());
        report.warn(
            cert,
            Oddity::ChainOrder {
                nth: nth + 1,
                subject,
                issuer,
                next,
            },
        );
    }
    for (nth, anchor) in anchors.iter().enumerate().filter(|(_, anchor)| !anchor.is_ca) {
        report.warn(
            trust,
            Oddity::PinnedLeaf {
                nth: nth + 1,
                subject: anchor.label(),
            },
        );
    }
    if let Some(oddity) = own_issuer_unknown(own, anchors) {
        report.warn(trust, oddity);
    }
}

fn own_issuer_unknown(own: &[Certificate], anchors: &[Certificate]) -> Option<Oddity> {
    let known = |subject: &str| anchors.iter().any(|anchor| anchor.subject == subject);
    let last = own
        .last()
        .filter(|_| !own.iter().any(|certificate| known(&certificate.issuer)))?;
    Some(Oddity::OwnIssuerUnknown {
        subject: last.label(),
        issuer: last.issuer.clone(),
    })
}
