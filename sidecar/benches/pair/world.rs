//! What is called: an app, a sidecar that passes on in plain text, and a pair of them with mutual TLS between.

use std::{convert::Infallible, error::Error, net::SocketAddr, path::Path};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use outrigger_certs_dev::{self as certs, Authority};
use outrigger_identity::{Identity, Pem};
use outrigger_sidecar::{Direction, Sidecar, config::Config};
use tokio::net::{TcpListener, TcpStream};

type SetupError = Box<dyn Error + Send + Sync>;

/// What the app answers with.
const ANSWER: Bytes = Bytes::from_static(&[b'x'; 1024]);

const PROCESS: &str = r#"
workers = 1
admin   = { listen = "127.0.0.1:0" }
probe   = { listen = "none" }
"#;

const IDENTITY: &str = r#"
[identity]
cert  = "tls.crt"
key   = "tls.key"
trust = "ca.crt"
"#;

/// Everything that runs; it ends with this.
pub(crate) struct World {
    pub(crate) app: SocketAddr,
    plain: Sidecar,
    client: Sidecar,
    _server: Sidecar,
}

impl World {
    /// Starts all of it, each at a free port of loopback.
    pub(crate) async fn start() -> Result<Self, SetupError> {
        let app = start_app().await?;
        let authority = Authority::new("bench")?;
        let identity = |request: &certs::Request| identity(&authority, request);
        let server = certs::Request::new("server").with_dns("app.test");
        let server = start(&inbound(app), Some(identity(&server)?))?;
        let between = listening(&server, Direction::Inbound);
        let client = certs::Request::new("client").with_spiffe("spiffe://bench/caller");
        let client = identity(&client)?;
        Ok(Self {
            app,
            plain: start(&outbound(app, r#"mode = "off""#, ""), None)?,
            client: start(
                &outbound(between, r#"mode = "mutual", server_name = "app.test""#, IDENTITY),
                Some(client),
            )?,
            _server: server,
        })
    }

    /// A sidecar that calls the app itself.
    pub(crate) fn plain(&self) -> SocketAddr {
        listening(&self.plain, Direction::Outbound)
    }

    /// A sidecar that calls the one beside the app.
    pub(crate) fn pair(&self) -> SocketAddr {
        listening(&self.client, Direction::Outbound)
    }
}

fn inbound(app: SocketAddr) -> String {
    format!(
        r#"{PROCESS}{IDENTITY}
[[inbound]]
listen = "127.0.0.1:0"
tls    = "mutual"
app    = {{ endpoints = ["{app}"], protocol = "http1" }}
"#
    )
}

fn outbound(to: SocketAddr, tls: &str, identity: &str) -> String {
    format!(
        r#"{PROCESS}{identity}
[outbound]
listen = "127.0.0.1:0"
[[outbound.upstream]]
name      = "app"
endpoints = ["{to}"]
tls       = {{ {tls} }}
"#
    )
}

fn start(text: &str, identity: Option<Identity>) -> Result<Sidecar, SetupError> {
    let loaded = Config::parse(text, Path::new("outrigger.toml"))?;
    Ok(Sidecar::start(loaded.config, identity)?)
}

fn listening(sidecar: &Sidecar, direction: Direction) -> SocketAddr {
    let mut listening = sidecar.listening(direction);
    listening.next().expect("it is configured with this listener")
}

fn identity(authority: &Authority, request: &certs::Request) -> Result<Identity, SetupError> {
    let issued = authority.issue(request)?;
    Ok(Identity::from_pem(&Pem {
        cert: issued.chain_pem().as_bytes(),
        key: issued.key_pem().as_bytes(),
        trust: authority.root_pem().as_bytes(),
        crl: &[],
    })?)
}

async fn start_app() -> Result<SocketAddr, SetupError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Ok(addr)
}

async fn serve(stream: TcpStream) {
    // Whoever is still connected at the end of the bench is cut off.
    let _ = stream.set_nodelay(true);
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
    Ok(response
        .body(Full::new(ANSWER))
        .expect("the answer is well-formed"))
}
