//! What runs in the demo: an app, the sidecars, and what they need.

use std::{error::Error, net::SocketAddr, path::Path, time::Duration};

use outrigger_certs_dev::{Authority, Issued, Request, Validity};
use outrigger_identity::{Identity, Pem};
use tokio::time::sleep;

use super::{app::App, caller::Caller, configuration, names::NameServer};
use crate::{Direction, Sidecar, config::Config};

/// The demo could not be set up.
pub(super) type SetupError = Box<dyn Error + Send + Sync>;

/// A metric is counted when a body has ended, which its reader may learn a moment earlier.
const UNTIL_COUNTED: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(10);

/// Everything that runs. Dropping it ends it.
#[derive(Debug)]
pub(super) struct World {
    /// The app.
    pub(super) app: App,
    /// The sidecar beside the app: mutual TLS in, plain text to the app.
    pub(super) server: Sidecar,
    /// The sidecar beside the caller: plain text in, mutual TLS out.
    pub(super) client: Sidecar,
    /// Another server, whose certificate has expired.
    _expired: Sidecar,
    /// When it did.
    pub(super) expired_at: String,
    /// Another client, whose certificate is from an authority that the server does not know.
    pub(super) stranger: Sidecar,
    _names: NameServer,
}

impl World {
    /// Makes certificates and starts everything, each at a free port of loopback.
    pub(super) async fn start() -> Result<Self, SetupError> {
        let papers = Papers::new()?;
        let app = App::start()?;
        let names = NameServer::start().await?;
        let server = sidecar(&configuration::server(app.addr()), &papers.server)?;
        let expired = sidecar(&configuration::expired(app.addr()), &papers.expired)?;
        let reachable = configuration::Reachable {
            app: inbound(&server, 0),
            narrow: inbound(&server, 1),
            expired: inbound(&expired, 0),
            names: names.addr(),
        };
        let client = sidecar(&configuration::client(&reachable), &papers.client)?;
        let stranger = sidecar(&configuration::stranger(&reachable), &papers.stranger)?;
        Ok(Self {
            app,
            server,
            client,
            _expired: expired,
            expired_at: outrigger_identity::date(papers.expired.leaf().not_after),
            stranger,
            _names: names,
        })
    }

    /// Calls as the app does that the client's sidecar stands beside.
    pub(super) fn caller(&self) -> Caller {
        Caller::through(outbound(&self.client))
    }

    /// Calls through the stranger's sidecar.
    pub(super) fn caller_at_the_stranger(&self) -> Caller {
        Caller::through(outbound(&self.stranger))
    }

    /// Whether the server's sidecar has counted a request that ended for this reason.
    pub(super) async fn server_counted(&self, reason: &str) -> bool {
        let label = format!("reason=\"{reason}\"");
        let looks = UNTIL_COUNTED.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            let metrics = Caller::through(self.server.admin())
                .get("admin", "/metrics")
                .await;
            let text = metrics.map(|seen| seen.text()).unwrap_or_default();
            if text
                .lines()
                .any(|line| line.starts_with("outrigger_requests_total") && line.contains(&label))
            {
                return true;
            }
            sleep(LOOK).await;
        }
        false
    }
}

/// Where the outbound listener of a sidecar is.
pub(super) fn outbound(sidecar: &Sidecar) -> SocketAddr {
    let mut listening = sidecar.listening(Direction::Outbound);
    listening
        .next()
        .expect("it is configured with an outbound listener")
}

/// Where the inbound listener of this index is.
pub(super) fn inbound(sidecar: &Sidecar, index: usize) -> SocketAddr {
    let mut listening = sidecar.listening(Direction::Inbound);
    listening
        .nth(index)
        .expect("it is configured with this inbound listener")
}

fn sidecar(text: &str, identity: &Identity) -> Result<Sidecar, SetupError> {
    let loaded = Config::parse(text, Path::new("/in-memory/outrigger.toml"))?;
    Ok(Sidecar::start(loaded.config, Some(identity.clone()))?)
}

/// Everybody's certificates, from an authority that exists in memory alone.
struct Papers {
    server: Identity,
    client: Identity,
    expired: Identity,
    stranger: Identity,
}

impl Papers {
    fn new() -> Result<Self, SetupError> {
        let (authority, foreign) = (Authority::new("demo")?, Authority::new("foreign")?);
        let server = Request::new("server")
            .with_dns("app.test")
            .with_spiffe("spiffe://demo/app");
        let client = Request::new("client").with_spiffe("spiffe://demo/caller");
        let stranger = Request::new("stranger").with_spiffe("spiffe://foreign/caller");
        let issue = |request: &Request| identity(&authority.issue(request)?, &authority);
        Ok(Self {
            server: issue(&server)?,
            client: issue(&client)?,
            expired: issue(&server.with_validity(Validity::expired()))?,
            // It knows whom to trust; it is just not known itself.
            stranger: identity(&foreign.issue(&stranger)?, &authority)?,
        })
    }
}

fn identity(issued: &Issued, trusted: &Authority) -> Result<Identity, SetupError> {
    Ok(Identity::from_pem(&Pem {
        cert: issued.chain_pem().as_bytes(),
        key: issued.key_pem().as_bytes(),
        trust: trusted.root_pem().as_bytes(),
        crl: &[],
    })?)
}
