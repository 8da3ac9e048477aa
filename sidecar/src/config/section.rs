//! Reading a table of the file key by key, collecting what is wrong.
//!
//! A [`Section`] hands out values by rules and goes on after a wrong one with the default, so that every mistake of
//! a file is told at once. What nobody asked for by the time it is dropped is an unknown key.

use std::time::Duration;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    duration,
    finding::{Kind, Place},
    not_yet,
    reading::Reading,
    suggestion,
    value::{Read, expected},
};

/// A table of the file, or the absence of one, in which every key has its default.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) reading: &'a Reading,
    table: Option<&'a DeTable<'a>>,
    place: Place,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The top of the file.
    pub(super) fn root(reading: &'a Reading, table: &'a DeTable<'a>) -> Self {
        let place = Place {
            offset: 0,
            key: String::new(),
        };
        Self {
            reading,
            table: Some(table),
            place,
            known: Vec::new(),
        }
    }

    /// Whether the file has the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Whether the file has the key, and an array of nothing there.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        let value = self.table.and_then(|table| table.get(key));
        value
            .and_then(|value| value.get_ref().as_array())
            .is_some_and(|array| array.is_empty())
    }

    /// Whether the file has the key in the section that stands at `section`.
    pub(super) fn has_within(&self, section: &str, key: &str) -> bool {
        let table = self
            .table
            .and_then(|table| table.get(section)?.get_ref().as_table());
        table.is_some_and(|table| table.contains_key(key))
    }

    /// Whether the file has this section.
    pub(super) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// What the rule reads from the key's value; `None` if it is absent or wrong.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        rule: impl Fn(&DeValue<'_>) -> Read<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        self.read(value.get_ref(), self.place_of(key), rule)
    }

    /// The same, with a default for what is absent or wrong.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        rule: impl Fn(&DeValue<'_>) -> Read<T>,
    ) -> T {
        self.optional(key, rule).unwrap_or(default)
    }

    /// The same for a key without a default.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        rule: impl Fn(&DeValue<'_>) -> Read<T>,
    ) -> Option<T> {
        if !self.has(key) {
            self.missing(key);
        }
        self.optional(key, rule)
    }

    /// What the rule reads from each element of the key's array; wrong ones are left out.
    pub(super) fn list<T>(&mut self, key: &'static str, rule: impl Fn(&DeValue<'_>) -> Read<T>) -> Vec<T> {
        let elements = self.elements(key, "an array");
        elements
            .into_iter()
            .filter_map(|(value, place)| self.read(value, place, &rule))
            .collect()
    }

    /// The section at the key; an absent one if the file has none.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let table = match self.value(key).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => Some(table),
            Some(other) => {
                self.fail(key, expected("a table", other));
                None
            }
            None => None,
        };
        Self {
            reading: self.reading,
            table,
            place: self.place_of(key),
            known: Vec::new(),
        }
    }

    /// The sections at the key, written `[[key]]`.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Self> {
        let mut sections = Vec::new();
        for (value, place) in self.elements(key, "an array of tables") {
            match value {
                DeValue::Table(table) => {
                    sections.push(Self {
                        reading: self.reading,
                        table: Some(table),
                        place,
                        known: Vec::new(),
                    });
                }
                other => self.reading.note(Kind::Local, place, expected("a table", other)),
            }
        }
        sections
    }

    /// Notes that the key's value is wrong.
    pub(super) fn fail(&self, key: &str, message: impl Into<String>) {
        self.reading.note(Kind::Local, self.place_of(key), message);
    }

    /// Notes that something about the key does not go together with the rest.
    pub(super) fn clash(&self, key: &str, message: impl Into<String>) {
        self.reading.note(Kind::Whole, self.place_of(key), message);
    }

    /// The same of a key in the section that stands at `section`.
    pub(super) fn clash_within(&self, section: &str, key: &str, message: impl Into<String>) {
        let mut place = self.place_of(section);
        let table = self
            .table
            .and_then(|table| table.get(section)?.get_ref().as_table());
        if let Some(value) = table.and_then(|table| table.get(key)) {
            place.offset = value.span().start;
        }
        place.key = join(&place.key, key);
        self.reading.note(Kind::Whole, place, message);
    }

    /// Notes if the first duration is longer than the second.
    pub(super) fn ordered(&self, lower: (&str, Duration), upper: (&str, Duration)) {
        if lower.1 > upper.1 {
            // Told where the file sets one of the two; the other may be a default.
            let (key, other, relation) = match self.has(upper.0) {
                true => (upper, lower, "shorter"),
                false => (lower, upper, "longer"),
            };
            let (own, limit) = (duration::format(key.1), duration::format(other.1));
            self.clash(key.0, format!("{own} is {relation} than `{}` ({limit})", other.0));
        }
    }

    /// Notes that something about the section as a whole is wrong.
    pub(super) fn fault(&self, message: &str) {
        self.reading.note(Kind::Whole, self.place.clone(), message);
    }

    /// Notes that the key is not there and has no default.
    pub(super) fn missing(&self, key: &str) {
        self.clash(key, "is missing");
    }

    /// The place of the key's value; that of the section if it is absent.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let value = self.table.and_then(|table| table.get(key));
        let offset = value.map_or(self.place.offset, |value| value.span().start);
        Place {
            offset,
            key: join(&self.place.key, key),
        }
    }

    fn read<T>(
        &self,
        value: &DeValue<'_>,
        place: Place,
        rule: impl Fn(&DeValue<'_>) -> Read<T>,
    ) -> Option<T> {
        let remark = not_yet::remark(&place.key, value);
        if let Some((kind, message)) = remark {
            self.reading.note(kind, place.clone(), message);
            if kind != Kind::Warning {
                return None;
            }
        }
        rule(value)
            .map_err(|message| self.reading.note(Kind::Local, place, message))
            .ok()
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.table?.get(key)
    }

    /// The elements of the key's array with their places.
    fn elements(&mut self, key: &'static str, what: &str) -> Vec<(&'a DeValue<'a>, Place)> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            self.fail(key, expected(what, value.get_ref()));
            return Vec::new();
        };
        let path = join(&self.place.key, key);
        let place = |(index, element): (usize, &'a Spanned<DeValue<'a>>)| {
            (
                element.get_ref(),
                Place {
                    offset: element.span().start,
                    key: format!("{path}[{index}]"),
                },
            )
        };
        array.iter().enumerate().map(place).collect()
    }
}

impl Drop for Section<'_> {
    /// Whatever nobody asked for is unknown; here, because this cannot be forgotten.
    fn drop(&mut self) {
        for key in self.table.into_iter().flat_map(DeTable::keys) {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let message = match suggestion::nearest(name, &self.known) {
                Some(meant) => format!("unknown key; did you mean `{meant}`?"),
                None => format!("unknown key; known here: {}", self.known.join(", ")),
            };
            let place = Place {
                offset: key.span().start,
                key: join(&self.place.key, name),
            };
            self.reading.note(Kind::Local, place, message);
        }
    }
}

/// `path.key`, the key quoted where TOML would quote it.
fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}
