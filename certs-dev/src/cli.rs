//! What may be asked for on the command line.

use std::{net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use jiff::{Span, SpanRelativeTo};
use outrigger_certs_dev::{Fault, Usage};

/// A development certificate authority for tests and laptops. Not for production.
#[derive(Debug, Parser)]
#[command(name = "outrigger-certs-dev", version)]
pub(crate) struct Cli {
    /// Folder of the authority; each leaf has a folder of its own in it.
    #[arg(long, value_name = "DIR", default_value = "certs", global = true)]
    pub(crate) dir: PathBuf,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the authority: a root and an intermediate.
    Init(Init),
    /// Issue a leaf into DIR/NAME: tls.crt, tls.key, ca.crt. Replaces the one that was there.
    Issue(Box<Issue>),
    /// Write DIR/crl.pem, the lists that revoke the leaves named, and no others.
    Revoke {
        /// Leaves to revoke; none makes empty lists.
        names: Vec<String>,
    },
    /// List the leaves.
    List,
    /// Show every certificate of one leaf, or of the authority.
    Show {
        /// The leaf; the authority without.
        name: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// What its subjects are called.
    #[arg(long, default_value = "development")]
    pub(crate) name: String,

    /// How long both certificates hold, such as "7d" or "12h".
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = lifetime)]
    pub(crate) valid_for: Duration,

    /// Replace an authority that is there. Nobody who trusts the new one trusts the old one's leaves.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// Its folder and its common name.
    pub(crate) name: String,

    /// A DNS name; may be repeated. "*." at the front stands for one label.
    #[arg(long, value_name = "NAME")]
    pub(crate) dns: Vec<String>,

    /// An IP address; may be repeated.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip: Vec<IpAddr>,

    /// The SPIFFE ID, such as "spiffe://shop/ns/shop/sa/orders".
    #[arg(long, value_name = "ID")]
    pub(crate) spiffe: Option<String>,

    /// What it may be used for.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) usage: UsageName,

    /// How long it holds, such as "24h" or "90s" [default: 24h, or as long as the authority].
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub(crate) valid_for: Option<Duration>,

    /// Issue it with this wrong, and all else right.
    #[arg(long, value_name = "FAULT", value_parser = fault_names())]
    pub(crate) fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum UsageName {
    /// To be connected to.
    Server,
    /// To connect.
    Client,
    /// Both.
    #[default]
    Both,
}

impl From<UsageName> for Usage {
    fn from(name: UsageName) -> Self {
        match name {
            UsageName::Server => Self::Server,
            UsageName::Client => Self::Client,
            UsageName::Both => Self::Both,
        }
    }
}

fn fault_names() -> impl TypedValueParser<Value = Fault> {
    let names = Fault::ALL.map(|fault| PossibleValue::new(fault.as_str()).help(fault.about()));
    PossibleValuesParser::new(names).try_map(|name| Fault::from_str(&name))
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let span: Span = text
        .parse()
        .map_err(|error| format!("{error}, expected a time such as \"24h\""))?;
    span.to_duration(SpanRelativeTo::days_are_24_hours())
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| (1..=CENTURY).contains(&duration.as_secs()))
        .ok_or_else(|| "expected from one second to a hundred years, in days or less".to_owned())
}

/// In seconds. Dates beyond year 9999 cannot be written down.
const CENTURY: u64 = 36_525 * 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_written_as_people_write_them() {
        assert_eq!(lifetime("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(lifetime("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(lifetime("1h30m"), Ok(Duration::from_secs(5_400)));
    }

    #[test]
    fn lifetimes_that_are_none_are_refused() {
        for text in ["", "5", "-1h", "0s", "1month", "101 years", "900000d", "soon"] {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
