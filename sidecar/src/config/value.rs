//! What a single value must be: rules from TOML to our types. The error is a sentence for the reader of the file.

use std::{
    net::{IpAddr, SocketAddr},
    num::{NonZeroU32, NonZeroUsize},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use toml::de::{DeInteger, DeValue};

use super::{Name, duration, text::Fraction, text::NONE, word::Word};

/// What a rule makes of a value.
pub(super) type Read<T> = Result<T, String>;

/// The most of anything that is counted: far beyond use, and safe to add up and to convert.
pub(super) const MOST: u64 = 1_000_000_000;

/// A text.
pub(super) fn text<'v>(value: &'v DeValue<'_>) -> Read<&'v str> {
    value.as_str().ok_or_else(|| expected("a string", value))
}

/// `true` or `false`.
pub(super) fn boolean(value: &DeValue<'_>) -> Read<bool> {
    value.as_bool().ok_or_else(|| expected("true or false", value))
}

/// One word out of a few.
pub(super) fn word<T: Word>(value: &DeValue<'_>) -> Read<T> {
    let text = text(value)?;
    let found = T::WORDS.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<String> = T::WORDS.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        format!("\"{text}\" is not one of {}", words.join(", "))
    })
}

/// A duration, zero included.
pub(super) fn duration(value: &DeValue<'_>) -> Read<Duration> {
    let text = value
        .as_str()
        .ok_or_else(|| expected("a duration like \"250ms\"", value))?;
    duration::parse(text).map_err(|error| format!("\"{text}\": {error}"))
}

/// A duration above zero.
pub(super) fn positive(value: &DeValue<'_>) -> Read<Duration> {
    match duration(value)? {
        Duration::ZERO => Err("must be longer than zero".to_owned()),
        duration => Ok(duration),
    }
}

/// What the rule reads, or `none`.
pub(super) fn or_none<T>(rule: impl Fn(&DeValue<'_>) -> Read<T>) -> impl Fn(&DeValue<'_>) -> Read<Option<T>> {
    move |value| match value.as_str() {
        Some(NONE) => Ok(None),
        _ => rule(value).map(Some),
    }
}

/// A whole number within the range.
pub(super) fn whole<T: Whole>(range: RangeInclusive<u64>) -> impl Fn(&DeValue<'_>) -> Read<T> {
    move |value| {
        let number = value
            .as_integer()
            .ok_or_else(|| expected("a whole number", value))?;
        let within = number_of(number)
            .filter(|number| range.contains(number))
            .and_then(T::from_number);
        within.ok_or_else(|| {
            format!(
                "{number} is not a number from {} to {}",
                range.start(),
                range.end()
            )
        })
    }
}

fn number_of(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A whole number from 0 on.
pub(super) fn count<T: Whole>(value: &DeValue<'_>) -> Read<T> {
    whole(0..=MOST)(value)
}

/// A whole number from 1 on.
pub(super) fn at_least_one<T: Whole>(value: &DeValue<'_>) -> Read<T> {
    whole(1..=MOST)(value)
}

/// Types of whole numbers.
pub(super) trait Whole: Sized {
    fn from_number(number: u64) -> Option<Self>;
}

macro_rules! whole {
    ($($number:ty: $through:ty),*) => {$(
        impl Whole for $number {
            fn from_number(number: u64) -> Option<Self> {
                Self::try_from(<$through>::try_from(number).ok()?).ok()
            }
        }
    )*};
}
whole!(u32: u32, usize: usize, NonZeroU32: u32, NonZeroUsize: usize);

/// A share within 0 to 1.
pub(super) fn fraction(value: &DeValue<'_>) -> Read<Fraction> {
    let text = match value {
        DeValue::Float(number) => number.as_str(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        _ => return Err(expected("a number within 0 to 1", value)),
    };
    let fraction = text.parse().ok().and_then(Fraction::new);
    fraction.ok_or_else(|| format!("{text} is not within 0 to 1"))
}

/// `ip:port`.
pub(super) fn address(value: &DeValue<'_>) -> Read<SocketAddr> {
    let text = text(value)?;
    text.parse().map_err(|_| match text.parse::<IpAddr>() {
        Ok(_) => format!("\"{text}\" has no port; write ip:port"),
        Err(_) => format!("\"{text}\" is not ip:port"),
    })
}

/// A name of ours.
pub(super) fn name(value: &DeValue<'_>) -> Read<Name> {
    let text = text(value)?;
    let rule = "a name is 1 to 64 of A-Z a-z 0-9 . _ -";
    Name::new(text).ok_or_else(|| format!("\"{text}\" is not a name; {rule}"))
}

/// A path; a relative one counts from the folder.
pub(super) fn path_from(folder: &Path) -> impl Fn(&DeValue<'_>) -> Read<PathBuf> {
    move |value| match text(value)? {
        "" => Err("is empty; expected the path of a file".to_owned()),
        path => Ok(folder.join(path)),
    }
}

/// "expected a string, found an integer"
pub(super) fn expected(what: &str, value: &DeValue<'_>) -> String {
    let article = if matches!(value, DeValue::Integer(_) | DeValue::Array(_)) {
        "an"
    } else {
        "a"
    };
    format!("expected {what}, found {article} {}", value.type_str())
}
