//! The body of a generated error: problem+json, one small page, or one line of text.
//!
//! What may be read was decided before ([`Told`]); here it is only written, with everything escaped that came from
//! outside. No form says more than another.

use std::fmt::Write;

use http::StatusCode;

use crate::{Failure, Reason, accept::Form, retry_after};

/// The wait that a page advises when nobody knows better, in seconds.
const PATIENCE: u64 = 30;

/// What this reader is told about a failure.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    status: StatusCode,
    reason: Reason,
    sentence: &'a str,
    upstream: Option<&'a str>,
    request_id: Option<&'a str>,
    wait: Option<u64>,
}

impl<'a> Told<'a> {
    /// Without `detailed`, neither the failure's sentence nor its upstream.
    pub(crate) fn new(failure: &'a Failure, detailed: bool, request_id: Option<&'a str>) -> Self {
        let upstream = failure.upstream().filter(|_| detailed);
        Self {
            status: failure.reason().answer_status(),
            reason: failure.reason(),
            sentence: failure.sentence(detailed),
            upstream: upstream.map(|name| &**name),
            request_id,
            wait: retry_after::told(failure).map(retry_after::seconds),
        }
    }

    /// The body in this form.
    pub(crate) fn body(&self, form: Form) -> String {
        match form {
            Form::Problem => self.problem(),
            Form::Page => self.page(),
            Form::Line => self.line(),
        }
    }

    /// RFC 9457; `about:blank` says that the title is the status phrase and no more.
    fn problem(&self) -> String {
        let mut out = String::with_capacity(256);
        out.push_str(r#"{"type":"about:blank","title":"#);
        push_json(&mut out, self.phrase());
        out.push_str(r#","status":"#);
        out.push_str(self.status.as_str());
        let members = [
            ("detail", Some(self.sentence)),
            ("reason", Some(self.reason.label())),
            ("upstream", self.upstream),
            ("request_id", self.request_id),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                out.push(',');
                push_json(&mut out, name);
                out.push(':');
                push_json(&mut out, value);
            }
        }
        out.push_str("}\n");
        out
    }

    fn page(&self) -> String {
        let (status, phrase, label) = (self.status.as_str(), self.phrase(), self.reason.label());
        let (lead, word, sentence) = (self.lead(), self.reason.words().word, Html(self.sentence));
        let advice = self.advice();
        let id = self
            .request_id
            .map(|id| format!(" &middot; request {}", Html(id)))
            .unwrap_or_default();
        format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{status} {phrase}</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}}small{{color:#777}}</style>
</head>
<body>
<h1>{lead}</h1>
<p>What is wrong, in one word: <strong>{word}</strong>. In a few more: {sentence}.</p>
{advice}<p><small>{status} {phrase} &middot; {label}{id}</small></p>
</body>
</html>
"#
        )
    }

    fn line(&self) -> String {
        let mut out = format!(
            "{} {}: {}",
            self.status.as_str(),
            self.reason,
            printable(self.sentence)
        );
        if let Some(wait) = self.wait {
            let _ = write!(out, "; try again in {wait} s");
        }
        if let Some(id) = self.request_id {
            let _ = write!(out, " (request {})", printable(id));
        }
        out.push('\n');
        out
    }

    fn phrase(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    fn lead(&self) -> &'static str {
        if self.is_about_the_request() {
            "This request was not accepted."
        } else {
            "It is not you."
        }
    }

    fn advice(&self) -> String {
        match self.wait {
            None if self.is_about_the_request() => String::new(),
            wait => format!(
                "<p>Please wait and try again in {} s.</p>\n",
                wait.unwrap_or(PATIENCE)
            ),
        }
    }

    /// Whether the caller has to change something, so that waiting alone helps nothing.
    fn is_about_the_request(&self) -> bool {
        matches!(
            self.reason.row().error,
            Some("http_request_error" | "http_request_denied")
        )
    }
}

/// Writes a JSON string (RFC 8259 §7).
fn push_json(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            _ => out.push(char),
        }
    }
    out.push('"');
}

/// A text that is written as text into HTML, never as markup.
struct Html<'a>(&'a str);

impl std::fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            '\0' => f.write_char(char::REPLACEMENT_CHARACTER),
            _ => f.write_char(char),
        })
    }
}

/// The text on one line: control characters become spaces.
fn printable(text: &str) -> String {
    text.replace(char::is_control, " ")
}
