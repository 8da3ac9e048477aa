//! The configuration: one TOML file, every key with a default.
//!
//! A file is read whole before anything else happens: unknown keys, wrong types, bad values and things that do not
//! go together are all told at once, each with file, line, column and key. What comes out is a [`Config`], whose
//! types cannot be wrong; the files it names are not opened here. Keys that are known and not in effect yet are
//! warnings, if the file sets them.
//!
//! Each section's type reads itself, beside its definition, through a `Section`: one line a key.
//!
//! ```
//! use std::path::Path;
//! use outrigger_sidecar::config::{Config, Details};
//!
//! let text = r#"
//!     [[outbound.upstream]]
//!     name = "orders"
//!     endpoints = ["dns:orders.shop.svc:15006"]
//! "#;
//! let loaded = Config::parse(text, Path::new("outrigger.toml")).expect("nothing is wrong with it");
//! assert_eq!(loaded.config.details, Details::Auto);
//!
//! let errors = Config::parse("detials = 1", Path::new("outrigger.toml")).expect_err("a mistyped key");
//! assert!(errors.to_string().contains("outrigger.toml:1:1: detials: unknown key; did you mean `details`?"));
//! ```
//!
#![doc = include_str!("config/KEYS.md")]

mod choice;
mod claim;
mod direction;
mod duration;
mod endpoint;
mod finding;
mod identity;
mod name;
mod not_yet;
mod policy;
mod process;
mod rate;
mod reading;
mod route;
mod section;
mod suggestion;
mod tcp;
mod text;
mod upstream;
mod value;
mod word;

use std::{
    fs, io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

pub use outrigger_layers::stack::{Breaker, Limit, Rate, Retry, Timeouts};
use serde::Serialize;
use toml::de::{DeTable, DeValue};

pub use self::{
    choice::{Balance, BalancePolicy, Health},
    direction::{Destination, Inbound, Outbound, ProxyProtocol},
    endpoint::Endpoint,
    finding::{ConfigErrors, Finding, LoadError},
    identity::{Identity, IdentitySource},
    name::{HostName, Name},
    process::{AccessLog, Admin, Dns, Drain, Limits, Log, LogFormat, Probe},
    route::{HostPattern, PathPrefix, Route, normalize_host},
    text::Fraction,
    upstream::{HeaderCase, Protocol, TlsMode, Upstream, UpstreamTls},
};
use self::{
    finding::{Kind, Place},
    reading::Reading,
    section::Section,
    value::{Read, word},
    word::words,
};

/// A whole configuration, checked: what has this type can be run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// This deployment, as `Via` and `Proxy-Status` call it.
    pub name: Name,
    /// Worker threads.
    pub workers: Workers,
    /// Who may read sentences in error responses.
    pub details: Details,
    /// Who we are; `None` = plaintext only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Listeners for other services. Without any, `outbound` is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inbound: Vec<Inbound>,
    /// The listener for the app. Without it, `inbound` has one at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound: Option<Outbound>,
    /// What a client may ask of us.
    pub limits: Limits,
    /// Who resolves names.
    pub dns: Dns,
    /// The listener for people and tools on this host.
    pub admin: Admin,
    /// The read-only listener for kubelet and Prometheus.
    pub probe: Probe,
    /// The way out.
    pub drain: Drain,
    /// What is logged.
    pub log: Log,
}

/// A configuration, and what its reader should know beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Settings of the file that are not in effect yet, by name.
    pub warnings: Vec<Finding>,
}

impl Config {
    /// Reads and checks a file. Its relative paths count from its own folder.
    pub fn load(file: &Path) -> Result<Loaded, LoadError> {
        let unreadable = |source: io::Error| LoadError::Unreadable {
            file: file.to_owned(),
            source,
        };
        let text = fs::read_to_string(file).map_err(unreadable)?;
        Ok(Self::parse(&text, file)?)
    }

    /// Checks the text of a file, which is named for messages and for its folder, and not read.
    pub fn parse(text: &str, file: &Path) -> Result<Loaded, ConfigErrors> {
        let (tree, broken) = DeTable::parse_recoverable(text);
        let reading = Reading::new(folder_of(file), tree.get_ref().contains_key("identity"));
        for error in broken {
            let place = Place {
                offset: error.span().map_or(0, |span| span.start),
                key: String::new(),
            };
            reading.note(Kind::Syntax, place, error.message());
        }
        let config = Self::read(Section::root(&reading, tree.get_ref()));
        let (errors, warnings) = finding::sort_out(reading.into_notes(), text, file);
        if errors.is_empty() {
            Ok(Loaded { config, warnings })
        } else {
            Err(ConfigErrors(errors))
        }
    }

    /// The configuration in effect, defaults included, as a file that reads back as the same configuration.
    pub fn effective(&self) -> String {
        toml::to_string(self).expect("every value of a configuration has a form in TOML")
    }

    fn read(mut root: Section<'_>) -> Self {
        let name = root.optional("name", value::name).unwrap_or_else(Name::of_host);
        let workers = root.or("workers", Workers::Auto, Workers::read);
        let details = root.or("details", Details::Auto, word);
        let identity = Identity::read(root.section("identity"));
        let inbound = root.sections("inbound").into_iter().enumerate();
        let inbound = inbound
            .filter_map(|(index, section)| Inbound::read(section, index))
            .collect();
        let outbound = Outbound::read(root.section("outbound"));
        let has_inbound = root.has("inbound") && !root.is_empty_list("inbound");
        if !has_inbound && !root.has("outbound") {
            root.fault("neither [[inbound]] nor [outbound] is there: nothing to do");
        }
        Self {
            name,
            workers,
            details,
            identity,
            inbound,
            outbound,
            limits: Limits::read(root.section("limits")),
            dns: Dns::read(root.section("dns")),
            admin: Admin::read(root.section("admin")),
            probe: Probe::read(root.section("probe")),
            drain: Drain::read(root.section("drain")),
            log: Log::read(root.section("log")),
        }
    }
}

/// The folder of a file as an absolute path, as far as the current folder is known.
fn folder_of(file: &Path) -> PathBuf {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    file.parent().map(Path::to_owned).unwrap_or_default()
}

/// How many worker threads run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Workers {
    /// As many as there are cores, 4 at most.
    Auto,
    /// So many, 1024 at most.
    #[serde(untagged)]
    Count(NonZeroUsize),
}

words! {
    /// Who may read sentences in error responses; status and token are for everybody.
    Details {
        /// mTLS peers and callers on loopback.
        Auto = "auto",
        /// Every caller.
        Always = "always",
        /// Nobody; they are in the log.
        Never = "never",
    }
}

impl Workers {
    fn read(value: &DeValue<'_>) -> Read<Self> {
        match value {
            DeValue::Integer(_) => value::whole(1..=1024)(value).map(Self::Count),
            DeValue::String(text) if text == "auto" => Ok(Self::Auto),
            DeValue::String(text) => Err(format!("\"{text}\" is neither \"auto\" nor a number")),
            other => Err(value::expected("\"auto\" or a number", other)),
        }
    }
}

#[cfg(test)]
mod tests;
