//! Requests in a time: `100/s`.

use std::{num::NonZeroU32, time::Duration};

use outrigger_layers::stack::Rate;
use serde::Serializer;
use toml::de::DeValue;

use super::{
    text,
    value::{self, MOST, Read},
};

/// The words for the times that a rate counts in.
const UNITS: [(&str, Duration); 3] = [
    ("s", Duration::from_secs(1)),
    ("m", Duration::from_secs(60)),
    ("h", Duration::from_secs(3600)),
];

pub(super) fn read(value: &DeValue<'_>) -> Read<Rate> {
    let text = value::text(value)?;
    let parsed = text.split_once('/').and_then(|(count, unit)| {
        let requests: NonZeroU32 = count.parse().ok()?;
        let (_, per) = UNITS.iter().find(|(word, _)| *word == unit)?;
        (u64::from(requests.get()) <= MOST).then_some(Rate {
            requests: requests.get(),
            per: *per,
        })
    });
    parsed.ok_or_else(|| format!("\"{text}\" is not a rate; write it like \"100/s\", \"100/m\" or \"100/h\""))
}

/// Writes a rate as it is read, or `none`.
pub(super) fn or_none<S: Serializer>(rate: &Option<Rate>, to: S) -> Result<S::Ok, S::Error> {
    text::or_none(&rate.map(written), to)
}

fn written(rate: Rate) -> String {
    let unit = UNITS.iter().find(|(_, per)| *per == rate.per);
    let (word, _) = unit.expect("rates are read in these units");
    format!("{}/{word}", rate.requests)
}
