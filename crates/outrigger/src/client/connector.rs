//! The connector: name, TCP and TLS, and the memory of what servers refused.

use std::{
    error::Error,
    fmt,
    net::Ipv4Addr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use outrigger_gateway::{Failure, Reason, os};
use outrigger_identity::{
    Alpn, ClientSettings, Connector, Expect, Explained, Identity, ServerName, SetupError, classify,
};
use outrigger_layers::classify::BoxError;
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout},
};
use tower_service::Service;

use super::{of_client, stream::MtlsStream};

/// How long after a refusal it explains a connection that just ended.
const LATELY: Duration = Duration::from_secs(1);

/// A `tower::Service<Uri>` that connects over mutual TLS. Clones share sessions.
///
/// It resolves a URI's host by the system, tries its addresses one after the other, and makes the handshake of
/// [`identity`](crate::identity), all within [`connect_timeout`](Self::connect_timeout); 443 is the port of a URI without
/// one. It never connects in plaintext, whatever the scheme; `http` keeps clients from adding TLS of their own. It fails with a
/// [`Failure`]; [`classify`](Self::classify) finds that in the client's error, and names what breaks later:
/// under TLS 1.3 a server refuses our certificate only after the handshake.
///
/// Not covered: limits, retries and deadlines (put a [`ClientLayer`](crate::stack::ClientLayer) around the client); alarms before a
/// certificate expires, which are [`Watch::run`](crate::identity::Watch::run)'s.
///
/// ```no_run
/// use http_body_util::Empty;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use outrigger::{
///     client::MtlsConnector,
///     identity::{ClientSettings, Expect, Identity, Sources, Watch, log_stage},
/// };
///
/// # async fn client() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = Identity::load(&Sources {
///     cert: "tls.crt".into(),
///     key: "tls.key".into(),
///     trust: "ca.crt".into(),
///     crl: Vec::new(),
/// })?;
/// tokio::spawn(Watch::new(identity.certificates()).run(log_stage));
/// let expect = Expect::spiffe(vec!["spiffe://shop/ns/shop/sa/orders".parse()?]);
/// let connector = MtlsConnector::try_new(&identity, ClientSettings::new(expect))?;
///
/// let client = Client::builder(TokioExecutor::new()).build::<_, Empty<&[u8]>>(connector.clone());
/// let answer = client.get("http://orders.shop.svc:15006/".parse()?).await;
/// let answer = answer.map_err(|error| connector.classify(error.into()))?; // "certificate_expired: ..."
/// # drop(answer);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MtlsConnector {
    shared: Arc<Shared>,
    limit: Duration,
}

struct Shared {
    identity: Identity,
    settings: ClientSettings,
    /// One for each authority, the last one that was connected to first: a ticket is of use only to the server that gave it.
    made: Mutex<Vec<(Arc<str>, Connector)>>,
    refused: Refused,
}

/// The last refusal that a connection ended with. The client's error may not have it: its request only hears that the
/// connection is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Refused(Arc<Mutex<Option<(Instant, Failure)>>>);

/// So many authorities are remembered.
const REMEMBERED: usize = 64;

impl MtlsConnector {
    /// Connects as `identity` to who `settings` expect; if that is nothing, to a certificate for the URI's host. Within 1 s.
    ///
    /// # Errors
    /// What cannot be set up: a trust bundle, say.
    pub fn try_new(identity: &Identity, settings: ClientSettings) -> Result<Self, SetupError> {
        let connector = Self {
            shared: Arc::new(Shared {
                identity: identity.clone(),
                settings,
                made: Mutex::default(),
                refused: Refused::default(),
            }),
            limit: Duration::from_secs(1),
        };
        // What cannot be set up is told now, not to the first request.
        connector.shared.make(ServerName::from(Ipv4Addr::LOCALHOST))?;
        Ok(connector)
    }

