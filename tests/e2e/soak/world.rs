//! The pair, and everything that stands around it.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming;
use outrigger_certs_dev::{Fault as Flaw, Issued};
use outrigger_faults::{Fault, Server};
use tokio::time::sleep;

use crate::harness::{
    App, Body, Certificates, Sidecar, channel, echo,
    grpc::{Messages, message, response, status},
    ok, presenting,
};

/// What every failing upstream has in common: it may not hold up the load for long.
const IMPATIENT: &str =
    "timeout = { connect = \"300ms\", head = \"400ms\", idle = \"400ms\", stream_idle = \"400ms\" }\n";

/// The same for clients.
const LIMITS: &str = "[limits]\nidle_time = \"2s\"\nheader_time = \"1s\"\nhandshake_time = \"1s\"\n";

/// Faults that are also played behind the inbound sidecar.
const BEHIND: [Fault; 10] = [
    Fault::Refuse,
    Fault::Silence,
    Fault::NoAnswer,
    Fault::Garbage,
    Fault::CutInBody,
    Fault::ResetInBody,
    Fault::StallInBody,
    Fault::CutBetweenChunks,
    Fault::EarlyAnswer,
    Fault::CloseOnNext,
];

/// A pair, apps that are well, and servers that are not.
pub(super) struct World {
    pub(super) inbound: Sidecar,
    pub(super) outbound: Sidecar,
    /// The hosts whose upstreams fail, one way or another.
    pub(super) faulty: Arc<[String]>,
    addrs: Addrs,
    apps: Option<Apps>,
    servers: Vec<Server>,
    /// The files stay for as long as the sidecars that read them.
    _certificates: Certificates,
}

/// Where the apps are, each time that they run.
#[derive(Clone, Copy)]
struct Addrs {
    app: SocketAddr,
    calls: SocketAddr,
    mortal: SocketAddr,
}

/// A part of loopback that nobody calls from: while an app is dead, nothing else can take its port.
const APART: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 7), 0));

struct Apps {
    app: App,
    calls: App,
    mortal: Option<App>,
}

impl Apps {
    async fn start(addrs: Addrs) -> Self {
        Self {
            app: App::http1_at(addrs.app, answer).await,
            calls: App::h2c_at(addrs.calls, call).await,
            mortal: Some(App::http1_at(addrs.mortal, answer).await),
        }
    }

    fn addrs(&self) -> Addrs {
        let mortal = self.mortal.as_ref().expect("it is alive");
        Addrs {
            app: self.app.addr,
            calls: self.calls.addr,
            mortal: mortal.addr,
        }
    }
}

/// `ok` to a GET; to anything else what it was sent, or, if that is asked for, nothing until the client leaves.
async fn answer(request: Request<Incoming>) -> Response<Body> {
    match (request.method().as_str(), request.uri().path()) {
        ("GET", "/endless") => endless(),
        ("GET", _) => ok(request).await,
        _ => echo(request).await,
    }
}

/// A body that never ends.
fn endless() -> Response<Body> {
    let (mut sender, body) = channel();
    tokio::spawn(async move { while sender.send_data(vec![7; 10_000].into()).await.is_ok() {} });
    Response::new(body)
}

/// Each message goes back as soon as it is there.
async fn call(request: Request<Incoming>) -> Response<Body> {
    let (mut sender, response) = response();
    let mut messages = Messages::new(request.into_body());
    tokio::spawn(async move {
        while let Ok(Some(payload)) = messages.next().await {
            sender.send_data(message(&payload)).await?;
        }
        sender.send_trailers(status(0)).await
    });
    response
}

impl World {
    pub(super) async fn start() -> Self {
        let certificates = Certificates::new();
        let mut servers = Servers::default();
        let apps = Apps::start(Addrs {
            app: APART,
            calls: APART,
            mortal: APART,
        });
        let apps = apps.await;
        let addrs = apps.addrs();
        let behind = BEHIND.map(|fault| servers.keep(Server::start(fault)));
        let config = inbound(&certificates, addrs, &behind);
        let inbound = Sidecar::start(&config).await;
        servers.add_pair(&inbound.inbound);
        servers.add_plain();
        servers.add_tls(&certificates);
        let outbound = format!(
            "name = \"web.shop\"\n{LIMITS}{}[outbound]\nlisten = \"127.0.0.1:0\"\n{}",
            certificates.identity("web"),
            servers.upstreams
        );
        Self {
            outbound: Sidecar::start(&outbound).await,
            inbound,
            faulty: servers.hosts.into(),
            addrs,
            apps: Some(apps),
            servers: servers.kept,
            _certificates: certificates,
        }
    }

    /// One app of three dies with all its connections, and is back a little later.
    pub(super) async fn kill_and_restart_an_app(&mut self) {
        let apps = self.apps.as_mut().expect("it is called under load");
        sleep(Duration::from_millis(700)).await;
        apps.mortal = None;
        sleep(Duration::from_millis(300)).await;
        apps.mortal = Some(App::http1_at(self.addrs.mortal, answer).await);
    }

