//! Mutual TLS from our clients: accepts, and says in one word and one sentence why not.
//!
//! TLS 1.3, else 1.2. With [`ClientAuth::Required`] a client must present a certificate that ends in the trust
//! bundle; who it is and what it may do is for authorization, which finds it in [`Peer`](crate::Peer). A name in
//! SNI is never looked at: callers reach us under many, and there is one certificate. Tickets are handed out, and
//! outlive neither the acceptor nor the client's certificate.
//!
//! Not covered: time, and how many handshakes run at once. The caller bounds both.

use std::{fmt, io, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    server::{NoServerSessionStorage, ResolvesServerCert},
    sign::SingleCertAndKey,
    time_provider::{DefaultTimeProvider, TimeProvider},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
pub use tokio_rustls::server::TlsStream;

use crate::{
    Alpn, HandshakeResult, Identity, SetupError, classify, handshake, tickets::Tickets, tls,
    verify::ClientVerifier,
};

/// Whether clients must have a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// One from the trust bundle (`tls = "mutual"`).
    Required,
    /// None is asked for (`tls = "server"`).
    None,
}

/// How to accept.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Whether clients must have a certificate.
    pub client_auth: ClientAuth,
    /// Application protocols, most wanted first; a client that offers only others is refused.
    pub alpn: &'static [Alpn],
    /// What time it is; the system's clock if `None`.
    pub clock: Option<Arc<dyn TimeProvider>>,
}

impl ServerSettings {
    /// HTTP/2 or HTTP/1.1, the system's clock.
    pub fn new(client_auth: ClientAuth) -> Self {
        Self {
            client_auth,
            alpn: Alpn::BOTH,
            clock: None,
        }
    }
}

/// Accepts clients. Cheap to clone; clones take each other's tickets.
#[derive(Clone)]
pub struct Acceptor {
    tls: TlsAcceptor,
    /// What we present, for sentences.
    own: Arc<str>,
}

impl Acceptor {
    /// An acceptor with ticket keys of its own.
    pub fn try_new(identity: &Identity, settings: ServerSettings) -> Result<Self, SetupError> {
        let ServerSettings {
            client_auth,
            alpn,
            clock,
        } = settings;
        let clock = clock.unwrap_or_else(|| Arc::new(DefaultTimeProvider));
        let builder = ServerConfig::builder_with_details(tls::provider().clone(), clock.clone())
            .with_protocol_versions(tls::VERSIONS)?;
        let builder = match client_auth {
            ClientAuth::Required => {
                builder.with_client_cert_verifier(Arc::new(ClientVerifier::try_new(identity)?))
            }
            ClientAuth::None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(own_certificate(identity));
        config.alpn_protocols = Alpn::wire(alpn);
        // What is chosen does not depend on who asks. All that is offered is strong; scanners ask for an order anyway.
        config.ignore_client_order = true;
        config.ticketer = Arc::new(Tickets::try_new(clock)?);
        // Tickets say until when they hold; a store of sessions could not.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        let own = format!("ours is {}", identity.leaf().summary());
        Ok(Self {
            tls: TlsAcceptor::from(Arc::new(config)),
            own: own.into(),
        })
    }

    /// Makes the handshake over `io`. No time limit here.
    pub async fn accept<IO>(&self, io: IO) -> Result<TlsStream<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        handshake::observe(self.tls.accept(io))
            .await
            .map_err(|(error, refusal)| classify::failed_accept(error, refusal, &self.own))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

fn own_certificate(identity: &Identity) -> Arc<dyn ResolvesServerCert> {
    Arc::new(SingleCertAndKey::from(identity.pair.clone()))
}

/// Why a client was not let in.
#[derive(Debug)]
pub struct AcceptError {
    pub(crate) result: HandshakeResult,
    pub(crate) detail: String,
    pub(crate) source: Option<io::Error>,
}

impl AcceptError {
    /// The client did not finish the handshake within `limit`, which the caller set.
    pub fn timeout(limit: Duration) -> Self {
        let detail = format!("the client did not finish the TLS handshake within {limit:?}");
        Self {
            result: HandshakeResult::Timeout,
            detail,
            source: None,
        }
    }

    /// The value for `outrigger_handshakes_total{result}`.
    pub fn result(&self) -> HandshakeResult {
        self.result
    }

    /// One ASCII sentence for operators.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether it is everyday noise: port scans and TCP probes connect and leave.
    pub fn is_noise(&self) -> bool {
        matches!(self.result, HandshakeResult::Eof | HandshakeResult::Reset)
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
