//! How the endpoints of an upstream are judged and chosen: health probes, balance.

use std::{num::NonZeroU32, time::Duration};

use serde::Serialize;
use toml::de::DeValue;

use super::{
    section::Section,
    text::{Fraction, duration},
    value::{self, Read, at_least_one, fraction, positive, text, word},
    word::words,
};

/// Probing the endpoints over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// The path to ask for; it begins with a slash.
    pub path: String,
    /// From one probe to the next.
    #[serde(serialize_with = "duration")]
    pub interval: Duration,
    /// How long one probe may take; never above `interval`.
    #[serde(serialize_with = "duration")]
    pub timeout: Duration,
    /// Good probes in a row that bring an endpoint back.
    pub rise: NonZeroU32,
    /// Bad probes in a row that take it out.
    pub fall: NonZeroU32,
}

impl Health {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let path = section.required("path", path);
        let interval = section.or("interval", Duration::from_secs(5), positive);
        let timeout = section.or("timeout", Duration::from_secs(1), positive);
        let rise = section.or("rise", NonZeroU32::MIN.saturating_add(1), at_least_one);
        let fall = section.or("fall", NonZeroU32::MIN.saturating_add(2), at_least_one);
        section.ordered(("timeout", timeout), ("interval", interval));
        Some(Self {
            path: path?,
            interval,
            timeout,
            rise,
            fall,
        })
    }
}

/// The path of a request: what may follow an authority (RFC 3986 §3.3), and a query.
fn path(value: &DeValue<'_>) -> Read<String> {
    let path = text(value)?;
    let fits = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if fits {
        Ok(path.to_owned())
    } else {
        Err(format!("\"{path}\" is not a path; it begins with `/`"))
    }
}

/// How requests are spread over the endpoints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Balance {
    /// How an endpoint is chosen.
    pub policy: BalancePolicy,
    /// Below this share of usable endpoints, those ejected by statistics are used again.
    pub panic_below: Fraction,
    /// How long a new endpoint's share grows; zero = it gets its full share at once.
    #[serde(serialize_with = "duration")]
    pub slow_start: Duration,
}

words! {
    /// How an endpoint is chosen.
    BalancePolicy {
        /// The better of two drawn at random, by the peak-sensitive average of its latency and its load.
        P2cPeakEwma = "p2c-peak-ewma",
    }
}

impl Default for Balance {
    fn default() -> Self {
        Self {
            policy: BalancePolicy::P2cPeakEwma,
            panic_below: Fraction::new(0.5).expect("0.5 is a share"),
            slow_start: Duration::from_secs(10),
        }
    }
}

impl Balance {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        Self {
            policy: section.or("policy", default.policy, word),
            panic_below: section.or("panic_below", default.panic_below, fraction),
            slow_start: section.or("slow_start", default.slow_start, value::duration),
        }
    }
}
