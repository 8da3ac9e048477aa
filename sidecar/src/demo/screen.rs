//! How wide the output may be, and whether in colour.

use std::{
    env,
    io::{IsTerminal, stdout},
};

/// Lines longer than this are hard to read, however wide the terminal is.
const WIDEST: usize = 120;
/// On a terminal that is narrower still, lines are broken by the terminal.
pub(super) const NARROWEST: usize = 50;

/// Where the output goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    /// Characters in a line.
    pub(super) width: usize,
    /// Whether there is colour.
    pub(super) colour: bool,
}

/// What a text is to stand out as.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ink {
    Title,
    Right,
    Wrong,
    Faint,
}

impl Screen {
    /// Standard output: in colour on a terminal only, where `NO_COLOR` does not forbid it (no-color.org); as wide as
    /// `COLUMNS` says, or else as the terminal is.
    pub(super) fn of_stdout() -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let terminal = || terminal_size::terminal_size().map(|(width, _)| width.0.into());
        Self {
            width: columns
                .or_else(terminal)
                .unwrap_or(WIDEST)
                .clamp(NARROWEST, WIDEST),
            colour: stdout().is_terminal() && !is_set("NO_COLOR"),
        }
    }

    /// The text in this ink, or as it is where there is no colour.
    pub(super) fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Title => "1",
            Ink::Right => "32",
            Ink::Wrong => "1;31",
            Ink::Faint => "2",
        };
        if self.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// The text in this ink over as many lines as it needs, each behind so many spaces.
    pub(super) fn paragraph(self, ink: Option<Ink>, indent: usize, text: &str) -> String {
        let lines = wrap(text, self.width.saturating_sub(indent));
        let lines = lines.iter().map(|line| {
            let line = ink.map_or_else(|| line.clone(), |ink| self.paint(ink, line));
            format!("{:indent$}{line}\n", "")
        });
        lines.collect()
    }
}

/// Lines of whole words; a word that is longer than a line is broken.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut length = 0;
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        if length > 0 && length + 1 + letters.len() > width {
            lines.push(String::new());
            length = 0;
        }
        for (index, part) in letters.chunks(width).enumerate() {
            if index > 0 {
                lines.push(String::new());
                length = 0;
            }
            let line = lines.last_mut().expect("there is always a line");
            if length > 0 {
                line.push(' ');
                length += 1;
            }
            line.extend(part);
            length += part.len();
        }
    }
    lines
}

/// The text, or as much of it as fits, and an ellipsis.
pub(super) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrap("asked, got nothing", 10), ["asked, got", "nothing"]);
        assert_eq!(wrap("asked, got nothing", 18), ["asked, got nothing"]);
        assert_eq!(wrap("", 10), [""]);
    }

    #[test]
    fn a_word_longer_than_a_line_is_broken() {
        assert_eq!(wrap("an abcdefghij", 4), ["an", "abcd", "efgh", "ij"]);
    }

    #[test]
    fn what_does_not_fit_is_shortened_visibly() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
    }

    #[test]
    fn there_is_no_escape_without_colour() {
        let (width, colour) = (80, false);
        assert_eq!(Screen { width, colour }.paint(Ink::Wrong, "no"), "no");
        let colour = true;
        assert_eq!(
            Screen { width, colour }.paint(Ink::Wrong, "no"),
            "\x1b[1;31mno\x1b[0m"
        );
    }
}
