//! An authority of the test's own, and identities of it as files and as TOML.

use std::path::PathBuf;

use outrigger_certs_dev::{Authority, Fault, Issued, Request};
use tempfile::TempDir;

/// An authority, and the folder its identities lie in.
#[derive(Debug)]
pub(crate) struct Certificates {
    pub(crate) authority: Authority,
    folder: TempDir,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        Self {
            authority: Authority::new("shop").unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// What is asked for in the name of a workload: `orders.shop.svc`, `spiffe://shop/ns/shop/sa/orders`.
    pub(crate) fn workload(name: &str) -> Request {
        Request::new(name)
            .with_dns(format!("{name}.shop.svc"))
            .with_spiffe(format!("spiffe://shop/ns/shop/sa/{name}"))
    }

    /// `[identity]` of a workload.
    pub(crate) fn identity(&self, name: &str) -> String {
        self.identity_of(name, &self.authority.issue(&Self::workload(name)).unwrap())
    }

    /// `[identity]` of a workload, with one thing wrong.
    pub(crate) fn faulty_identity(&self, name: &str, fault: Fault) -> String {
        let issued = self.authority.issue_faulty(fault, &Self::workload(name)).unwrap();
        self.identity_of(name, &issued)
    }

    /// `[identity]` of what was issued.
    pub(crate) fn identity_of(&self, name: &str, issued: &Issued) -> String {
        let folder = self.write(name, issued);
        let file = |name: &str| folder.join(name).display().to_string();
        format!(
            "[identity]\ncert = {:?}\nkey = {:?}\ntrust = {:?}\n",
            file("tls.crt"),
            file("tls.key"),
            file("ca.crt")
        )
    }

    /// Writes `tls.crt`, `tls.key` and `ca.crt` into a folder of that name.
    pub(crate) fn write(&self, name: &str, issued: &Issued) -> PathBuf {
        let folder = self.folder.path().join(name);
        issued.write_to(&folder).unwrap();
        folder
    }
}
