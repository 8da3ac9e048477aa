//! The table, row by row, as wide as the screen is.
//!
//! A row is a line with the columns, then the sentence, then what the hop that failed says itself. Where the screen
//! is narrow, `Proxy-Status` has a line of its own.

use super::{
    row::Row,
    screen::{Ink, Screen, shortened},
};

/// A screen as wide as this has room for all columns.
const ROOMY: usize = 100;
/// Under which all but the verdict stands.
const INDENT: usize = 7;
const DONE: usize = 29;
const STATUS: usize = 11;

/// The heads of the columns, and a rule.
pub(super) fn head(screen: Screen) -> String {
    let plain = Screen {
        colour: false,
        ..screen
    };
    let heads = columns(plain, "", "what is done to the hop", "status", "Proxy-Status");
    let rule = "─".repeat(screen.width);
    screen.paint(Ink::Faint, &format!("{heads}\n{rule}")) + "\n"
}

/// A row.
pub(super) fn row(screen: Screen, row: &Row) -> String {
    let (verdict, ink) = match row.is_right() {
        true => ("PASS", Ink::Right),
        false => ("FAIL", Ink::Wrong),
    };
    let told = told(&row.told, screen.width - left_of_told(screen));
    let mut text = columns(screen, &screen.paint(ink, verdict), row.done, &row.status, &told);
    text.push('\n');
    text += &screen.paragraph(None, INDENT, &row.plain);
    if let Some((hop, details)) = &row.details {
        text += &screen.paragraph(Some(Ink::Faint), INDENT, &format!("{hop}: \"{details}\""));
    }
    for wrong in &row.wrong {
        text += &screen.paragraph(Some(Ink::Wrong), INDENT, &format!("! {wrong}"));
    }
    text
}

/// The summary below.
pub(super) fn summary(screen: Screen, right: usize, all: usize) -> String {
    let ink = if right == all { Ink::Right } else { Ink::Wrong };
    let rule = screen.paint(Ink::Faint, &"─".repeat(screen.width));
    let text = screen.paint(ink, &format!("{right} of {all} right"));
    format!("{rule}\n {text}\n")
}

fn is_roomy(screen: Screen) -> bool {
    screen.width >= ROOMY
}

fn left_of_told(screen: Screen) -> usize {
    if is_roomy(screen) {
        INDENT + DONE + 2 + STATUS + 2
    } else {
        INDENT
    }
}

/// The verdict comes painted; it is four letters, or none.
fn columns(screen: Screen, verdict: &str, done: &str, status: &str, told: &str) -> String {
    let verdict = if verdict.is_empty() { "    " } else { verdict };
    let title = screen.paint(Ink::Title, &format!("{:DONE$}", shortened(done, DONE)));
    let status = shortened(status, STATUS);
    if is_roomy(screen) {
        format!(" {verdict}  {title}  {status:STATUS$}  {told}")
    } else {
        format!(" {verdict}  {title}  {status}\n{:INDENT$}{told}", "")
    }
}

/// As many members as there is room for: the one nearest the origin first, since it is the one who knows.
fn told(members: &[String], width: usize) -> String {
    if members.is_empty() {
        return "none".to_owned();
    }
    let fitting = (1..=members.len()).rev().map(|count| {
        let more = if count < members.len() { ", …" } else { "" };
        members[..count].join(", ") + more
    });
    let mut fitting = fitting.filter(|text| text.chars().count() <= width);
    fitting.next().unwrap_or_else(|| shortened(&members[0], width))
}

#[cfg(test)]
mod tests {
    use super::{super::screen::NARROWEST, *};

    const MEMBERS: [&str; 2] = ["server;error=connection_refused", "client;received-status=502"];

    fn example() -> Row {
        Row {
            done: "the app is killed",
            status: "502".to_owned(),
            told: MEMBERS.map(str::to_owned).to_vec(),
            plain: "502: asked, got nothing. Nobody listens at the app's port any more.".to_owned(),
            details: Some((
                "server".to_owned(),
                "127.0.0.1:1 refused the connection".to_owned(),
            )),
            wrong: Vec::new(),
        }
    }

    fn plain(width: usize) -> Screen {
        let colour = false;
        Screen { width, colour }
    }

    #[test]
    fn a_row_stands_in_columns_where_there_is_room() {
        let expected = [
            " PASS  the app is killed              502          server;error=connection_refused, client;received-status=502",
            "       502: asked, got nothing. Nobody listens at the app's port any more.",
            "       server: \"127.0.0.1:1 refused the connection\"",
        ];
        let text = row(plain(120), &example());
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn members_that_do_not_fit_are_left_out_visibly() {
        let text = row(plain(100), &example());
        let first = text.lines().next().unwrap();
        assert!(first.ends_with("server;error=connection_refused, …"), "{first}");
    }

    #[test]
    fn proxy_status_has_a_line_of_its_own_where_the_screen_is_narrow() {
        let expected = [
            " PASS  the app is killed              502",
            "       server;error=connection_refused, client;received-status=502",
            "       502: asked, got nothing. Nobody listens at the app's port any more.",
            "       server: \"127.0.0.1:1 refused the connection\"",
        ];
        let text = row(plain(80), &example());
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn no_line_is_longer_than_the_screen() {
        let wrong = Row {
            status: "200 grpc 14 and more".to_owned(),
            told: vec!["x".repeat(300)],
            wrong: vec![format!("status: expected 502, got {}", "9".repeat(200))],
            ..example()
        };
        for width in [NARROWEST, 80, 99, 100, 120] {
            let screen = plain(width);
            let text = [
                head(screen),
                row(screen, &example()),
                row(screen, &wrong),
                summary(screen, 1, 2),
            ]
            .concat();
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn what_is_wrong_stands_below_its_row() {
        let wrong = Row {
            wrong: vec!["status: expected 502, got 503".to_owned()],
            ..example()
        };
        let text = row(plain(120), &wrong);
        assert!(text.starts_with(" FAIL "), "{text}");
        assert!(
            text.ends_with("       ! status: expected 502, got 503\n"),
            "{text}"
        );
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let coloured = Screen {
            colour: true,
            ..plain(120)
        };
        let text = row(coloured, &example());
        assert!(text.contains("\x1b[32mPASS\x1b[0m"), "{text}");
        let bare = ["1", "2", "32", "0"]
            .iter()
            .fold(text, |text, code| text.replace(&format!("\x1b[{code}m"), ""));
        assert_eq!(bare, row(plain(120), &example()));
    }

    #[test]
    fn the_summary_counts() {
        assert!(summary(plain(80), 12, 13).contains("12 of 13 right"));
    }
}
