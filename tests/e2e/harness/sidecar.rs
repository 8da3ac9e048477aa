//! The real binary as a process: started with a configuration, asked, stopped, killed when dropped.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

use super::{Client, LONG, Metrics, Reply, Usage, get, log::Log, within};

/// Another one, built as it is shipped, say, may be named by `OUTRIGGER_SOAK_BINARY`.
const BINARY: &str = env!("CARGO_BIN_EXE_outrigger");

const PANICS: &str = "outrigger_panics_total";

/// Admin and probe wherever there is room.
const OPERATORS: &str = "\n[admin]\nlisten = \"127.0.0.1:0\"\n[probe]\nlisten = \"127.0.0.1:0\"\n";

/// A running sidecar.
#[derive(Debug)]
pub(crate) struct Sidecar {
    child: Child,
    _folder: TempDir,
    pub(crate) log: Log,
    pub(crate) inbound: Vec<SocketAddr>,
    /// The listener for all first, then those of upstreams' own.
    pub(crate) outbounds: Vec<SocketAddr>,
    pub(crate) admin: SocketAddr,
    pub(crate) probe: SocketAddr,
}

/// A configuration whose only upstream, `orders`, is at `addr`; `keys` are more of the upstream's.
pub(crate) fn outbound_to(addr: SocketAddr, keys: &str) -> String {
    format!(
        "name = \"web.shop\"\n[outbound]\nlisten = \"127.0.0.1:0\"\n[[outbound.upstream]]\nname = \"orders\"\n\
         endpoints = [\"{addr}\"]\n{keys}\n"
    )
}

/// A configuration that lets others reach the app at `addr`, in plaintext; `keys` are more of the app's.
pub(crate) fn inbound_to(addr: SocketAddr, keys: &str) -> String {
    format!(
        "name = \"orders.shop\"\n[[inbound]]\nlisten = \"127.0.0.1:0\"\ntls = \"off\"\n[inbound.app]\n\
         endpoints = [\"{addr}\"]\n{keys}\n"
    )
}

impl Sidecar {
    /// Starts one that serves. `config` says what it serves; where admin and probe are is said for it.
    ///
    /// # Panics
    ///
    /// If it does not start; what it says about that is shown.
    #[track_caller]
    pub(crate) fn start(config: &str) -> impl Future<Output = Self> {
        within(
            LONG,
            "a sidecar to start",
            Self::launch(config.to_owned() + OPERATORS),
        )
    }

    async fn launch(config: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("outrigger.toml");
        fs::write(&file, &config).unwrap();
        let mut child = binary(&["run", "--config"]).arg(&file).spawn().unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        let Some(ready) = log.find(|line| line["message"] == "ready").await else {
            panic!("it does not start:\n{}\nwith\n{config}", log.text());
        };
        let listening = |direction: &str| {
            let lines = log.records().into_iter();
            let lines = lines.filter(|line| line["message"] == "listening" && line["direction"] == direction);
            lines.map(|line| address(&line["addr"])).collect::<Vec<_>>()
        };
        Self {
            inbound: listening("inbound"),
            outbounds: listening("outbound"),
            admin: address(&ready["admin"]),
            probe: address(&ready["probe"]),
            child,
            _folder: folder,
            log,
        }
    }

    /// Where the app calls others through it.
    pub(crate) fn outbound(&self) -> SocketAddr {
        *self.outbounds.first().expect("the configuration has [outbound]")
    }

    /// Where others call the app through it.
    pub(crate) fn inbound(&self) -> SocketAddr {
        *self.inbound.first().expect("the configuration has [[inbound]]")
    }

    /// What its admin surface answers.
    pub(crate) async fn ask_admin(&self, path: &str) -> Reply {
        Client::http1(self.admin).await.ask(get(path)).await
    }

    /// What its probe surface answers.
    pub(crate) async fn ask_probe(&self, path: &str) -> Reply {
        Client::http1(self.probe).await.ask(get(path)).await
    }

    /// Its metrics now, which must not tell of a panic.
    pub(crate) async fn metrics(&self) -> Metrics {
        let metrics = Metrics::parse(&self.ask_probe("/metrics").await.text());
        assert!(metrics.has(PANICS), "it is there from the start");
        assert_eq!(metrics.sum(PANICS, &[]), 0.0, "{}", self.log.text());
        metrics
    }

    /// The access line of the one exchange that `wanted` is about.
    #[track_caller]
    pub(crate) fn access_line(&self, wanted: impl Fn(&Value) -> bool) -> impl Future<Output = Value> {
        let line = async move {
            let found = self
                .log
                .find(|line| line["target"] == "access" && wanted(line))
                .await;
            found.expect("the sidecar lives until its line is there")
        };
        within(LONG, "an access line", line)
    }

    /// What its process uses now.
    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.child.id())
    }

    /// Sends a signal, such as `TERM`, to this process alone.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Its exit code, once it has ended by itself.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> impl Future<Output = Option<i32>> {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status.code();
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        within(LONG, "the sidecar to end", ended)
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!(
                "---- {:?} said:\n{}",
                self.inbound.first().or(self.outbounds.first()),
                self.log.text()
            );
            return;
        }
        // Whatever a test is about: nothing may panic meanwhile.
        let panics = self.log.panics();
        assert!(panics.is_empty(), "{panics:#?}");
    }
}

/// Runs the binary to its end, in `folder`.
pub(crate) async fn run_to_end(folder: &Path, args: &[&str]) -> Output {
    let mut command = binary(args);
    command.current_dir(folder).stdout(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    within(LONG, "the binary to end by itself", output).await.unwrap()
}

/// The binary with nothing of our environment that would configure it.
fn binary(args: &[&str]) -> Command {
    let program = std::env::var_os("OUTRIGGER_SOAK_BINARY");
    let mut command = Command::new(program.unwrap_or_else(|| BINARY.into()));
    command
        .args(args)
        .env_remove("OUTRIGGER_CONFIG")
        .env_remove("OUTRIGGER_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn address(value: &Value) -> SocketAddr {
    value.as_str().expect("an address is a string").parse().unwrap()
}
