//! Where upstream and identity are married: how a connection to an endpoint is made, in plaintext or over TLS.

use std::{
    collections::HashMap,
    error::Error,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use outrigger_gateway::{Failure, Reason};
use outrigger_identity::{
    self as identity, Alpn, ClientSettings, Expect, Identity, ServerName, SetupError, classify,
};
use outrigger_upstream::{
    Endpoint,
    connect::{Connect, Connected, Protocol, tcp},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{handshakes::Handshakes, stream::MaybeTls};

/// Connects to the endpoints of one upstream.
#[derive(Debug)]
pub(crate) enum Connector {
    /// Plain TCP.
    Plain,
    /// TLS, with our certificate or without.
    Tls(Box<Tls>),
}

/// What is expected of an upstream's certificate, and who we are to it.
#[derive(Debug)]
pub(crate) struct Tls {
    names: Names,
    handshakes: Handshakes,
}

#[derive(Debug)]
enum Names {
    /// Every endpoint is expected to be the same one.
    One(identity::Connector),
    /// Each is expected to be who its name or address says; connectors are made as they are needed.
    Each {
        identity: Arc<Identity>,
        settings: ClientSettings,
        made: Mutex<HashMap<String, identity::Connector>>,
    },
}

impl Connector {
    /// Expects what `settings` say; if that is nothing, the name or the address of the endpoint.
    pub(crate) fn tls(
        identity: &Arc<Identity>,
        settings: ClientSettings,
        handshakes: Handshakes,
    ) -> Result<Self, SetupError> {
        let expected = &settings.expect;
        let names = if expected.server_name.is_none() && expected.spiffe.is_empty() {
            Names::Each {
                identity: identity.clone(),
                settings,
                made: Mutex::default(),
            }
        } else {
            Names::One(identity::Connector::try_new(identity, settings)?)
        };
        Ok(Self::Tls(Box::new(Tls { names, handshakes })))
    }
}

impl Tls {
    fn for_endpoint(&self, endpoint: &Endpoint) -> Result<identity::Connector, Failure> {
        let (identity, settings, made) = match &self.names {
            Names::One(connector) => return Ok(connector.clone()),
            Names::Each {
                identity,
                settings,
                made,
            } => (identity, settings, made),
        };
        let name = expected_name(endpoint)?;
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connector) = made.get(&*name.to_str()) {
            return Ok(connector.clone());
        }
        let key = name.to_str().into_owned();
        let settings = ClientSettings {
            expect: Expect::name(name),
            ..settings.clone()
        };
        let connector = identity::Connector::try_new(identity, settings).map_err(|error| {
            Failure::new(Reason::Configuration)
                .with_detail(&error)
                .with_source(error)
        })?;
        made.insert(key, connector.clone());
        Ok(connector)
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connected<Stream>, Failure> {
        let connector = self.for_endpoint(endpoint)?;
        let stream = tcp(endpoint).await?;
        let shaken = connector.connect(stream).await;
        self.handshakes.count(shaken.as_ref().err());
        let stream = shaken?;
        let protocol = Alpn::of(stream.get_ref().1).map(|alpn| match alpn {
            Alpn::H2 => Protocol::Http2,
            Alpn::Http11 => Protocol::Http1,
        });
        Ok(Connected {
            io: Stream(MaybeTls::Tls(Box::new(stream))),
            protocol,
        })
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
                io: Stream(MaybeTls::Plain(tcp(endpoint).await?)),
                protocol: None,
            }),
            Self::Tls(tls) => tls.connect(endpoint).await,
        }
    }

    fn classify(&self, error: &(dyn Error + 'static)) -> Option<Failure> {
        match self {
            Self::Plain => None,
            Self::Tls(_) => classify::classify(error),
        }
    }

    fn is_secure(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

/// A connection to an upstream, which says why it broke if the peer did.
#[derive(Debug)]
pub(crate) struct Stream(MaybeTls<identity::client::TlsStream<TcpStream>>);

impl Stream {
    /// What a failed write means. The peer may have said why before it went away: an alert that nobody has read.
    fn explain<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let MaybeTls::Tls(stream) = &mut self.0 else {
            return written;
        };
        written.map_err(|error| {
            let mut scratch = [0; 512];
            match Pin::new(stream).poll_read(cx, &mut ReadBuf::new(&mut scratch)) {
                Poll::Ready(Err(cause)) if classify::find_rustls(&cause).is_some() => cause,
                _ => error,
            }
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.0).poll_write(cx, buf);
        self.explain(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.0).poll_write_vectored(cx, bufs);
        self.explain(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.0).poll_flush(cx);
        self.explain(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
