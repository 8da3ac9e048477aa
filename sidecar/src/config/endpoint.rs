//! Where an upstream is: `ip:port`, or a name that resolves to addresses.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
};

use super::{name::HostName, text::serialize_as_text};

/// One entry of `endpoints`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `ip:port`; the port is never 0.
    Address(SocketAddr),
    /// `dns:host:port`: every address the name has (A and AAAA).
    Dns {
        /// The name to resolve.
        host: HostName,
        /// The port at each of its addresses.
        port: NonZeroU16,
    },
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Dns { host, port } => write!(f, "dns:{host}:{port}"),
        }
    }
}

serialize_as_text!(Endpoint);

impl Endpoint {
    /// Reads an entry; the error is a sentence for the reader of the file.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("dns", name)) => Self::parse_dns(name),
            Some((kind @ ("srv" | "file"), _)) => Err(format!("`{kind}:` endpoints are not available yet")),
            _ => Self::parse_address(text),
        }
    }

    fn parse_address(text: &str) -> Result<Self, String> {
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() == 0 => Err("port 0 cannot be connected to".to_owned()),
            Ok(address) => Ok(Self::Address(address)),
            Err(_) if text.parse::<IpAddr>().is_ok() => Err(format!("`{text}` has no port")),
            Err(_) if Self::parse_dns(text).is_ok() => Err(format!("write a name as `dns:{text}`")),
            Err(_) => Err(format!("`{text}` is neither ip:port nor dns:host:port")),
        }
    }

    fn parse_dns(name: &str) -> Result<Self, String> {
        let Some((host, port)) = name.rsplit_once(':') else {
            return Err(format!("`dns:{name}` has no port; write dns:host:port"));
        };
        let port = port
            .parse()
            .map_err(|_| format!("`{port}` is not a port within 1 to 65535"))?;
        if name.parse::<SocketAddr>().is_ok() {
            return Err(format!("`{host}` is an address; leave out `dns:`"));
        }
        let host = HostName::new(host).ok_or_else(|| format!("`{host}` is not a DNS name"))?;
        Ok(Self::Dns { host, port })
    }
}
