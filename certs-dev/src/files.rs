//! PEM files: written whole, keys readable by their owner alone from the first moment they exist.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process,
};

use pem::{EncodeConfig, LineEnding, Pem};
use rustls_pki_types::CertificateDer;

use crate::Error;

/// The chain, in a Kubernetes TLS secret and in ours.
pub const CERTIFICATE_FILE: &str = "tls.crt";
/// The key.
pub const KEY_FILE: &str = "tls.key";
/// The root to trust.
pub const CA_FILE: &str = "ca.crt";

#[derive(Clone, Copy)]
pub(crate) enum Secrecy {
    Public,
    Secret,
}

pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| failed("make", path, source))
}

pub(crate) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| failed("read", path, source))
}

/// Writes beside `path` and renames: a reader finds the old text or the new one, never half of it.
pub(crate) fn write(path: &Path, text: &str, secrecy: Secrecy) -> Result<(), Error> {
    let draft = draft_of(path);
    write_new(&draft, text, secrecy)
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|source| {
            // The draft may hold a key: it must not stay behind. Failing that too changes nothing.
            let _ = fs::remove_file(&draft);
            failed("write", path, source)
        })
}

fn write_new(path: &Path, text: &str, secrecy: Secrecy) -> io::Result<()> {
    let mode = match secrecy {
        Secrecy::Public => 0o644,
        Secrecy::Secret => 0o600,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn draft_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", process::id()))
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}

pub(crate) fn certificates_pem<'a>(
    certificates: impl IntoIterator<Item = &'a CertificateDer<'static>>,
) -> String {
    certificates
        .into_iter()
        .map(|certificate| pem_block("CERTIFICATE", certificate))
        .collect()
}

/// One block of RFC 7468, lines ended as on Unix.
pub(crate) fn pem_block(label: &str, der: &[u8]) -> String {
    let style = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new(label, der), style)
}
