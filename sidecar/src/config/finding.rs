//! What is said about a configuration: where, about which key, and what.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// One thing found in a configuration file, an error or a warning; shown as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, as it was named.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key's path; empty where none is concerned.
    pub key: String,
    /// What is to be said.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            key,
            message,
        } = self;
        write!(f, "{}:{line}:{column}: ", file.display())?;
        if !key.is_empty() {
            write!(f, "{key}: ")?;
        }
        write!(f, "{message}")
    }
}

/// Everything that is wrong with a configuration, in the order of the file; one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Finding>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read, or is not UTF-8.
    #[error("cannot read the configuration {}: {source}", file.display())]
    Unreadable {
        /// The file, as it was named.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It was read, and is wrong.
    #[error(transparent)]
    Wrong(#[from] ConfigErrors),
}

/// A note taken while reading, not yet translated into line and column.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) kind: Kind,
    pub(super) place: Place,
    pub(super) message: String,
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The text is not TOML here.
    Syntax,
    /// This key or its value is wrong, whatever else the file says.
    Local,
    /// Something is missing, or two things do not go together.
    Whole,
    /// Nothing is wrong; the reader should know.
    Warning,
}

/// Where in the file, and at which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Bytes from the start of the file.
    pub(super) offset: usize,
    pub(super) key: String,
}

/// Sorts the notes into errors and warnings, each in the order of the file.
///
/// Where the text is not TOML, only what is wrong by itself is told beside it: what seems to be missing may stand
/// in the broken part.
pub(super) fn sort_out(mut notes: Vec<Note>, text: &str, file: &Path) -> (Vec<Finding>, Vec<Finding>) {
    notes.sort_by(|a, b| (a.place.offset, &a.place.key).cmp(&(b.place.offset, &b.place.key)));
    let broken: Vec<usize> = notes
        .iter()
        .filter(|note| note.kind == Kind::Syntax)
        .map(|n| n.line(text))
        .collect();
    let (mut errors, mut warnings, mut last_broken) = (Vec::new(), Vec::new(), 0);
    for note in notes {
        let line = note.line(text);
        match note.kind {
            Kind::Warning => warnings.push(note.found(text, file)),
            Kind::Syntax if line == last_broken => {}
            Kind::Syntax => {
                last_broken = line;
                errors.push(note.found(text, file));
            }
            Kind::Local if broken.contains(&line) => {}
            Kind::Whole if !broken.is_empty() => {}
            Kind::Local | Kind::Whole => errors.push(note.found(text, file)),
        }
    }
    (errors, warnings)
}

impl Note {
    /// The text up to the note.
    fn before<'t>(&self, text: &'t str) -> &'t str {
        text.get(..self.place.offset).unwrap_or(text)
    }

    fn line(&self, text: &str) -> usize {
        self.before(text).bytes().filter(|byte| *byte == b'\n').count() + 1
    }

    fn found(self, text: &str, file: &Path) -> Finding {
        let before = self.before(text);
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Finding {
            file: file.to_owned(),
            line: self.line(text),
            column,
            key: self.place.key,
            message: one_line(&self.message),
        }
    }
}

/// The text with its control characters escaped, so that one finding stays one line.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default())
        } else {
            line.push(c)
        }
    }
    line
}
