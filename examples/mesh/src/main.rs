//! Two services, each beside its own sidecar, started by one command. `--check` asks what the README asks, compares
//! the answers with the README's, and exits.
//!
//! Five processes, as in production: this one starts itself again as the service `orders`, the service `web` and
//! the sidecar of each, which is the code of `outrigger run --config FILE` to the letter. So there is nothing else to
//! build, nothing to look for, and a service that crashes does not take its sidecar with it.

mod call;
mod check;
mod files;
mod orders;
mod processes;
mod web;

use std::{env, io, path::Path, process::ExitCode};

use tokio::{runtime::Builder, signal};

use self::{files::Files, processes::Processes};

/// What this program's errors are, where all that can be done is to tell somebody.
type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match *args {
        [] => block_on(stay()),
        ["--check"] => block_on(check()),
        ["orders"] => processes::end_with_parent(|| block_on(orders::serve())),
        ["web"] => processes::end_with_parent(|| block_on(web::serve())),
        ["sidecar", config] => return processes::end_with_parent(|| sidecar(config)),
        _ => Err("usage: outrigger-example-mesh [--check]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What `outrigger run --config FILE` does; warnings and failed exchanges are logged.
fn sidecar(config: &str) -> ExitCode {
    outrigger_sidecar::run::run(Path::new(config), Some("warn,access=info"))
}

fn block_on(task: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    Builder::new_current_thread().enable_all().build()?.block_on(task)
}

async fn stay() -> Result<(), Error> {
    let files = Files::write()?;
    let mut processes = Processes::start(files.path())?;
    processes.until(check::ready()).await?;
    println!(
        "Certificates and configurations are in {}.",
        files.path().display()
    );
    println!("Everything is up; Ctrl-C ends it. What to try:\n");
    for question in check::questions() {
        println!("  {}", question.line);
    }
    let interrupted = async { signal::ctrl_c().await.map_err(Error::from) };
    processes.until(interrupted).await
}

async fn check() -> Result<(), Error> {
    let files = Files::write()?;
    let mut processes = Processes::start(files.path())?;
    processes.until(check::ready()).await?;
    processes.until(check::ask_everything()).await
}

/// Says what was being done as an error came.
fn context(what: impl std::fmt::Display) -> impl FnOnce(io::Error) -> Error {
    move |error| format!("{what}: {error}").into()
}
