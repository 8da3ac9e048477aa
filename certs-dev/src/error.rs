//! What can go wrong: asked for something that cannot be, could not read or write, could not sign.

use std::{io, path::PathBuf, time::SystemTime};

use jiff::Timestamp;

/// Why no certificate was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name would not do as a folder's and a subject's name.
    #[error("{name:?} is no usable name: 1 to 63 letters, digits, '-', '_' or '.', not starting with '.'")]
    Name {
        /// The name as given.
        name: String,
    },
    /// A DNS name that no verifier would match.
    #[error("{name:?} is no DNS name: {why}")]
    Dns {
        /// The name as given.
        name: String,
        /// The rule it breaks.
        why: &'static str,
    },
    /// A SPIFFE ID that a strict reader would refuse.
    #[error("{id:?} is no SPIFFE ID: {why}")]
    Spiffe {
        /// The identifier as given.
        id: String,
        /// The rule it breaks.
        why: &'static str,
    },
    /// No name at all was asked for, so nothing could ever verify the certificate.
    #[error("{name:?} needs at least one DNS name, IP address or SPIFFE ID")]
    Nameless {
        /// What it was to be called.
        name: String,
    },
    /// The leaf would still be valid when its issuer is not.
    #[error(
        "a certificate valid until {} would outlive its authority, which ends {}",
        date(.wanted), date(.authority)
    )]
    Outlives {
        /// The end that was asked for.
        wanted: SystemTime,
        /// The end of the authority's own certificates.
        authority: SystemTime,
    },
    /// There is an authority in the folder already.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file that is in the way.
        path: PathBuf,
    },
    /// There is no authority in the folder.
    #[error("no authority in {}", path.display())]
    NoAuthority {
        /// The folder that was looked into.
        path: PathBuf,
    },
    /// A file could not be read, written or made.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done, such as `read`.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file was read and makes no sense.
    #[error("{} is not usable: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A key could not be made or a certificate not be signed.
    #[error("cannot sign")]
    Sign(#[from] rcgen::Error),
}

impl Error {
    /// Whether something impossible was asked for, rather than something possible that failed.
    pub fn is_usage(&self) -> bool {
        use Error::{Dns, Exists, Name, Nameless, NoAuthority, Outlives, Spiffe};
        matches!(
            self,
            Name { .. }
                | Dns { .. }
                | Spiffe { .. }
                | Nameless { .. }
                | Outlives { .. }
                | Exists { .. }
                | NoAuthority { .. }
        )
    }
}

fn date(moment: &SystemTime) -> String {
    match Timestamp::try_from(*moment) {
        Ok(moment) => format!("{moment:.0}"),
        Err(_) => "beyond the calendar".to_owned(),
    }
}
