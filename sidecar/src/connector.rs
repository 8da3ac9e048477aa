//! Where upstream and identity are married: how a connection to an endpoint is made, in plaintext or over TLS.

use std::{
    collections::HashMap,
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use outrigger_gateway::{Failure, Reason};
use outrigger_identity::{
    self as identity, Alpn, ClientSettings, Expect, Explained, Identity, ServerName, SetupError, classify,
};
use outrigger_upstream::{
    Endpoint,
    connect::{Connect, Connected, Protocol, tcp},
};
use tokio::net::TcpStream;

use crate::{handshakes::Handshakes, stream::MaybeTls};

/// A connection to an upstream, which says why it broke if the peer did.
pub(crate) type Stream = Explained<MaybeTls<identity::client::TlsStream<TcpStream>>>;

/// Connects to the endpoints of one upstream.
#[derive(Debug)]
pub(crate) enum Connector {
    /// Plain TCP.
    Plain,
    /// TLS, with our certificate or without.
    Tls(Box<Tls>),
}

/// Who we are to an upstream, and who it must be to us.
#[derive(Debug)]
pub(crate) struct Tls {
    identity: Arc<Identity>,
    settings: ClientSettings,
    handshakes: Handshakes,
    /// One for each endpoint, made when it is first needed: a ticket is of use only to the server that gave it.
    made: Mutex<HashMap<SocketAddr, identity::Connector>>,
}

/// So many endpoints are remembered; where addresses come and go, the gone ones must not pile up.
const REMEMBERED: usize = 1024;

impl Connector {
    /// Expects what `settings` say; if that is nothing, the name or the address of the endpoint.
    pub(crate) fn tls(
        identity: Arc<Identity>,
        settings: ClientSettings,
        handshakes: Handshakes,
    ) -> Result<Self, SetupError> {
        let tls = Tls {
            identity,
            settings,
            handshakes,
            made: Mutex::default(),
        };
        if !tls.expects_the_endpoint() {
            // What cannot be set up is told at the start, not to the first request.
            identity::Connector::try_new(&tls.identity, tls.settings.clone())?;
        }
        Ok(Self::Tls(Box::new(tls)))
    }
}

impl Tls {
    /// Whether nothing was said of who the upstream must be, but where it is.
    fn expects_the_endpoint(&self) -> bool {
        let expected = &self.settings.expect;
        expected.server_name.is_none() && expected.spiffe.is_empty()
    }

    fn for_endpoint(&self, endpoint: &Endpoint) -> Result<identity::Connector, Failure> {
        let mut made = self.made();
        if let Some(connector) = made.get(&endpoint.address()) {
            return Ok(connector.clone());
        }
        let mut settings = self.settings.clone();
        if self.expects_the_endpoint() {
            settings.expect = Expect::name(expected_name(endpoint)?);
        }
        let connector = identity::Connector::try_new(&self.identity, settings).map_err(|error| {
            Failure::new(Reason::Configuration)
                .with_detail(&error)
                .with_source(error)
        })?;
        if made.len() >= REMEMBERED {
            made.clear();
        }
        made.insert(endpoint.address(), connector.clone());
        Ok(connector)
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connected<Stream>, Failure> {
        let connector = self.for_endpoint(endpoint)?;
        let stream = tcp(endpoint).await?;
        let shaken = connector.connect(stream).await;
        self.handshakes.count(shaken.as_ref().err());
        let stream = shaken?;
        let agreed = Alpn::of(stream.get_ref().1);
        let stream = MaybeTls::Tls(Box::new(stream));
        let protocol = agreed.map(|alpn| match alpn {
            Alpn::H2 => Protocol::Http2,
            Alpn::Http11 => Protocol::Http1,
        });
        Ok(Connected {
            // The reader of HTTP/1.1 reads on when a write has failed, and so does that of raw TCP, which agrees on
            // nothing; they find out for themselves.
            io: match protocol == Some(Protocol::Http1) || self.settings.alpn.is_empty() {
                true => Explained::plain(stream),
                false => Explained::new(stream),
            },
            protocol,
        })
    }

    /// All connectors have our certificate in common, so that any of them knows what a refusal of it means.
    fn classify(&self, error: &(dyn Error + 'static)) -> Option<Failure> {
        match self.made().values().next() {
            Some(connector) => connector.classify(error),
            None => classify::classify(error),
        }
    }

    fn made(&self) -> MutexGuard<'_, HashMap<SocketAddr, identity::Connector>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn expected_name(endpoint: &Endpoint) -> Result<ServerName<'static>, Failure> {
    match endpoint.host() {
        None => Ok(ServerName::from(endpoint.address().ip())),
        Some(host) => ServerName::try_from(host.to_string())
            .map_err(|error| Failure::new(Reason::Configuration).with_detail(error)),
    }
}

impl Connect for Connector {
    type Io = Stream;

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connected<Stream>, Failure> {
        match self {
            Self::Plain => Ok(Connected {
                io: Explained::plain(MaybeTls::Plain(tcp(endpoint).await?)),
                protocol: None,
            }),
            Self::Tls(tls) => tls.connect(endpoint).await,
        }
    }

    fn classify(&self, error: &(dyn Error + 'static)) -> Option<Failure> {
        match self {
            Self::Plain => None,
            Self::Tls(tls) => tls.classify(error),
        }
    }

    fn is_secure(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}
