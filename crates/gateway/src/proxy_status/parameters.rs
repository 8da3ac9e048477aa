//! The parameters of a member that have no field of their own.

use sfv::{BareItem, Key, KeyRef};

use super::item::{ascii, string, token_or_string};
use crate::Extra;

/// Parameters by name, of any type that a structured field knows, written again as they were read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters(Vec<(Key, BareItem)>);

impl Parameters {
    /// The parameter of this name, if it is an integer, a token or a string.
    pub fn get(&self, name: &str) -> Option<Extra> {
        let (_, value) = self.0.iter().find(|(key, _)| key.as_str() == name)?;
        match value {
            BareItem::Integer(value) => Some(Extra::Integer((*value).into())),
            BareItem::Token(value) => Some(Extra::Token(value.to_string())),
            BareItem::String(value) => Some(Extra::String(value.to_string())),
            _ => None,
        }
    }

    /// Adds a parameter; one that no structured field can carry (a bad name, an integer beyond 15 digits) is left out,
    /// and text is cut after 256 characters, since some of it comes from peers.
    pub fn push(&mut self, name: &str, value: &Extra) {
        let value = match value {
            Extra::Integer(value) => BareItem::try_from(*value).ok(),
            Extra::Token(value) => Some(token_or_string(shortened(&ascii(value))).into()),
            Extra::String(value) => Some(string(shortened(&ascii(value))).into()),
        };
        if let (Ok(key), Some(value)) = (KeyRef::from_str(name), value) {
            self.keep(key.to_owned(), value);
        }
    }

    pub(super) fn keep(&mut self, key: Key, value: BareItem) {
        self.0.push((key, value));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &BareItem)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

fn shortened(ascii: &str) -> &str {
    &ascii[..ascii.len().min(256)]
}
