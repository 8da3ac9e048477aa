//! Clients of every kind, each over and over until told to stop.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Method, Request};
use http_body_util::BodyExt;
use outrigger_faults::HostileClient;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::world::World;
use crate::harness::{
    Body, Client, LONG, Reply, channel, empty, full,
    grpc::{calling, message},
};

/// The longest that a client has patience with what fails.
const PATIENCE: Duration = Duration::from_secs(3);

/// So that the machine has room for others.
const BREATH: Duration = Duration::from_millis(3);

/// A request to this host.
pub(super) fn request(method: Method, host: &str, path: &str, body: Body) -> Request<Body> {
    let uri = format!("http://{host}{path}");
    Request::builder().method(method).uri(uri).body(body).unwrap()
}

pub(super) fn get(host: &str) -> Request<Body> {
    request(Method::GET, host, "/", empty())
}

/// The same as a call.
fn grpc(host: &str, body: Body) -> Request<Body> {
    let mut call = calling("Any", &[], body);
    *call.uri_mut() = format!("http://{host}/shop.Orders/Any").parse().unwrap();
    call
}

/// How often what was done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) healthy: usize,
    pub(super) faulty: usize,
}

/// What all clients share.
#[derive(Clone)]
struct Common {
    outbound: SocketAddr,
    stop: Arc<AtomicBool>,
    healthy: Arc<AtomicUsize>,
    faulty: Arc<AtomicUsize>,
}

/// Clients at work. Each ends with what it found wrong.
pub(super) struct Load {
    common: Common,
    clients: JoinSet<Result<(), String>>,
}

impl Load {
    pub(super) fn on(world: &World) -> Self {
        let common = Common {
            outbound: world.outbound.outbound(),
            stop: Arc::default(),
            healthy: Arc::default(),
            faulty: Arc::default(),
        };
        let mut clients = JoinSet::new();
        for _ in 0..4 {
            clients.spawn(common.clone().asks(false));
            clients.spawn(common.clone().asks(true));
            clients.spawn(common.clone().calls());
            clients.spawn(common.clone().streams());
        }
        for first in 0..12 {
            clients.spawn(common.clone().meets_faults(world.faulty.clone(), first * 11));
        }
        for _ in 0..2 {
            clients.spawn(common.clone().meets_a_mortal());
            clients.spawn(common.clone().leaves(false));
            clients.spawn(common.clone().leaves(true));
        }
        for (port, hostile) in world.exposed().into_iter().zip([0, 5, 10]) {
            clients.spawn(common.clone().attacks(port, hostile));
        }
        Self { common, clients }
    }

    /// How much was done, and what was wrong.
    pub(super) async fn end(self) -> (Told, Vec<String>) {
        self.common.stop.store(true, Relaxed);
        let ends = self.clients.join_all().await;
        let told = Told {
            healthy: self.common.healthy.load(Relaxed),
            faulty: self.common.faulty.load(Relaxed),
        };
        (told, ends.into_iter().filter_map(Result::err).collect())
    }
}

impl Common {
    async fn goes_on(&self) -> bool {
        sleep(BREATH).await;
        !self.stop.load(Relaxed)
    }

    async fn client(&self, http2: bool) -> Client {
        match http2 {
            true => Client::http2(self.outbound).await,
            false => Client::http1(self.outbound).await,
        }
    }

    /// Gets and posts over one connection, all of which must succeed.
    async fn asks(self, http2: bool) -> Result<(), String> {
        let client = self.client(http2).await;
        let text = "x".repeat(100_000);
        while self.goes_on().await {
            for (request, expected) in [
                (get("app"), "ok"),
                (request(Method::POST, "app", "/", full(text.clone())), &*text),
            ] {
                let reply = reply(&client, request).await?;
                if reply.status != 200 || reply.text() != expected || reply.cut.is_some() {
                    return Err(format!("{} {:?}: {}", reply.status, reply.cut, reply.text()));
                }
                self.healthy.fetch_add(1, Relaxed);
            }
        }
        Ok(())
    }

