//! Mutual TLS towards an upstream: connects, and says in one word and one sentence why not.
//!
//! TLS 1.3, else 1.2. The server's chain must end in the trust bundle; then it must have the DNS name or address,
//! the SPIFFE ID, or both, that [`Expect`] names. Sessions are resumed as long as the certificate they rest on is
//! valid. One [`Connector`] is one expectation, so nothing that was verified for one name is resumed under another;
//! make one per endpoint too, so that tickets meet the server that issued them.
//!
//! Not covered: time. The caller bounds TCP and TLS together. Under TLS 1.3 a server may refuse our certificate
//! after [`connect`](Connector::connect) has succeeded; [`Connector::classify`] finds that in a later error.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use outrigger_gateway::Failure;
use rustls::{
    ClientConfig,
    client::{ResolvesClientCert, Resumption, VerifierBuilderError},
    sign::SingleCertAndKey,
    time_provider::{DefaultTimeProvider, TimeProvider},
};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
pub use tokio_rustls::client::TlsStream;

use crate::{
    Alpn, Identity, SpiffeId, SpiffePattern, classify, handshake, sessions::Sessions, tls,
    verify::ServerVerifier,
};

/// Who the upstream must be. At least one of the two must be given; where both are, both must hold.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// A DNS name or address that its certificate must have; also sent as SNI if it is a name.
    pub server_name: Option<ServerName<'static>>,
    /// SPIFFE IDs of which its certificate must have one, as its only URI name.
    pub spiffe: Vec<SpiffePattern>,
}

impl Expect {
    /// A certificate for this DNS name or address.
    pub fn name(name: ServerName<'static>) -> Self {
        Self {
            server_name: Some(name),
            spiffe: Vec::new(),
        }
    }

    /// A certificate with one of these SPIFFE IDs.
    pub fn spiffe(patterns: Vec<SpiffePattern>) -> Self {
        Self {
            server_name: None,
            spiffe: patterns,
        }
    }

    pub(crate) fn allows(&self, id: &SpiffeId) -> bool {
        self.spiffe.iter().any(|pattern| pattern.matches(id))
    }

    /// The name to begin a handshake with. An address is never sent as SNI, so this one means "no name".
    fn name_or_none(&self) -> ServerName<'static> {
        let no_name = || ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.server_name.clone().unwrap_or_else(no_name)
    }
}

/// How to connect.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Who the upstream must be.
    pub expect: Expect,
    /// Whether our certificate is shown to a server that asks for one (`tls.mode = "mutual"`).
    pub present_certificate: bool,
    /// Application protocols to offer, most wanted first; empty offers none.
    pub alpn: &'static [Alpn],
    /// What time it is; the system's clock if `None`.
    pub clock: Option<Arc<dyn TimeProvider>>,
}

impl ClientSettings {
    /// Mutual TLS, HTTP/2 or HTTP/1.1, the system's clock.
    pub fn new(expect: Expect) -> Self {
        Self {
            expect,
            present_certificate: true,
            alpn: Alpn::BOTH,
            clock: None,
        }
    }
}

/// Why a connector or acceptor cannot be made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SetupError {
    /// [`Expect`] is empty: anyone in the bundle could pose as the upstream.
    #[error("neither a server name nor a SPIFFE ID is expected of the upstream")]
    NothingExpected,
    /// The trust bundle or a revocation list cannot be used.
    #[error("the trust bundle cannot be used: {0}")]
    Trust(#[from] VerifierBuilderError),
    /// The provider cannot do what we ask.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Connects to one upstream. Cheap to clone; clones share sessions.
#[derive(Clone)]
pub struct Connector {
    tls: TlsConnector,
    name: ServerName<'static>,
    /// What we present, for sentences.
    own: Arc<str>,
}

impl Connector {
    /// A connector with no sessions yet.
    pub fn try_new(identity: &Identity, settings: ClientSettings) -> Result<Self, SetupError> {
        let ClientSettings {
            expect,
            present_certificate,
            alpn,
            clock,
        } = settings;
        if expect.server_name.is_none() && expect.spiffe.is_empty() {
            return Err(SetupError::NothingExpected);
        }
        let clock = clock.unwrap_or_else(|| Arc::new(DefaultTimeProvider));
        let sessions = Arc::new(Sessions::new(clock.clone()));
        let name = expect.name_or_none();
        let verifier = ServerVerifier::try_new(identity, expect, sessions.clone())?;
        let builder = ClientConfig::builder_with_details(tls::provider().clone(), clock)
            .with_protocol_versions(tls::VERSIONS)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match present_certificate {
            true => builder.with_client_cert_resolver(own_certificate(identity)),
            false => builder.with_no_client_auth(),
        };
        config.alpn_protocols = Alpn::wire(alpn);
        config.resumption = Resumption::store(sessions);
        let own = match present_certificate {
            true => format!("ours is {}", identity.leaf().summary()),
            false => "we are set to present none".to_owned(),
        };
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            name,
            own: own.into(),
        })
    }

    /// Makes the handshake over `io`. No time limit here: the caller's covers TCP and TLS together.
    ///
    /// Whatever fails, nothing of a request was sent.
    pub async fn connect<IO>(&self, io: IO) -> Result<TlsStream<IO>, Failure>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        handshake::observe(self.tls.connect(self.name.clone(), io))
            .await
            .map_err(|(error, refusal)| classify::failed_handshake(error, refusal, &self.own))
    }

    /// The failure of a connection made by this connector, if TLS is its cause.
    ///
    /// As [`classify`](crate::classify::classify); says too which certificate of ours was refused.
    pub fn classify(&self, error: &(dyn Error + 'static)) -> Option<Failure> {
        let tls = classify::find_rustls(error)?;
        Some(classify::failure(tls, Some(&self.own)).with_source(tls.clone()))
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn own_certificate(identity: &Identity) -> Arc<dyn ResolvesClientCert> {
    Arc::new(SingleCertAndKey::from(identity.pair.clone()))
}
