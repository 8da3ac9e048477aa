//! Connections in memory, so that tests can pause the clock and hold both ends.

pub(crate) mod names;
pub(crate) mod peer;

use std::{
    error::Error,
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, combinators::UnsyncBoxBody};
use outrigger_gateway::{Failure, Reason, find_cause};
use outrigger_layers::breaker::state::Config;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    Endpoint, Upstream, UpstreamConfig,
    body::BoxError,
    connect::{Connect, Connected, Protocol},
    discover::Endpoints,
};

/// What requests of tests carry.
pub(crate) type TestBody = UnsyncBoxBody<Bytes, BoxError>;

/// Bytes that a connection takes before its reader must read.
const BUFFER: usize = 4096;

/// Longer than anything that a test with a paused clock waits for in earnest.
const PATIENCE: Duration = Duration::from_secs(100_000);

pub(crate) fn no_body() -> TestBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn endpoint(port: u16) -> Endpoint {
    Endpoint::new(address(port))
}

pub(crate) fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

/// An upstream with endpoints at these ports, and where its dials arrive.
pub(crate) fn upstream(
    ports: impl IntoIterator<Item = u16>,
    config: UpstreamConfig,
) -> (Upstream<Memory, TestBody>, Dials) {
    let (memory, dials) = Memory::new(None);
    let endpoints = Endpoints::fixed(ports.into_iter().map(address));
    (Upstream::new("test".into(), endpoints, memory, config), dials)
}

/// The same, each endpoint with a breaker of its own, as it comes.
pub(crate) fn broken_upstream(
    ports: impl IntoIterator<Item = u16>,
    config: UpstreamConfig,
) -> (Upstream<Memory, TestBody>, Endpoints, Dials) {
    let (memory, dials) = Memory::new(None);
    let endpoints = Endpoints::fixed(ports.into_iter().map(address)).with_breakers(Config::default());
    let upstream = Upstream::new("test".into(), endpoints.clone(), memory, config);
    (upstream, endpoints, dials)
}

/// The result of `future`, which must not take forever.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it ends")
}

/// Lets every task run that can.
pub(crate) async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// A connector whose other ends a test holds.
pub(crate) struct Memory {
    dials: mpsc::UnboundedSender<Dial>,
    negotiated: Option<Protocol>,
}

/// Dials as they arrive.
pub(crate) struct Dials(mpsc::UnboundedReceiver<Dial>);

/// A dial under way.
pub(crate) struct Dial {
    pub(crate) endpoint: Endpoint,
    negotiated: Option<Protocol>,
    answer: oneshot::Sender<Result<Connected<Line>, Failure>>,
}

impl Memory {
    pub(crate) fn new(negotiated: Option<Protocol>) -> (Arc<Self>, Dials) {
        let (dials, arriving) = mpsc::unbounded_channel();
        (Arc::new(Self { dials, negotiated }), Dials(arriving))
    }
}

impl Connect for Memory {
    type Io = Line;

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connected<Line>, Failure> {
        let (answer, told) = oneshot::channel();
        let dial = Dial {
            endpoint: endpoint.clone(),
            negotiated: self.negotiated,
            answer,
        };
        assert!(self.dials.send(dial).is_ok(), "a test keeps its dials");
        told.await.expect("a test answers its dials")
    }

    fn classify(&self, error: &(dyn Error + 'static)) -> Option<Failure> {
        find_cause::<Alert>(error).map(|alert| Failure::new(Reason::TlsAlert).with_detail(alert))
    }

    fn is_secure(&self) -> bool {
        self.negotiated.is_some()
    }
}

impl Dials {
    pub(crate) async fn next(&mut self) -> Dial {
        soon(self.0.recv()).await.expect("someone dials")
    }

    /// The other end of the next connection.
    pub(crate) async fn accept(&mut self) -> DuplexStream {
        self.next().await.accept()
    }

    /// A dial that comes, once all have done what they can.
    pub(crate) async fn soon(&mut self) -> Option<Dial> {
        settle().await;
        self.0.try_recv().ok()
    }

    /// Whether nobody dials, once all have done what they can.
    pub(crate) async fn are_over(&mut self) -> bool {
        self.soon().await.is_none()
    }
}

impl Dial {
    pub(crate) fn accept(self) -> DuplexStream {
        self.connect(None)
    }

    /// A connection that ends with this alert, instead of in silence.
    pub(crate) fn accept_to_alert(self, alert: u8) -> DuplexStream {
        self.connect(Some(Alert(alert)))
    }

    pub(crate) fn refuse(self, reason: Reason) {
        let failure = Failure::new(reason).with_unprocessed(reason != Reason::TlsAlert);
        let _ = self.answer.send(Err(failure));
    }

    fn connect(self, alert: Option<Alert>) -> DuplexStream {
        let (ours, theirs) = duplex(BUFFER);
        let connected = Connected {
            io: Line { inner: ours, alert },
            protocol: self.negotiated,
        };
        let _ = self.answer.send(Ok(connected));
        theirs
    }
}

/// Our end of a connection.
#[derive(Debug)]
pub(crate) struct Line {
    inner: DuplexStream,
    alert: Option<Alert>,
}

/// As rustls tells a fatal alert: an error of its own within one of io.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alert(pub(crate) u8);

impl Alert {
    fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fatal alert {}", self.0)
    }
}

impl Error for Alert {}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        match self.alert {
            Some(alert) if buf.filled().len() == before => Poll::Ready(Err(alert.into_io())),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf));
        // A connector waits for the alert behind a write that failed.
        Poll::Ready(written.map_err(|error| self.alert.map_or(error, Alert::into_io)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
