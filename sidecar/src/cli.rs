//! The command line: what the process is asked to do, and how it ends.
//!
//! A wrong command line or configuration is told on stderr and ends with [`USAGE`]; help and version are answered
//! on stdout and end with 0. `OUTRIGGER_CONFIG` stands in for `--config`; `OUTRIGGER_LOG` is the log filter.
//! Nothing else is configured from outside the configuration file.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, error::ErrorKind};

use crate::config::{Config, Finding, Loaded};

/// Exit code of wrong usage and wrong configuration (`EX_USAGE` of sysexits.h).
pub const USAGE: u8 = 64;

const CONFIG: &str = "OUTRIGGER_CONFIG";
const LOG: &str = "OUTRIGGER_LOG";

/// What the process is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Carry traffic.
    Run {
        /// The configuration file.
        config: PathBuf,
    },
    /// Check a configuration and print what is in effect.
    Check {
        /// The configuration file.
        config: PathBuf,
    },
    /// Show every failure on a pair of sidecars in this process.
    Demo {
        /// Whether to exit after the walk instead of staying up.
        once: bool,
    },
}

/// A command, and what the environment says beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// The log filter of `OUTRIGGER_LOG`.
    pub log: Option<String>,
}

/// Reads the command line and the environment of the process.
///
/// Where there is nothing to do, be it help or a mistake, all is said, and the code to exit with is returned.
pub fn parse() -> Result<Invocation, ExitCode> {
    read(env::args_os(), |name| env::var_os(name)).map_err(|refusal| refusal.tell())
}

/// Loads the configuration; what is wrong with it is said on stderr, a line each.
pub fn load(file: &Path) -> Result<Loaded, ExitCode> {
    Config::load(file).map_err(|error| {
        say(&error);
        ExitCode::from(USAGE)
    })
}

/// Says warnings on stderr, a line each.
pub fn warn(warnings: &[Finding]) {
    for warning in warnings {
        say(&format_args!("warning: {warning}"));
    }
}

/// Prints the effective configuration.
pub fn print(config: &Config) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(config.effective().as_bytes())?;
    out.flush()
}

/// Says a line on stderr. Where stderr is closed nobody listens, which is no reason to panic.
fn say(line: &dyn std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The mTLS sidecar that says why a hop failed.
#[derive(Debug, Parser)]
#[command(name = "outrigger", version, arg_required_else_help = true, after_help = ENVIRONMENT)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

const ENVIRONMENT: &str = "\
Environment:
  OUTRIGGER_CONFIG  the configuration file, where --config is not given
  OUTRIGGER_LOG     log filter, such as `info` or `outrigger_sidecar=debug`

Exit codes: 0 fine, 1 a row of the demo is wrong, 64 usage or configuration, 69 unavailable, 70 internal";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Carry traffic as the configuration says
    Run(FromFile),
    /// Check a configuration and print what is in effect, defaults included
    Check(FromFile),
    /// Walk through every failure on a pair of sidecars in this process; needs no configuration
    Demo {
        /// Exit after the walk; non-zero if anything was not as it should be
        #[arg(long)]
        once: bool,
    },
}

#[derive(Debug, Args)]
struct FromFile {
    /// The configuration file (TOML); its relative paths count from its own folder [env: OUTRIGGER_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Why no command came of a command line.
#[derive(Debug)]
enum Refusal {
    /// Help or version was asked for, or the usage is wrong.
    Clap(clap::Error),
    /// No configuration file is named.
    NoConfig,
}

impl Refusal {
    /// Says it, and returns the code to exit with.
    fn tell(&self) -> ExitCode {
        match self {
            // Where nobody listens, there is nobody to tell.
            Self::Clap(error) => drop(error.print()),
            Self::NoConfig => say(&format_args!(
                "no configuration: give --config FILE, or set {CONFIG}"
            )),
        }
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Clap(error)
                if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
            {
                0
            }
            Self::Clap(_) | Self::NoConfig => USAGE,
        }
    }
}

