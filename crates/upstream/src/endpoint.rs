//! One place where an upstream can be reached.

use std::{fmt, net::SocketAddr, sync::Arc};

/// An address of an upstream, with its text at hand: `ip:port`, as errors, logs and `next-hop` show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    address: SocketAddr,
    label: Arc<str>,
    host: Option<Arc<str>>,
}

impl Endpoint {
    /// The endpoint at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            label: address.to_string().into(),
            host: None,
        }
    }

    /// The endpoint at `address`, which is one that the name `host` resolves to.
    pub fn resolved(address: SocketAddr, host: Arc<str>) -> Self {
        Self {
            host: Some(host),
            ..Self::new(address)
        }
    }

    /// The name that was resolved, if there was one.
    pub fn host(&self) -> Option<&Arc<str>> {
        self.host.as_ref()
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as text.
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
