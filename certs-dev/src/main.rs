//! The command line of the development certificate authority.
//!
//! Exit status: 0 done; 64 asked for something impossible (`EX_USAGE`); 1 asked for something possible that
//! failed.

mod cli;
mod inspect;
mod run;

use std::{error::Error as _, process::ExitCode};

use clap::Parser;

const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => return tell(&told),
    };
    match run::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => complain(&failed),
    }
}

/// `--help` and `--version` are answers, everything else that clap tells is a mistake.
fn tell(told: &clap::Error) -> ExitCode {
    // Nobody is left to tell if this cannot be printed.
    let _ = told.print();
    if told.use_stderr() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

fn complain(failed: &run::Failed) -> ExitCode {
    eprintln!("error: {}", failed.error);
    let mut cause = failed.error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    if let Some(hint) = failed.hint {
        eprintln!("  hint: {hint}");
    }
    if failed.error.is_usage() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::FAILURE
    }
}
