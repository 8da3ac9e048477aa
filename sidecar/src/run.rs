//! `outrigger run` and `outrigger check`.

use std::{path::Path, process::ExitCode, time::Duration};

use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{Sidecar, StartError, cli, config::Config, panics, telemetry};

/// Exit code when what is needed cannot be had, such as a port (`EX_UNAVAILABLE` of sysexits.h).
pub const UNAVAILABLE: u8 = 69;
/// Exit code of a fault of ours (`EX_SOFTWARE` of sysexits.h).
pub const INTERNAL: u8 = 70;

/// Carries traffic until it is asked to stop.
pub fn run(file: &Path, filter: Option<&str>) -> ExitCode {
    panics::watch();
    let loaded = match cli::load(file) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    cli::warn(&loaded.warnings);
    if let Err(error) = telemetry::log(&loaded.config.log, filter) {
        return fail(&error, cli::USAGE);
    }
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, INTERNAL),
    };
    match runtime.block_on(serve(loaded.config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, code(&error)),
    }
}

/// Checks configuration and identity, and prints what is in effect.
pub fn check(file: &Path) -> ExitCode {
    let loaded = match cli::load(file) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    cli::warn(&loaded.warnings);
    match Sidecar::identity(&loaded.config) {
        Ok(identity) => {
            for warning in identity.iter().flat_map(|identity| identity.warnings()) {
                eprintln!("warning: {warning}");
            }
        }
        Err(errors) => return fail(&errors, cli::USAGE),
    }
    match cli::print(&loaded.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, INTERNAL),
    }
}

async fn serve(config: Config) -> Result<(), StartError> {
    let identity = Sidecar::identity(&config).map_err(StartError::Identity)?;
    for warning in identity.iter().flat_map(|identity| identity.warnings()) {
        tracing::warn!("{warning}");
    }
    let (mut terminate, mut interrupt) = (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let drain = config.drain.clone();
    let sidecar = Sidecar::start(config, identity)?;
    for direction in [crate::Direction::Inbound, crate::Direction::Outbound] {
        for addr in sidecar.listening(direction) {
            tracing::info!(%addr, direction = direction.label(), "listening");
        }
    }
    tracing::info!(admin = %sidecar.admin(), probe = sidecar.probe().map(tracing::field::display), "ready");
    let delay = tokio::select! {
        _ = terminate.recv() => drain.delay,
        // A person at a terminal: nobody balances over us.
        _ = interrupt.recv() => Duration::ZERO,
    };
    tracing::info!(?delay, grace = ?drain.grace, "draining");
    let stopped = tokio::select! {
        left = sidecar.stop(delay, drain.grace) => Some(left),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    match stopped {
        Some(0) => tracing::info!("stopped; nothing was cut"),
        Some(left) => tracing::warn!(
            connections = left,
            "stopped at the end of drain.grace; connections were cut"
        ),
        None => tracing::warn!("stopped at once, asked a second time"),
    }
    Ok(())
}

fn on(kind: SignalKind) -> Result<Signal, StartError> {
    signal(kind).map_err(StartError::System)
}

fn code(error: &StartError) -> u8 {
    match error {
        StartError::Identity(_) | StartError::Setup(_) => cli::USAGE,
        StartError::Bind(_) => UNAVAILABLE,
        StartError::System(_) => INTERNAL,
    }
}

fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(code)
}
