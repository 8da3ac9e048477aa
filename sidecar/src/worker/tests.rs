use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use outrigger_faults::{Fault, Server};
use tokio::{net, task::yield_now, time::timeout};

use super::{Open, Workers};
use crate::{
    config::Config,
    plan::{Means, Plan},
    telemetry::Telemetry,
};

const LONG: Duration = Duration::from_secs(5);

#[test]
fn listeners_of_one_direction_are_counted_together() {
    let telemetry = Telemetry::new();
    let [first, second] = [(); 2].map(|()| Open::new("inbound", &*telemetry.recorder));
    first.enter();
    second.enter();
    second.leave();
    let told = telemetry.render();
    let line = "outrigger_connections{direction=\"inbound\",state=\"open\"} 1\n";
    assert!(told.contains(line), "{told}");
}

#[tokio::test]
async fn a_panic_ends_one_http1_connection_and_gives_back_all_it_held() {
    let (world, trap) = World::start();
    trap.set();
    let (mut client, connection) = http1::handshake(world.connect().await).await.unwrap();
    let connection = tokio::spawn(connection);
    let answer = timeout(LONG, client.send_request(get())).await.unwrap();
    assert!(answer.unwrap_err().is_incomplete_message(), "it is closed");
    connection.await.unwrap().unwrap();
    world.is_idle().await;

    // The same worker: there is one.
    let (mut client, connection) = http1::handshake(world.connect().await).await.unwrap();
    tokio::spawn(connection);
    let answer = timeout(LONG, client.send_request(get())).await.unwrap();
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_panic_ends_one_http2_stream_and_gives_back_all_it_held() {
    let (world, trap) = World::start();
    let builder = http2::Builder::new(TokioExecutor::new());
    let (mut client, connection) = builder.handshake(world.connect().await).await.unwrap();
    tokio::spawn(connection);
    trap.set();
    let answer = timeout(LONG, client.send_request(get())).await.unwrap();
    assert!(answer.is_err(), "its stream is reset");
    let answer = timeout(LONG, client.send_request(get())).await.unwrap();
    assert_eq!(answer.unwrap().status(), StatusCode::OK, "on the same connection");
    drop(client);
    world.is_idle().await;
}

#[tokio::test]
async fn a_panic_is_told_as_a_fault_of_ours_and_not_as_a_client_that_went_away() {
    let (world, trap) = World::start();
    trap.set();
    let (mut client, connection) = http1::handshake(world.connect().await).await.unwrap();
    tokio::spawn(connection);
    assert!(timeout(LONG, client.send_request(get())).await.unwrap().is_err());
    world.is_idle().await;
    let told = world.telemetry.render();
    assert!(told.contains("status=\"500\",reason=\"internal\""), "{told}");
    assert!(!told.contains("client_gone"), "{told}");
}

fn get() -> Request<Empty<Bytes>> {
    let request = Request::get("http://app.test/").header("host", "app.test");
    request.body(Empty::new()).unwrap()
}

/// One worker before an app that is well.
struct World {
    telemetry: Telemetry,
    workers: Workers,
    _app: Server,
}

impl World {
    fn start() -> (Self, Trap) {
        let (telemetry, trap, app) = (Telemetry::new(), Trap::default(), Server::start(Fault::None));
        let text = format!(
            "[[outbound.upstream]]\nname = \"app\"\nendpoints = [\"{}\"]\n",
            app.addr()
        );
        let config = Config::parse(&text, Path::new("outrigger.toml")).unwrap().config;
        let recorder = Arc::new(Trapped {
            recorder: telemetry.recorder.clone(),
            trap: trap.clone(),
        });
        let means = Means {
            config: &config,
            identity: None,
            recorder,
        };
        let plan = Arc::new(Plan::new(&means).unwrap());
        let workers = Workers::start(1, &plan, &*telemetry.recorder).unwrap();
        let world = Self {
            telemetry,
            workers,
            _app: app,
        };
        (world, trap)
    }

    /// A client's end of a connection that the worker has.
    async fn connect(&self) -> TokioIo<net::TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, addr): (_, SocketAddr) = listener.accept().unwrap();
        for stream in [&client, &server] {
            stream.set_nonblocking(true).unwrap();
        }
        self.workers.serve(server, addr, 0);
        TokioIo::new(net::TcpStream::from_std(client).unwrap())
    }

    /// Waits until no connection is left, and sees that no request is.
    async fn is_idle(&self) {
        let empty = async {
            while self.workers.open(0) > 0 {
                yield_now().await;
            }
        };
        timeout(LONG, empty).await.expect("the connection is counted out");
        let told = self.telemetry.render();
        let count = "outrigger_requests_in_flight{direction=\"outbound\",upstream=\"app\"} 0\n";
        assert!(told.contains(count), "{told}");
    }
}

/// Set, it lets the next attempt at an upstream panic: somewhere in the middle of a request, with a place taken.
#[derive(Clone, Default)]
struct Trap(Arc<AtomicBool>);

impl Trap {
    fn set(&self) {
        self.0.store(true, Relaxed);
    }
}

impl CounterFn for Trap {
    fn increment(&self, _: u64) {
        assert!(!self.0.swap(false, Relaxed), "a panic on purpose");
    }

    fn absolute(&self, _: u64) {}
}

/// A recorder with the trap in it.
struct Trapped {
    recorder: Arc<dyn Recorder + Send + Sync>,
    trap: Trap,
}

impl Recorder for Trapped {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        match key.name() {
            "outrigger_attempts_total" => Counter::from_arc(Arc::new(self.trap.clone())),
            _ => self.recorder.register_counter(key, metadata),
        }
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.recorder.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.recorder.register_histogram(key, metadata)
    }
}
