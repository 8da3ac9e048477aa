//! Dates, spans and lists as people read them.

/// `2026-11-22T10:00:00Z`, of seconds since 1970.
pub fn date(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(date) => date.to_string(),
        Err(_) => format!("second {seconds}"),
    }
}

/// The two largest units of a span: `3 d 4 h`, `3 h 12 min`, `2 min 5 s`, `5 s`.
pub(crate) fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => two(minutes, "min", seconds % 60, "s"),
        (0, hours, minutes) => two(hours, "h", minutes, "min"),
        (days, hours, _) => two(days, "d", hours, "h"),
    }
}

fn two(large: u64, unit: &str, small: u64, subunit: &str) -> String {
    match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {subunit}"),
    }
}

/// `a, b, c and 5 more`: a sentence names four at most.
pub(crate) fn list<T: AsRef<str>>(items: &[T]) -> String {
    const NAMED: usize = 4;
    let named: Vec<&str> = items.iter().take(NAMED).map(AsRef::as_ref).collect();
    match items.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Only printable ASCII; texts of errors of others go through here.
pub(crate) fn ascii(text: &str) -> String {
    text.chars()
        .map(|c| if matches!(c, ' '..='~') { c } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        let told = [
            (5, "5 s"),
            (125, "2 min 5 s"),
            (11_520, "3 h 12 min"),
            (3600, "1 h"),
            (273_600, "3 d 4 h"),
        ];
        for (seconds, text) in told {
            assert_eq!(span(seconds), text);
            assert_eq!(span(-seconds), text);
        }
    }

    #[test]
    fn a_date_is_told_in_utc() {
        assert_eq!(date(1_795_341_600), "2026-11-22T10:00:00Z");
        assert_eq!(date(i64::MAX), format!("second {}", i64::MAX));
    }

    #[test]
    fn a_list_names_four_and_counts_the_rest() {
        assert_eq!(list(&["a", "b", "c", "d"]), "a, b, c, d");
        assert_eq!(list(&["a", "b", "c", "d", "e", "f"]), "a, b, c, d and 2 more");
    }
}
