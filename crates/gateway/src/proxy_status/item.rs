//! Text and bytes as the items of a structured field (RFC 9651 §3.3), both ways.

use std::borrow::Cow;

use sfv::{BareItem, RefBareItem, StringRef, TokenRef};

/// The text of a token or a string: RFC 9209 means the same by both.
pub(super) fn text(value: &BareItem) -> Option<&str> {
    match value {
        BareItem::Token(token) => Some(token.as_str()),
        BareItem::String(string) => Some(string.as_str()),
        _ => None,
    }
}

/// The bytes of a byte sequence, or of the token that spells them.
pub(super) fn bytes(value: &BareItem) -> Option<&[u8]> {
    match value {
        BareItem::Token(token) => Some(token.as_str().as_bytes()),
        BareItem::ByteSequence(bytes) => Some(bytes),
        _ => None,
    }
}

/// A token where the grammar allows.
pub(super) fn token(text: &str) -> Option<RefBareItem<'_>> {
    TokenRef::from_str(text).ok().map(RefBareItem::from)
}

/// A token where the grammar allows, else a string.
pub(super) fn token_or_string(ascii: &str) -> RefBareItem<'_> {
    token(ascii).unwrap_or_else(|| string(ascii))
}

/// A token where the grammar allows, else a byte sequence.
pub(super) fn token_or_bytes(bytes: &[u8]) -> RefBareItem<'_> {
    let spelled = std::str::from_utf8(bytes).ok().and_then(token);
    spelled.unwrap_or(RefBareItem::ByteSequence(bytes))
}

/// A string of what [`ascii`] made.
pub(super) fn string(ascii: &str) -> RefBareItem<'_> {
    StringRef::from_str(ascii)
        .expect("made printable ASCII before")
        .into()
}

/// The text with `?` for every character that a structured string cannot carry.
pub(super) fn ascii(text: &str) -> Cow<'_, str> {
    let fits = |char: char| matches!(char, ' '..='~');
    if text.chars().all(fits) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars()
            .map(|char| if fits(char) { char } else { '?' })
            .collect(),
    )
}
