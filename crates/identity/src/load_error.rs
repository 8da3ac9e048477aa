//! What can be wrong with the files of an identity, and what is only odd about them.

use std::{fmt, io, path::PathBuf};

/// What is wrong with one file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct LoadError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Everything that is wrong with the files of an identity; never empty.
#[derive(Debug)]
pub struct LoadErrors(pub(crate) Vec<LoadError>);

impl LoadErrors {
    /// One by one: the certificate's, the key's, the bundle's and the revocation lists'.
    pub fn iter(&self) -> std::slice::Iter<'_, LoadError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a LoadErrors {
    type Item = &'a LoadError;
    type IntoIter = std::slice::Iter<'a, LoadError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for LoadErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, error) in self.iter().enumerate() {
            write!(f, "{}{error}", if nth == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadErrors {}

/// What can be wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is no such file.
    #[error("does not exist")]
    Missing,
    /// It is there and cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// It holds nothing but white space.
    #[error("is empty")]
    Empty,
    /// It holds something else than PEM.
    #[error("holds no PEM block, {wanted} is expected")]
    NoPem {
        /// What should be there.
        wanted: &'static str,
    },
    /// It is DER where PEM is expected.
    #[error("is DER; {wanted} is expected as PEM (openssl can convert it: -inform DER -outform PEM)")]
    Der {
        /// What should be there.
        wanted: &'static str,
    },
    /// It holds PEM blocks of other kinds only.
    #[error("holds {found} where {wanted} is expected")]
    OtherKind {
        /// What should be there.
        wanted: &'static str,
        /// The labels of the blocks that are there.
        found: String,
    },
    /// A PEM block is damaged.
    #[error("is damaged: {0}")]
    BrokenPem(String),
    /// A certificate cannot be read.
    #[error("certificate {nth}: {what}")]
    Certificate {
        /// Which one, from 1.
        nth: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The first certificate is an authority's.
    #[error("begins with the certificate of an authority ({subject}); the leaf must come first")]
    LeafIsAuthority {
        /// Whose certificate it is.
        subject: String,
    },
    /// The key is behind a passphrase.
    #[error(
        "holds an encrypted private key; nobody is here to type its passphrase, so decrypt it (openssl pkey)"
    )]
    EncryptedKey,
    /// It is not said which of several keys is meant.
    #[error("holds {0} private keys, one is expected")]
    SeveralKeys(usize),
    /// The key is of a kind that we cannot use.
    #[error("holds a private key that cannot be used: {0}")]
    UnusableKey(String),
    /// Key and certificate do not belong together.
    #[error("is not the key of the certificate in {} ({subject})", certificate.display())]
    KeyMismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// Whose certificate it is.
        subject: String,
    },
    /// A certificate of the trust bundle is a leaf.
    #[error(
        "certificate {nth} ({subject}, issued by {issuer}) is not an authority's; trust its issuer instead"
    )]
    NotAuthority {
        /// Which one, from 1.
        nth: usize,
        /// Whose certificate it is.
        subject: String,
        /// Who issued it.
        issuer: String,
    },
    /// A revocation list cannot be read.
    #[error("is no revocation list that can be used: {0}")]
    RevocationList(String),
}

/// Something odd about one file: it is used all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {oddity}", path.display())]
pub struct LoadWarning {
    /// The file.
    pub path: PathBuf,
    /// What is odd about it.
    pub oddity: Oddity,
}

/// What can be odd about a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Oddity {
    /// A certificate is followed by one that did not issue it; peers may fail to build the chain.
    #[error(
        "certificate {nth} ({subject}) was issued by {issuer}, but the next one is of {next}; put issuers in order"
    )]
    ChainOrder {
        /// Which one, from 1.
        nth: usize,
        /// Whose certificate it is.
        subject: String,
        /// Who issued it.
        issuer: String,
        /// Whose certificate follows.
        next: String,
    },
    /// Peers with the same bundle will refuse us.
    #[error(
        "nobody with this bundle will trust our own certificate: {issuer}, which issued {subject}, is not in it"
    )]
    OwnIssuerUnknown {
        /// The last certificate of our chain.
        subject: String,
        /// Who issued it.
        issuer: String,
    },
    /// The bundle holds a self-signed leaf; exactly this certificate is trusted.
    #[error(
        "certificate {nth} ({subject}) is self-signed and no authority's: only itself is trusted through it"
    )]
    PinnedLeaf {
        /// Which one, from 1.
        nth: usize,
        /// Whose certificate it is.
        subject: String,
    },
    /// The authority should have published a newer list; what this one revokes stays revoked.
    #[error("the revocation list of {issuer} should have been replaced by {next_update}")]
    StaleRevocationList {
        /// Whose list it is.
        issuer: String,
        /// When the next one was due.
        next_update: String,
    },
}
