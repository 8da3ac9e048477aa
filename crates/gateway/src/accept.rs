//! The form of a generated error's body, by what the request accepts (RFC 9110 §12.5.1).
//!
//! The highest quality wins; on a tie the form that is named rather than covered by a wildcard, then problem+json, the
//! page, the line.
//! If nothing is said, or nothing that we have is acceptable, it is problem+json: an error without words helps nobody.

use http::HeaderValue;

/// What a generated body can look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `application/problem+json` (RFC 9457).
    Problem,
    /// A small HTML page.
    Page,
    /// One line of plain text.
    Line,
}

/// How well a form is liked: quality in thousandths, then whether it was named.
type Liking = (u16, bool);

impl Form {
    /// In the order that decides a tie.
    const ALL: [Self; 3] = [Self::Problem, Self::Page, Self::Line];

    /// The form for a request with this `Accept` field.
    pub(crate) fn negotiate(accept: Option<&HeaderValue>) -> Self {
        let Some(accept) = accept.and_then(|value| value.to_str().ok()) else {
            return Self::Problem;
        };
        let accept = accept.to_ascii_lowercase();
        let mut best = (Self::Problem, (0, false));
        for form in Self::ALL {
            let liking = form.liking(&accept);
            if liking > best.1 {
                best = (form, liking);
            }
        }
        best.0
    }

    /// The value of `Content-Type`.
    pub(crate) const fn media_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Problem => "application/problem+json",
            Self::Page => "text/html; charset=utf-8",
            Self::Line => "text/plain; charset=utf-8",
        })
    }

    /// The most exact range that covers this form decides its quality, so that `q=0` can exclude it from a wildcard.
    fn liking(self, accept: &str) -> Liking {
        let ranges = split(accept, ',').filter_map(Range::parse);
        let covering = ranges.filter_map(|range| Some((self.exactness(&range)?, range.quality)));
        match covering.max() {
            None | Some((_, 0)) => (0, false),
            Some((exactness, quality)) => (quality, exactness >= Exactness::Like),
        }
    }

    /// How exactly a range names this form, if it covers it.
    fn exactness(self, range: &Range<'_>) -> Option<Exactness> {
        match (self, range.kind, range.subtype) {
            (Self::Problem, "application", "problem+json") => Some(Exactness::Same),
            (Self::Problem, "application", subtype) if is_json(subtype) => Some(Exactness::Like),
            (Self::Page, "text", "html") => Some(Exactness::Same),
            (Self::Line, "text", "plain") => Some(Exactness::Same),
            // Whoever reads only text/event-stream or text/csv is still served best by one line of text.
            (Self::Line, "text", subtype) if !matches!(subtype, "html" | "*") => Some(Exactness::Like),
            (Self::Problem, "application", "*") | (Self::Line, "text", "*") => Some(Exactness::Kind),
            // Nobody gets a page who did not ask for one.
            (Self::Problem | Self::Line, "*", "*") => Some(Exactness::Any),
            _ => None,
        }
    }
}

/// How exactly a media range names a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Exactness {
    /// `*/*`.
    Any,
    /// `text/*`.
    Kind,
    /// Another type whose readers can read it.
    Like,
    /// Its own type.
    Same,
}

fn is_json(subtype: &str) -> bool {
    subtype == "json" || subtype.ends_with("+json")
}

/// One media range in lower case, and its quality in thousandths.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: u16,
}

impl<'a> Range<'a> {
    /// Reads `type/subtype;parameters;q=0.5`; a range that cannot be read is as good as not there.
    fn parse(range: &'a str) -> Option<Self> {
        let mut parts = split(range, ';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut quality = 1000;
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            if name.trim() == "q" {
                quality = thousandths(value.trim())?;
            }
        }
        Some(Self {
            kind,
            subtype,
            quality,
        })
    }
}

/// Reads a quality between 0 and 1 leniently: `.5` and more than three digits are still understood.
fn thousandths(quality: &str) -> Option<u16> {
    let quality: f32 = quality.parse().ok()?;
    // Saturates, and is 0 for what is not a number.
    Some((quality.clamp(0.0, 1.0) * 1000.0) as u16)
}

/// Splits at a separator that stands outside of quoted strings.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |char| {
        let separates = char == separator && !quoted;
        quoted ^= char == '"' && !escaped;
        escaped = quoted && char == '\\' && !escaped;
        separates
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn negotiated(accept: &str) -> Form {
        Form::negotiate(Some(&HeaderValue::from_str(accept).unwrap()))
    }

    #[test]
    fn problem_json_is_for_whoever_takes_it_or_says_nothing() {
        assert_eq!(Form::negotiate(None), Form::Problem);
        for accept in [
            "",
            "*/*",
            "application/json",
            "application/*",
            "application/problem+json",
            "application/json, text/plain, */*",
            "text/html, application/json",
            "application/vnd.api+json",
            "APPLICATION/JSON;Q=0.3",
        ] {
            assert_eq!(negotiated(accept), Form::Problem, "{accept}");
        }
    }

    #[test]
    fn browsers_get_the_page() {
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            "text/html",
            "text/html, */*",
            "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
            "text/html, text/plain, text/css, */*;q=0.01",
            "application/json;q=0.5, text/html;q=0.6",
            "text/html;level=\"1,application/json\"",
        ] {
            assert_eq!(negotiated(accept), Form::Page, "{accept}");
        }
    }

    #[test]
    fn other_text_gets_one_line() {
        for accept in [
            "text/plain",
            "text/*",
            "text/event-stream",
            "text/plain, */*",
            "text/html;q=0, text/*",
            "application/json;q=0, application/problem+json;q=0, */*",
        ] {
            assert_eq!(negotiated(accept), Form::Line, "{accept}");
        }
    }

    #[test]
    fn what_cannot_be_served_or_read_gets_problem_json() {
        for accept in [
            "image/png",
            "text/html;q=0",
            "text/html;q=x",
            "garbage",
            ",;,/",
            "text/html;q=NaN",
        ] {
            assert_eq!(negotiated(accept), Form::Problem, "{accept}");
        }
    }

    proptest! {
        #[test]
        fn any_accept_is_answered_without_panic(accept in "[ -~]{0,60}") {
            negotiated(&accept);
        }
    }
}
