//! The parts of an identity, each checked by itself and against the others. No files here.

use std::{
    collections::HashSet,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::{RootCertStore, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::{parse_x509_crl, revocation_list::CertificateRevocationList};

use crate::{Certificate, Oddity, Problem, Role, name, pem, tls, words};

/// Our leaf and its intermediates, as they are and as they read.
pub(crate) struct Chain {
    ders: Vec<CertificateDer<'static>>,
    pub(crate) certificates: Vec<Certificate>,
}

/// Whom we trust.
pub(crate) struct Bundle {
    pub(crate) roots: RootCertStore,
    pub(crate) certificates: Vec<Certificate>,
}

pub(crate) fn chain(bytes: &[u8]) -> Result<Chain, Problem> {
    let ders = pem::certificates(bytes)?;
    let mut certificates = read_all(Role::Intermediate, &ders)?;
    let leaf = &mut certificates[0];
    leaf.role = Role::Own;
    match leaf.is_ca {
        true => Err(Problem::LeafIsAuthority {
            subject: leaf.label(),
        }),
        false => Ok(Chain { ders, certificates }),
    }
}

pub(crate) fn bundle(bytes: &[u8]) -> Result<Bundle, Problem> {
    let mut ders = pem::certificates(bytes)?;
    // Bundles are often pasted together; an authority met twice counts once.
    let mut seen = HashSet::new();
    ders.retain(|der| seen.insert(der.clone()));
    let certificates = read_all(Role::Anchor, &ders)?;
    let leaf = certificates
        .iter()
        .position(|anchor| !anchor.is_ca && !anchor.is_self_issued());
    if let Some(nth) = leaf {
        let Certificate { issuer, .. } = &certificates[nth];
        let (subject, issuer) = (certificates[nth].label(), issuer.clone());
        return Err(Problem::NotAuthority {
            nth: nth + 1,
            subject,
            issuer,
        });
    }
    Ok(Bundle {
        roots: roots(ders)?,
        certificates,
    })
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

fn roots(ders: Vec<CertificateDer<'static>>) -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    for (nth, der) in ders.into_iter().enumerate() {
        let added = roots.add(der);
        added.map_err(|error| Problem::Certificate {
            nth: nth + 1,
            what: format!("cannot be trusted: {error}"),
        })?;
    }
    Ok(roots)
}

/// Key and leaf, if they belong together; `certificate` is the leaf's file.
pub(crate) fn pair(
    chain: &Chain,
    key: PrivateKeyDer<'static>,
    certificate: &Path,
) -> Result<CertifiedKey, Problem> {
    CertifiedKey::from_der(chain.ders.clone(), key, tls::provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => Problem::KeyMismatch {
            certificate: certificate.to_owned(),
            subject: chain.certificates[0].label(),
        },
        other => Problem::UnusableKey(other.to_string()),
    })
}

/// Checks a revocation list; tells if it is past its time.
pub(crate) fn check_list(list: &CertificateRevocationListDer<'static>) -> Result<Option<Oddity>, Problem> {
    let unusable = |error: &dyn std::error::Error| Problem::RevocationList(error.to_string());
    webpki::BorrowedCertRevocationList::from_der(list).map_err(|error| unusable(&error))?;
    let (_, parsed) = parse_x509_crl(list).map_err(|error| unusable(&error))?;
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

/// Certificates of the chain that are not followed by their issuer.
pub(crate) fn chain_oddities(own: &[Certificate]) -> Vec<Oddity> {
    let links = own.windows(2).enumerate();
    let broken = links.filter(|(_, link)| link[0].issuer != link[1].subject);
    let oddity = |(nth, link): (usize, &[Certificate])| Oddity::ChainOrder {
        nth: nth + 1,
        subject: link[0].label(),
        issuer: link[0].issuer.clone(),
        next: link[1].full_label(),
    };
    broken.map(oddity).collect()
}

/// Leaves in the bundle, and whether it lacks our own issuer.
pub(crate) fn bundle_oddities(own: &[Certificate], anchors: &[Certificate]) -> Vec<Oddity> {
    let leaves = anchors.iter().enumerate().filter(|(_, anchor)| !anchor.is_ca);
    let pinned = leaves.map(|(nth, leaf)| Oddity::PinnedLeaf {
        nth: nth + 1,
        subject: leaf.label(),
    });
    pinned.chain(own_issuer_unknown(own, anchors)).collect()
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
