//! An authority of the test's own, and identities of it as files and as TOML.

use std::{path::PathBuf, sync::Arc};

use outrigger_certs_dev::{Authority, Fault, Issued, Request};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    sign::{CertifiedKey, SingleCertAndKey},
};
use tempfile::TempDir;

/// What a server needs that presents this certificate, whatever is wrong with it, and speaks this by ALPN.
pub(crate) fn presenting(issued: &Issued, alpn: &[u8]) -> Arc<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = provider.key_provider.load_private_key(issued.key_der()).unwrap();
    // Not checked to match, as a library would: that is one of the faults.
    let presented = SingleCertAndKey::from(CertifiedKey::new(issued.chain_der(), key));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(presented));
    config.alpn_protocols = vec![alpn.to_vec()];
    Arc::new(config)
}

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
