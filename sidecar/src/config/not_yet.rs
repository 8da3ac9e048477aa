//! Settings that are known and not in effect yet. A line leaves the table on the day its setting takes effect.

use toml::de::DeValue;

use super::finding::Kind;

/// A setting that is not in effect yet.
struct NotYet {
    /// The end of its path, indexes left out; `*` is any one key.
    key: &'static str,
    /// The values concerned.
    when: When,
    /// What happens instead.
    instead: &'static str,
}

/// Which values of a setting are not in effect.
enum When {
    /// Every value.
    Set,
    /// This value; it cannot be run with.
    Is(&'static str),
    /// Texts that begin so; they cannot be run with.
    Starts(&'static str),
}

use When::{Is, Set, Starts};

#[rustfmt::skip]
const NOT_YET: &[NotYet] = &[
    NotYet { key: "health.*",            when: Set,             instead: "endpoints are not probed" },
    NotYet { key: "balance.*",           when: Set,             instead: "endpoints take turns" },
    NotYet { key: "identity.source",     when: Is("spiffe"),    instead: "" },
    NotYet { key: "identity.source",     when: Is("dev"),       instead: "" },
    NotYet { key: "endpoints",           when: Starts("srv:"),  instead: "" },
    NotYet { key: "endpoints",           when: Starts("file:"), instead: "" },
];

/// What there is to say about a value that the file sets, if it is not in effect.
pub(super) fn remark(path: &str, value: &DeValue<'_>) -> Option<(Kind, String)> {
    let path = without_indexes(path);
    let lines = NOT_YET.iter().filter(|line| is_end_of(line.key, &path));
    lines.filter_map(|line| line.verdict(value)).next().flatten()
}

impl NotYet {
    /// `None` if the line is not about this value, `Some(None)` if it is and all is well.
    fn verdict(&self, value: &DeValue<'_>) -> Option<Option<(Kind, String)>> {
        let text = text_of(value);
        let warning = || (Kind::Warning, format!("not in effect yet: {}", self.instead));
        let error = || (Kind::Local, format!("`{text}` is not available yet"));
        match self.when {
            Set => Some(Some(warning())),
            Is(word) => (text == word).then(|| Some(error())),
            Starts(start) => text.starts_with(start).then(|| Some(error())),
        }
    }
}

/// Whether the pattern is the end of the path, key by key.
fn is_end_of(pattern: &str, path: &str) -> bool {
    let mut keys = path.rsplit('.');
    pattern
        .rsplit('.')
        .all(|wanted| keys.next().is_some_and(|key| wanted == "*" || wanted == key))
}

/// `outbound.upstream[0].endpoints[1]` -> `outbound.upstream.endpoints`
fn without_indexes(path: &str) -> String {
    path.split('[')
        .map(|part| part.split_once(']').map_or(part, |(_, rest)| rest))
        .collect()
}

fn text_of<'v>(value: &'v DeValue<'_>) -> &'v str {
    match value {
        DeValue::String(text) => text,
        DeValue::Integer(number) => number.as_str(),
        DeValue::Boolean(true) => "true",
        DeValue::Boolean(false) => "false",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(path: &str, value: &str) -> Option<Kind> {
        remark(path, DeValue::parse(value).unwrap().get_ref()).map(|(kind, _)| kind)
    }

    #[test]
    fn a_setting_without_effect_is_a_warning() {
        assert_eq!(kind_of("inbound[1].app.health.rise", "5"), Some(Kind::Warning));
        assert_eq!(kind_of("outbound.listen", "\"127.0.0.1:1\""), None);
    }

    #[test]
    fn a_value_that_cannot_be_run_with_is_an_error() {
        assert_eq!(kind_of("identity.source", "\"spiffe\""), Some(Kind::Local));
        assert_eq!(kind_of("identity.source", "\"files\""), None);
        assert_eq!(
            kind_of("inbound[0].app.endpoints[2]", "\"srv:_http._tcp.x\""),
            Some(Kind::Local)
        );
    }
}