fn read(
    args: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Invocation, Refusal> {
    // A variable that is set to nothing counts as not set, as in shells.
    let variable = |name| variable(name).filter(|value| !value.is_empty());
    let file = |given: FromFile| {
        let file = given.config.or_else(|| variable(CONFIG).map(PathBuf::from));
        file.ok_or(Refusal::NoConfig)
    };
    let command = match CommandLine::try_parse_from(args).map_err(Refusal::Clap)?.verb {
        Verb::Run(given) => Command::Run { config: file(given)? },
        Verb::Check(given) => Command::Check { config: file(given)? },
        Verb::Demo { once } => Command::Demo { once },
    };
    let log = variable(LOG).map(|filter| filter.to_string_lossy().into_owned());
    Ok(Invocation { command, log })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invoke(line: &str, environment: &[(&str, &str)]) -> Result<Invocation, Refusal> {
        let args = line.split_whitespace().map(OsString::from);
        read(args, |name| {
            environment
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    fn command(line: &str, environment: &[(&str, &str)]) -> Command {
        invoke(line, environment).unwrap().command
    }

    /// The exit code, and what is said of it if clap says it.
    fn refusal(line: &str) -> (u8, String) {
        let refusal = invoke(line, &[]).unwrap_err();
        let text = match &refusal {
            Refusal::Clap(error) => error.to_string(),
            Refusal::NoConfig => String::new(),
        };
        (refusal.code(), text)
    }

    #[test]
    fn every_verb_is_read() {
        let config = PathBuf::from("a.toml");
        assert_eq!(
            command("outrigger run --config a.toml", &[]),
            Command::Run {
                config: config.clone()
            }
        );
        assert_eq!(
            command("outrigger check --config=a.toml", &[]),
            Command::Check { config }
        );
        assert_eq!(command("outrigger demo", &[]), Command::Demo { once: false });
        assert_eq!(
            command("outrigger demo --once", &[]),
            Command::Demo { once: true }
        );
    }

    #[test]
    fn the_flag_wins_over_the_environment() {
        let environment = [(CONFIG, "b.toml")];
        let config = PathBuf::from("b.toml");
        assert_eq!(command("outrigger run", &environment), Command::Run { config });
        let config = PathBuf::from("a.toml");
        assert_eq!(
            command("outrigger run --config a.toml", &environment),
            Command::Run { config }
        );
    }

    #[test]
    fn the_log_filter_comes_from_the_environment() {
        assert_eq!(
            invoke("outrigger demo", &[(LOG, "debug")])
                .unwrap()
                .log
                .as_deref(),
            Some("debug")
        );
        assert_eq!(invoke("outrigger demo", &[(LOG, "")]).unwrap().log, None);
    }

    #[test]
    fn no_configuration_at_all_is_wrong_usage() {
        assert!(matches!(invoke("outrigger run", &[]), Err(Refusal::NoConfig)));
        assert!(matches!(
            invoke("outrigger check", &[(CONFIG, "")]),
            Err(Refusal::NoConfig)
        ));
        assert_eq!(refusal("outrigger run").0, USAGE);
    }

    #[test]
    fn wrong_usage_exits_with_64() {
        for line in [
            "outrigger",
            "outrigger fly",
            "outrigger run --confg a",
            "outrigger demo x",
        ] {
            assert_eq!(refusal(line).0, USAGE, "{line}");
        }
        assert!(
            refusal("outrigger run --confg a").1.contains("--config"),
            "the flag meant is suggested"
        );
    }

    #[test]
    fn help_and_version_exit_with_0() {
        for line in [
            "outrigger --help",
            "outrigger run --help",
            "outrigger help",
            "outrigger --version",
        ] {
            assert_eq!(refusal(line).0, 0, "{line}");
        }
        assert_eq!(
            refusal("outrigger --version").1,
            format!("outrigger {}\n", env!("CARGO_PKG_VERSION"))
        );
        let help = refusal("outrigger --help").1;
        assert!(help.contains(CONFIG) && help.contains(LOG), "{help}");
    }

    #[test]
    fn the_command_line_is_sound() {
        <CommandLine as clap::CommandFactory>::command().debug_assert();
    }
}