    /// Ends all that the sidecars talk to.
    pub(super) fn end_upstreams(&mut self) {
        self.apps = None;
        self.servers.clear();
    }

    /// Starts the apps again, at the ports that the sidecars know.
    pub(super) async fn revive(&mut self) {
        self.apps = Some(Apps::start(self.addrs).await);
    }

    /// Where anyone may call: a listener that speaks TLS, and two that do not.
    pub(super) fn exposed(&self) -> [SocketAddr; 3] {
        [
            self.inbound.inbound[0],
            self.inbound.inbound[3],
            self.outbound.outbound(),
        ]
    }
}

/// The upstreams of the outbound sidecar, and what is behind them.
#[derive(Default)]
struct Servers {
    upstreams: String,
    hosts: Vec<String>,
    kept: Vec<Server>,
}

impl Servers {
    fn keep(&mut self, server: Server) -> SocketAddr {
        let addr = server.addr();
        self.kept.push(server);
        addr
    }

    /// The listeners of the inbound sidecar, in its order.
    fn add_pair(&mut self, listeners: &[SocketAddr]) {
        const TLS: &str = "tls = { server_name = \"orders.shop.svc\" }\n";
        self.add("app", listeners[0], TLS);
        self.add("calls", listeners[1], TLS);
        self.add("mortal", listeners[2], &[TLS, IMPATIENT].concat());
        for (at, listener) in listeners[4..].iter().enumerate() {
            let host = format!("behind{at}");
            self.add(&host, *listener, TLS);
            self.hosts.push(host);
        }
    }

    fn add_plain(&mut self) {
        for (at, fault) in Fault::ALL.iter().enumerate() {
            let addr = self.keep(Server::start(*fault));
            let keys = format!(
                "tls = {{ mode = \"off\" }}\nprotocol = \"{}\"\n",
                protocol(*fault).0
            );
            self.add_faulty(&format!("plain{at}"), addr, &keys);
        }
    }

    fn add_tls(&mut self, certificates: &Certificates) {
        let orders = Certificates::workload("orders");
        let good = certificates.authority.issue(&orders).unwrap();
        for (at, fault) in Fault::ALL.iter().enumerate() {
            if matches!(fault, Fault::Refuse | Fault::Blackhole) {
                continue;
            }
            self.add_behind(&format!("tls{at}"), *fault, &good);
        }
        for (at, flaw) in Flaw::ALL.into_iter().enumerate() {
            let flawed = certificates.authority.issue_faulty(flaw, &orders).unwrap();
            self.add_behind(&format!("flaw{at}"), Fault::None, &flawed);
        }
    }

    fn add_behind(&mut self, host: &str, fault: Fault, issued: &Issued) {
        let (protocol, alpn) = protocol(fault);
        let addr = self.keep(Server::start_tls(fault, presenting(issued, alpn)));
        let keys = format!("tls = {{ server_name = \"orders.shop.svc\" }}\nprotocol = \"{protocol}\"\n");
        self.add_faulty(host, addr, &keys);
    }

    fn add_faulty(&mut self, host: &str, addr: SocketAddr, keys: &str) {
        self.add(host, addr, &format!("{keys}{IMPATIENT}"));
        self.hosts.push(host.to_owned());
    }

    fn add(&mut self, host: &str, addr: SocketAddr, keys: &str) {
        self.upstreams += &format!(
            "[[outbound.upstream]]\nname = \"{host}\"\nhosts = [\"{host}\"]\nendpoints = [\"{addr}\"]\nbreaker = {{ failures = 0 }}\n{keys}"
        );
    }
}

/// As the configuration and as ALPN call it.
fn protocol(fault: Fault) -> (&'static str, &'static [u8]) {
    match format!("{fault:?}").starts_with("H2") {
        true => ("http2", b"h2"),
        false => ("http1", b"http/1.1"),
    }
}

/// Mutual TLS before each app, the first of them without TLS once more, and mutual TLS before what fails.
fn inbound(certificates: &Certificates, addrs: Addrs, behind: &[SocketAddr]) -> String {
    let mut config = format!(
        "name = \"orders.shop\"\n{LIMITS}{}",
        certificates.identity("orders")
    );
    let mut add = |app: SocketAddr, listener: &str, keys: &str| {
        config += &format!(
            "[[inbound]]\nlisten = \"127.0.0.1:0\"\n{listener}[inbound.app]\nendpoints = [\"{app}\"]\nbreaker = {{ failures = 0 }}\n{keys}"
        );
    };
    add(addrs.app, "", "");
    add(addrs.calls, "", "protocol = \"http2\"\n");
    add(addrs.mortal, "", IMPATIENT);
    add(addrs.app, "tls = \"off\"\n", "");
    for app in behind {
        add(*app, "", IMPATIENT);
    }
    config
}
