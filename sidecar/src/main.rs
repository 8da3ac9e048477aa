//! The `outrigger` binary.

use std::process::ExitCode;

use outrigger_sidecar::{
    cli::{self, Command},
    demo, run,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let invocation = match cli::parse() {
        Ok(invocation) => invocation,
        Err(code) => return code,
    };
    match invocation.command {
        Command::Run { config } => run::run(&config, invocation.log.as_deref()),
        Command::Check { config } => run::check(&config),
        Command::Demo { once } => demo::run(once, invocation.log.as_deref()),
    }
}