    /// Bounds name, TCP and TLS together; beyond it fails with [`Reason::ConnectionTimeout`].
    #[must_use]
    pub fn connect_timeout(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// The failure that an error of a client over this connector means: as [`find`](Self::find), else [`Reason::Internal`].
    pub fn classify(&self, error: BoxError) -> Failure {
        self.find(&*error).unwrap_or_else(|| Failure::from_error(error))
    }

    /// The same, if this connector or hyper can tell.
    ///
    /// What fails while connecting carries its failure. A server's refusal of our certificate is looked for in the error, and, if
    /// that says no more than that the connection is gone, in what this connector's streams ended with in the last second.
    pub fn find(&self, error: &(dyn Error + 'static)) -> Option<Failure> {
        let told = Failure::find(error)
            .cloned()
            .or_else(|| classify::classify(error));
        told.or_else(|| {
            let failure = of_client(error)?;
            let gone = failure.reason() == Reason::ClosedBeforeResponse;
            gone.then(|| self.shared.refused.lately())
                .flatten()
                .or(Some(failure))
        })
    }
}

impl Shared {
    fn make(&self, host: ServerName<'static>) -> Result<Connector, SetupError> {
        let mut settings = self.settings.clone();
        if settings.expect.server_name.is_none() && settings.expect.spiffe.is_empty() {
            settings.expect = Expect::name(host);
        }
        Connector::try_new(&self.identity, settings)
    }

    /// The connector for this authority.
    fn connector(&self, host: &str, authority: &str) -> Result<Connector, Failure> {
        let configuration = |error: BoxError| {
            let failure = Failure::new(Reason::Configuration).with_detail(&error);
            failure.with_source(error)
        };
        let known = |made: &Vec<(Arc<str>, Connector)>| {
            let found = made.iter().find(|(known, _)| **known == *authority);
            found.map(|(_, connector)| connector.clone())
        };
        if let Some(connector) = known(&self.made()) {
            return Ok(connector);
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| configuration(error.into()))?;
        let connector = self.make(name).map_err(|error| configuration(error.into()))?;
        let mut made = self.made();
        made.truncate(REMEMBERED - 1);
        made.insert(0, (authority.into(), connector.clone()));
        Ok(connector)
    }

    fn made(&self) -> MutexGuard<'_, Vec<(Arc<str>, Connector)>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self, uri: &Uri) -> Result<MtlsStream, Failure> {
        let host = uri.host().ok_or_else(|| {
            Failure::new(Reason::Configuration).with_detail(format_args!("{uri} names no host"))
        })?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(443);
        let connector = self.connector(host, &format!("{host}:{port}"))?;
        let stream = tcp(host, port).await?;
        let stream = connector.connect(stream).await?;
        // A reader of HTTP/1.1 reads on when a write has failed, and finds out for itself.
        let stream = match Alpn::of(stream.get_ref().1) {
            Some(Alpn::Http11) => Explained::plain(stream),
            _ => Explained::new(stream),
        };
        Ok(MtlsStream::new(stream, connector, self.refused.clone()))
    }
}

impl Refused {
    pub(super) fn note(&self, failure: Failure) {
        *self.last() = Some((Instant::now(), failure));
    }

    fn lately(&self) -> Option<Failure> {
        let last = self.last();
        let (at, failure) = last.as_ref()?;
        (at.elapsed() < LATELY).then(|| failure.clone())
    }

    fn last(&self) -> MutexGuard<'_, Option<(Instant, Failure)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects to the first of the host's addresses that takes it.
async fn tcp(host: &str, port: u16) -> Result<TcpStream, Failure> {
    let unresolved = |failure: Failure| failure.with_unprocessed(true);
    let addresses = lookup_host((host, port)).await.map_err(|error| {
        unresolved(Failure::new(Reason::DnsError))
            .with_detail(format_args!("looking up {host}: {}", os::plain(&error)))
            .with_source(error)
    })?;
    let mut last = unresolved(Failure::new(Reason::DnsError))
        .with_detail(format_args!("looking up {host}: there is no address"));
    for address in addresses {
        let connected = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        match connected.await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                last = os::not_connected(error, address).at_endpoint(address.to_string().into());
            }
        }
    }
    Err(last)
}

impl fmt::Debug for MtlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MtlsConnector")
            .field("settings", &self.shared.settings)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl Service<Uri> for MtlsConnector {
    type Response = MtlsStream;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<MtlsStream, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (shared, limit) = (self.shared.clone(), self.limit);
        Box::pin(async move {
            timeout(limit, shared.connect(&uri)).await.unwrap_or_else(|_| {
                let detail = format_args!("no connection to {uri} within {limit:?}");
                Err(Failure::new(Reason::ConnectionTimeout).with_detail(detail))
            })
        })
    }
}
