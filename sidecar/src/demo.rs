//! `outrigger demo`: a pair of sidecars in this process, real traffic through both, and every way a hop fails.
//!
//! Nothing else is needed: no file, no flag, no other program, no network but loopback. A walk plays scene after
//! scene and judges what the caller got, strictly; then the demo stays up, to be tried by hand.
//!
//! Exit codes: 0 when every row is right, 1 when one is not, 64 for a log filter that cannot be read, 69 when the
//! demo cannot be set up.

mod app;
mod caller;
mod configuration;
mod expect;
mod guide;
mod names;
mod row;
mod scenes;
mod screen;
mod table;
mod world;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

use self::{
    screen::Screen,
    world::{SetupError, World},
};
use crate::{cli, config, panics, run, telemetry};

/// Exit code when a row is not as it should be.
const WRONG: u8 = 1;

/// Plays the demo; `once` exits after the walk. Log lines are written only where there is a `filter`.
pub fn run(once: bool, filter: Option<&str>) -> ExitCode {
    panics::watch();
    if let Some(filter) = filter
        && let Err(error) = log(filter)
    {
        return fail(&error, cli::USAGE);
    }
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, run::INTERNAL),
    };
    match runtime.block_on(play(once)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(WRONG),
        Err(error) if is_nobody_reading(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&error, run::UNAVAILABLE),
    }
}

/// Whether every row was right.
async fn play(once: bool) -> Result<bool, SetupError> {
    let screen = Screen::of_stdout();
    let world = World::start().await?;
    tell(&guide::introduction(screen, &world))?;
    let is_right = walk(screen, &world).await?;
    if !once {
        tell(&format!("\n{}", guide::suggestions(screen, &world)))?;
        until_asked_to_stop().await?;
    }
    Ok(is_right)
}

/// Plays every scene, and shows each row as soon as it is known.
async fn walk(screen: Screen, world: &World) -> io::Result<bool> {
    let (mut right, mut all) = (0, 0);
    tell(&table::head(screen))?;
    scenes::walk(world, |row| {
        all += 1;
        right += usize::from(row.is_right());
        tell(&table::row(screen, row))
    })
    .await?;
    tell(&table::summary(screen, right, all))?;
    Ok(right == all)
}

async fn until_asked_to_stop() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // Behind the terminal's `^C`.
    tell("\n")
}

fn tell(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn log(filter: &str) -> Result<(), String> {
    let log = config::Log {
        format: config::LogFormat::Text,
        access: config::AccessLog::All,
    };
    telemetry::log(&log, Some(filter))
}

/// A demo whose output is piped into `head`, say, ends with it.
fn is_nobody_reading(error: &SetupError) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_row_of_the_walk_is_right() {
        let world = World::start().await.unwrap();
        let mut rows = Vec::new();
        let walked: Result<(), std::convert::Infallible> = scenes::walk(&world, |row| {
            rows.push(row.clone());
            Ok(())
        })
        .await;
        walked.unwrap();
        let wrong: Vec<_> = rows.iter().filter(|row| !row.is_right()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(rows.len(), 13);
    }
}
