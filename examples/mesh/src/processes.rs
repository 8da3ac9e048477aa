//! The four processes beside this one. Whatever ends this one ends them.

use std::{
    env,
    io::{self, Read},
    net::TcpListener,
    path::Path,
    process::{self, Stdio},
    thread,
    time::Duration,
};

use tokio::{process::Command, task::JoinSet, time::sleep};

use crate::{Error, context, orders, web};

/// Where the sidecars listen, as their configurations say.
const SIDECARS: [&str; 4] = [
    "127.0.0.1:7002",
    "127.0.0.1:7003",
    "127.0.0.1:7102",
    "127.0.0.1:7103",
];

/// A service that crashed stays away for this long.
pub(crate) const PAUSE: Duration = Duration::from_secs(5);

/// Processes that run for as long as this is kept.
pub(crate) struct Processes(JoinSet<Error>);

impl Processes {
    /// Starts the services and their sidecars; these find their configurations in `dir`.
    pub(crate) fn start(dir: &Path) -> Result<Self, Error> {
        for addr in [orders::ADDR, web::ADDR].into_iter().chain(SIDECARS) {
            TcpListener::bind(addr).map_err(context(addr))?;
        }
        let file = |name| dir.join(name).to_string_lossy().into_owned();
        let mut processes = JoinSet::new();
        processes.spawn(keep_up(vec!["orders".into()]));
        processes.spawn(keep_up(vec!["web".into()]));
        processes.spawn(keep_up(vec!["sidecar".into(), file("orders.toml")]));
        processes.spawn(keep_up(vec!["sidecar".into(), file("web.toml")]));
        Ok(Self(processes))
    }

    /// Runs a task to its end, or until a process has ended for good.
    pub(crate) async fn until<T>(
        &mut self,
        task: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            Some(ended) = self.0.join_next() => Err(ended.unwrap_or_else(Error::from)),
            result = task => result,
        }
    }
}

/// Runs a process, again after a pause if it crashed, until it ends for another reason; that reason is returned.
async fn keep_up(args: Vec<String>) -> Error {
    loop {
        match run(&args).await {
            Ok(Some(orders::CRASHED)) => sleep(PAUSE).await,
            Ok(code) => return format!("{} has ended: {code:?}", args.join(" ")).into(),
            Err(error) => return context(args.join(" "))(error),
        }
    }
}

/// Runs this program with other arguments; its exit code.
async fn run(args: &[String]) -> io::Result<Option<i32>> {
    let mut child = Command::new(env::current_exe()?)
        .args(args)
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    // Open for as long as we live, and not a moment longer: `end_with_parent` reads from it.
    let _stdin = child.stdin.take();
    Ok(child.wait().await?.code())
}

/// Runs `role` in a process that ends when the one that started it does, however that came about.
pub(crate) fn end_with_parent<T>(role: impl FnOnce() -> T) -> T {
    thread::spawn(|| {
        // Nothing is ever written to it.
        let _ = io::stdin().read(&mut [0]);
        process::exit(0);
    });
    role()
}
