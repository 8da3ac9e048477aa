//! Requests in a time: `100/s`.

use std::{fmt, num::NonZeroU32, time::Duration};

use toml::de::DeValue;

use super::{
    text::serialize_as_text,
    value::{MOST, Read, text},
    word::{Word, words},
};

/// A number of requests in a second, a minute or an hour: `100/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In what time.
    pub per: RateUnit,
}

words! {
    /// The time a [`Rate`] counts in.
    RateUnit {
        /// A second.
        Second = "s",
        /// A minute.
        Minute = "m",
        /// An hour.
        Hour = "h",
    }
}

impl RateUnit {
    /// The time as a duration.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per.word())
    }
}

impl Rate {
    pub(super) fn read(value: &DeValue<'_>) -> Read<Self> {
        let text = text(value)?;
        let parsed = text.split_once('/').and_then(|(count, unit)| {
            let count: NonZeroU32 = count.parse().ok()?;
            let (_, per) = RateUnit::WORDS.iter().find(|(word, _)| *word == unit)?;
            (u64::from(count.get()) <= MOST).then_some(Self { count, per: *per })
        });
        parsed.ok_or_else(|| {
            format!("\"{text}\" is not a rate; write it like \"100/s\", \"100/m\" or \"100/h\"")
        })
    }
}

serialize_as_text!(Rate);