    /// Unary calls, all of which must succeed.
    async fn calls(self) -> Result<(), String> {
        let client = self.client(true).await;
        while self.goes_on().await {
            let mut call = client.call(grpc("calls", full(message(b"hello")))).await;
            let (answer, code) = (call.next().await, call.code().await);
            if answer.as_deref() != Some(b"hello") || code != Some(0) {
                return Err(format!("{answer:?} {code:?} {call:?}"));
            }
            self.healthy.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Calls that go back and forth a hundred times.
    async fn streams(self) -> Result<(), String> {
        let client = self.client(true).await;
        while self.goes_on().await {
            let (mut sender, body) = channel();
            let mut call = client.call(grpc("calls", body)).await;
            for n in 0..100_u32 {
                let payload = n.to_be_bytes();
                if sender.send_data(message(&payload)).await.is_err() {
                    return Err(format!("nobody takes message {n}"));
                }
                if call.next().await.as_deref() != Some(&payload) {
                    return Err(format!("no answer to message {n}"));
                }
            }
            drop(sender);
            if call.code().await != Some(0) {
                return Err(format!("{:?}", call.trailer("grpc-message")));
            }
            self.healthy.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Goes from one failing upstream to the next, each time in another way; however it fails, it ends.
    async fn meets_faults(self, hosts: Arc<[String]>, first: usize) -> Result<(), String> {
        let mut turn = first;
        while self.goes_on().await {
            let host = &hosts[turn % hosts.len()];
            let way = turn / hosts.len() + turn % 4;
            turn += 1;
            let client = self.client(way % 2 == 1).await;
            let end = match way % 4 {
                0 | 1 => meet(&client, get(host)).await,
                2 => {
                    let upload = request(Method::POST, host, "/", full(vec![7; 300_000]));
                    meet(&client, upload).await
                }
                _ => call(&client, grpc(host, full(message(b"x")))).await,
            };
            end.map_err(|error| format!("{host}, way {}: {error}", way % 4))?;
            self.faulty.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Asks an app that dies now and then; every answer is `ok` or a failure of the gateway's.
    async fn meets_a_mortal(self) -> Result<(), String> {
        let client = self.client(true).await;
        while self.goes_on().await {
            let reply = reply(&client, get("mortal")).await?;
            if !matches!(reply.status.as_u16(), 200 | 502 | 503 | 504) {
                return Err(format!("{}: {}", reply.status, reply.text()));
            }
            self.faulty.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Leaves in the middle of an upload, of a download, and of a call.
    async fn leaves(self, http2: bool) -> Result<(), String> {
        while self.goes_on().await {
            let (mut sender, body) = channel();
            let upload = request(Method::POST, "app", "/", body);
            let download = request(Method::GET, "app", "/endless", empty());
            let client = self.client(http2).await;
            let _ = tokio::join!(
                timeout(BREATH * 3, client.try_send(upload)),
                sender.send_data(vec![7; 50_000].into())
            );
            let client = self.client(http2).await;
            let begun = timeout(LONG, client.try_send(download)).await;
            let begun = begun.map_err(|_| "a download does not begin")?;
            let mut response = begun.map_err(|error| format!("a download: {error:?}"))?;
            let _ = timeout(LONG, response.frame()).await;
            let client = self.client(true).await;
            let (mut sender, body) = channel();
            let mut begun = client.call(grpc("calls", body)).await;
            let _ = sender.send_data(message(b"x")).await;
            begun.next().await;
            self.faulty.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Every way of being hostile in turn.
    async fn attacks(self, port: SocketAddr, first: usize) -> Result<(), String> {
        let mut ways = HostileClient::ALL.iter().cycle().skip(first);
        while self.goes_on().await {
            let way = ways.next().expect("there is no end of them");
            let _ = timeout(PATIENCE, way.call(port)).await;
            self.faulty.fetch_add(1, Relaxed);
        }
        Ok(())
    }
}

/// A response to its end, good or bad, which must come in time.
async fn reply(client: &Client, request: Request<Body>) -> Result<Reply, String> {
    let target = request.uri().clone();
    let reply = async {
        let response = client.try_send(request).await;
        Ok(Reply::read(response.map_err(|error| format!("{target}: {error:?}"))?).await)
    };
    let reply = timeout(LONG, reply).await;
    reply.unwrap_or_else(|_| Err(format!("{target}: not in time")))
}

/// A failing upstream is told of with a status, or with a body that is cut.
async fn meet(client: &Client, request: Request<Body>) -> Result<(), String> {
    let reply = reply(client, request).await?;
    match reply.status.as_u16() {
        // Some faults are answers, and some only spoil a body.
        200 | 408 | 413 | 500..=504 => Ok(()),
        status => Err(format!("{status} {:?} {}", reply.cut, reply.text())),
    }
}

/// A failing upstream is told of to a call as well; what it answered itself need not be gRPC.
async fn call(client: &Client, request: Request<Body>) -> Result<(), String> {
    let reply = reply(client, request).await?;
    let is_answer = reply.field("content-type") != "application/grpc";
    match is_answer || !reply.trailer("grpc-status").is_empty() || reply.cut.is_some() {
        true => Ok(()),
        false => Err(format!("{:?} {:?}", reply.headers, reply.trailers)),
    }
}
