//! One sidecar a process, and exchanges through it, one after the other.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use outrigger_sidecar::{Direction, Sidecar, config::Config};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};

use super::app::{self, Script};

/// A client that does not know whether more is to come waits so long for it.
const QUIET: Duration = Duration::from_millis(20);
/// No exchange takes longer, on a machine however busy; each of the sidecar's own limits is two seconds at most.
const LONGEST: Duration = Duration::from_secs(30);
/// Once in so many exchanges the sidecar is asked what is in flight.
const COUNTED: usize = 64;

/// What the app speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Http1,
    Http2,
}

/// What happens.
pub(super) struct Exchange<'a> {
    pub(super) side: Side,
    pub(super) sent: &'a [u8],
    pub(super) answer: &'a [u8],
    /// Whether the app waits for a whole request, however long it takes.
    pub(super) patient_app: bool,
    /// Whether the client waits for all it needs, however long it takes, or for the connection's end.
    pub(super) patient_client: bool,
    /// Whether a client that got so much needs no more.
    pub(super) done: &'a dyn Fn(&[u8]) -> bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Told {
    /// What the client got.
    pub(super) client: Vec<u8>,
    /// What the app got, by connection.
    pub(super) app: Vec<Vec<u8>>,
}

struct World {
    runtime: Runtime,
    sidecar: Sidecar,
    apps: [TcpListener; 2],
    exchanges: usize,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| Mutex::new(World::new()));

/// Has one exchange, to its end.
pub(super) fn exchange(exchange: &Exchange<'_>) -> Told {
    let mut world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    world.exchanges += 1;
    let told = world.runtime.block_on(async {
        let told = timeout(LONGEST, world.exchange(exchange)).await;
        told.expect("the exchange does not end")
    });
    if world.exchanges.is_multiple_of(COUNTED) {
        world.runtime.block_on(world.check_counts());
    }
    told
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let (sidecar, apps) = runtime.block_on(async {
            // libFuzzer's main is not Rust's, which would ignore it: a write to a client that is gone would end us.
            drop(signal(SignalKind::pipe()).expect("it can be handled"));
            let listen = async || TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let apps = [listen().await, listen().await];
            let [http1, http2] = [&apps[0], &apps[1]].map(|app| app.local_addr().expect("an address"));
            let config = config(http1, http2);
            let loaded = Config::parse(&config, Path::new("fuzz.toml")).expect("nothing is wrong with it");
            (Sidecar::start(loaded.config, None).expect("it starts"), apps)
        });
        Self {
            runtime,
            sidecar,
            apps,
            exchanges: 0,
        }
    }

    async fn exchange(&self, exchange: &Exchange<'_>) -> Told {
        let index = usize::from(exchange.side == Side::Http2);
        let script = Script {
            answer: exchange.answer.into(),
            patient: exchange.patient_app,
            http2: exchange.side == Side::Http2,
        };
        let records = Arc::default();
        let served = app::serve(&self.apps[index], script, Arc::clone(&records));
        let inbound = self
            .sidecar
            .listening(Direction::Inbound)
            .nth(index)
            .expect("an inbound");
        tokio::select! {
            client = client(inbound, exchange) => Told { client, app: app::taken(&records) },
            () = served => unreachable!("the app serves for ever"),
        }
    }

    /// Once all clients are gone, nothing is in flight.
    async fn check_counts(&self) {
        let mut last = String::new();
        for _ in 0..500 {
            last = self.metrics().await;
            let counts = last.lines().filter(|line| {
                let counted = [
                    "outrigger_requests_in_flight",
                    "outrigger_limit_in_flight",
                    "outrigger_connections",
                ];
                counted.iter().any(|name| line.starts_with(name))
            });
            if counts.clone().count() > 2 && counts.into_iter().all(|line| line.ends_with(" 0")) {
                return;
            }
            sleep(QUIET).await;
        }
        panic!("something stays in flight:\n{last}");
    }

    async fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.sidecar.admin())
            .await
            .expect("the admin surface");
        let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.expect("it is read");
        let mut told = String::new();
        stream.read_to_string(&mut told).await.expect("an answer");
        told
    }
}

async fn client(addr: SocketAddr, exchange: &Exchange<'_>) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).await.expect("the sidecar listens");
    let mut got = Vec::new();
    let (mut reader, mut writer) = stream.split();
    let reading = async {
        let mut buffer = vec![0; 65536];
        while !(exchange.done)(&got) {
            match timeout(
                if exchange.patient_client { LONGEST } else { QUIET },
                reader.read(&mut buffer),
            )
            .await
            {
                Ok(Ok(0) | Err(_)) | Err(_) => return,
                Ok(Ok(bytes)) => got.extend_from_slice(&buffer[..bytes]),
            }
        }
    };
    // Who is refused early may not get rid of all it has to say.
    tokio::join!(reading, async {
        let _ = timeout(LONGEST, writer.write_all(exchange.sent)).await;
    });
    // It goes without ceremony, so that no port is kept for it.
    let _ = stream.set_zero_linger();
    got
}

fn config(http1: SocketAddr, http2: SocketAddr) -> String {
    format!(
        r#"
name = "fuzz"
workers = 1
[[inbound]]
listen = "127.0.0.1:0"
tls = "off"
[inbound.app]
endpoints = ["{http1}"]
timeout = {{ connect = "2s", head = "1s", idle = "1s", stream_idle = "1s" }}
[[inbound]]
listen = "127.0.0.1:0"
tls = "off"
[inbound.app]
endpoints = ["{http2}"]
protocol = "http2"
timeout = {{ connect = "2s", head = "1s", idle = "1s", stream_idle = "1s" }}
[limits]
header_time = "1s"
idle_time = "1s"
[admin]
listen = "127.0.0.1:0"
[probe]
listen = "none"
[log]
access = "off"
"#
    )
}
