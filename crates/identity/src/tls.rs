//! What client and server have in common: provider, versions, application protocols.

use std::sync::{Arc, LazyLock};

use rustls::{
    CommonState, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    version::{TLS12, TLS13},
};

/// TLS 1.3 first.
pub(crate) static VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// Passed to every configuration, so that nothing depends on a process-wide default.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

pub(crate) fn provider() -> &'static Arc<CryptoProvider> {
    &PROVIDER
}

/// An application protocol, negotiated by ALPN (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// HTTP/2.
    H2,
    /// HTTP/1.1.
    Http11,
}

impl Alpn {
    /// HTTP/2, else HTTP/1.1: what both sides take unless told otherwise.
    pub const BOTH: &'static [Self] = &[Self::H2, Self::Http11];

    /// Its name on the wire.
    pub const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::H2 => b"h2",
            Self::Http11 => b"http/1.1",
        }
    }

    /// What was agreed on; `None` if nothing was, as with a peer that does not know ALPN.
    ///
    /// Of a stream: `Alpn::of(stream.get_ref().1)`.
    pub fn of(connection: &CommonState) -> Option<Self> {
        let agreed = connection.alpn_protocol()?;
        Self::BOTH.iter().copied().find(|alpn| alpn.as_bytes() == agreed)
    }

    pub(crate) fn wire(list: &[Self]) -> Vec<Vec<u8>> {
        list.iter().map(|alpn| alpn.as_bytes().to_vec()).collect()
    }
}
