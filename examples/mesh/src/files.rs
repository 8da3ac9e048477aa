//! What the sidecars read: certificates from an authority made for this run, and a configuration each.

use std::{fs, path::Path};

use outrigger_certs_dev::{Authority, Request};
use tempfile::TempDir;

use crate::Error;

/// The configuration of each sidecar; the README shows them as they are.
pub(crate) const CONFIGURATIONS: [(&str, &str); 2] = [
    ("orders.toml", include_str!("../orders.toml")),
    ("web.toml", include_str!("../web.toml")),
];

/// A folder that is gone when this is dropped.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn write() -> Result<Self, Error> {
        let dir = tempfile::Builder::new().prefix("outrigger-mesh-").tempdir()?;
        let authority = Authority::new("shop")?;
        for service in ["orders", "web"] {
            let id = format!("spiffe://shop/ns/shop/sa/{service}");
            let issued = authority.issue(&Request::new(service).with_spiffe(id))?;
            issued.write_to(dir.path().join(service))?;
        }
        for (name, text) in CONFIGURATIONS {
            fs::write(dir.path().join(name), text)?;
        }
        Ok(Self(dir))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}
