//! `Proxy-Status`: which hop answered, and why (RFC 9209), written and read as a structured-field list (RFC 9651).
//!
//! One member per hop, the one nearest the origin first. Members of hops behind us are kept to the byte and ours goes to
//! the end; a field that is no list at all is trusted in nothing and replaced. Nothing here decides whether a field of a
//! stranger may be believed: who receives it removes it first.

mod item;
mod parameters;

use std::borrow::Cow;

use http::{
    HeaderMap, StatusCode,
    header::{HeaderName, HeaderValue},
};
use sfv::{BareItem, ItemSerializer, Key, KeyRef, List, ListEntry, Parser, key_ref};

use self::item::{ascii, bytes, string, text, token, token_or_bytes, token_or_string};
use crate::{Extra, Failure};

pub use parameters::Parameters;

/// The field's name.
pub const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

const ERROR: &KeyRef = key_ref("error");
const NEXT_HOP: &KeyRef = key_ref("next-hop");
const NEXT_PROTOCOL: &KeyRef = key_ref("next-protocol");
const RECEIVED_STATUS: &KeyRef = key_ref("received-status");
const DETAILS: &KeyRef = key_ref("details");

/// The longest `details` that a failure is told with, in characters: room for a sentence, far from any header limit.
const LONGEST_DETAILS: usize = 1024;

/// One hop's account of what happened there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// The deployment, never the product.
    pub name: String,
    /// The error type, if this hop generated the response. Not written if it is no token.
    pub error: Option<Cow<'static, str>>,
    /// Where the hop sent, or would have sent, the request.
    pub next_hop: Option<String>,
    /// The ALPN identifier of what is spoken there.
    pub next_protocol: Option<Vec<u8>>,
    /// The status that came from there.
    pub received_status: Option<StatusCode>,
    /// One sentence for people.
    pub details: Option<String>,
    /// Every other parameter.
    pub extra: Parameters,
}

impl Member {
    /// A member that says nothing yet but its name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// The member for a response that was generated because of `failure`.
    ///
    /// `next-hop` and `details` only when `detailed`: they name addresses and tell sentences.
    pub fn for_failure(name: &str, failure: &Failure, detailed: bool) -> Self {
        let mut member = Self::new(name);
        let row = failure.reason().row();
        member.error = row.error.map(Cow::Borrowed);
        if row.error == Some("http_request_error") {
            let status = Extra::Integer(row.status.into());
            member.extra.push("status-code", &status);
        }
        for (name, value) in failure.extra() {
            member.extra.push(name, value);
        }
        if detailed {
            member.next_hop = failure.endpoint().map(|endpoint| String::from(&**endpoint));
            member.details = failure.detail().map(shortened);
        }
        member
    }

    /// The member for a response of the upstream that is passed on with this status.
    pub fn for_upstream_status(name: &str, status: StatusCode, next_hop: Option<&str>) -> Self {
        Self {
            received_status: Some(status),
            next_hop: next_hop.map(str::to_owned),
            ..Self::new(name)
        }
    }

    /// Writes the member to the end of `out`.
    fn write(&self, out: &mut String) {
        let mut item = ItemSerializer::with_buffer(out).bare_item(token_or_string(&ascii(&self.name)));
        if let Some(error) = self.error.as_deref().and_then(token) {
            item = item.parameter(ERROR, error);
        }
        item = item.parameters(self.extra.iter());
        if let Some(next_hop) = &self.next_hop {
            item = item.parameter(NEXT_HOP, string(&ascii(next_hop)));
        }
        if let Some(protocol) = &self.next_protocol {
            item = item.parameter(NEXT_PROTOCOL, token_or_bytes(protocol));
        }
        if let Some(status) = self.received_status {
            item = item.parameter(RECEIVED_STATUS, status.as_u16());
        }
        if let Some(details) = &self.details {
            item = item.parameter(DETAILS, string(&ascii(details)));
        }
        let _written_to_out = item.finish();
    }

    /// Reads one entry of the list; one that names no hop is none.
    fn from_entry(entry: ListEntry) -> Option<Self> {
        let ListEntry::Item(item) = entry else {
            return None;
        };
        let mut member = Self::new(text(&item.bare_item)?);
        for (key, value) in item.params {
            member.read(key, value);
        }
        Some(member)
    }

    /// Reads one parameter. A known one of the wrong type says nothing.
    fn read(&mut self, key: Key, value: BareItem) {
        match key.as_str() {
            "error" => self.error = value.as_token().map(|error| error.to_string().into()),
            "next-hop" => self.next_hop = text(&value).map(str::to_owned),
            "next-protocol" => self.next_protocol = bytes(&value).map(<[u8]>::to_vec),
            "received-status" => self.received_status = status(&value),
            "details" => self.details = value.as_string().map(ToString::to_string),
            _ => self.extra.keep(key, value),
        }
    }
}

/// Every hop's member, the one nearest the origin first; none if the field is absent or no structured list.
pub fn members(headers: &HeaderMap) -> Vec<Member> {
    let list = parsed(&combined(headers)).unwrap_or_default();
    list.into_iter().filter_map(Member::from_entry).collect()
}

/// The one who spoke: the member nearest the origin that carries `error`.
pub fn spoke(members: &[Member]) -> Option<&Member> {
    members.iter().find(|member| member.error.is_some())
}

/// Appends our member to those of the hops behind us. A field that cannot be read is replaced: nobody could read ours
/// behind it.
pub fn append(headers: &mut HeaderMap, member: &Member) {
    let mut line = if headers.contains_key(PROXY_STATUS) {
        kept(headers)
    } else {
        String::with_capacity(96)
    };
    if !line.is_empty() {
        line.push_str(", ");
    }
    member.write(&mut line);
    let value =
        HeaderValue::try_from(line).expect("a structured field is ASCII without control characters but tabs");
    headers.insert(PROXY_STATUS, value);
}

/// What hops behind us wrote, to the byte; empty if it cannot be read.
fn kept(headers: &HeaderMap) -> String {
    let value = combined(headers);
    match parsed(&value) {
        Some(_) => String::from_utf8(value).unwrap_or_default(),
        None => String::new(),
    }
}

/// The value of all the field's lines together (RFC 9110 §5.3); blank ones add nothing.
fn combined(headers: &HeaderMap) -> Vec<u8> {
    let values = headers.get_all(PROXY_STATUS).into_iter();
    let lines = values.map(|value| value.as_bytes().trim_ascii());
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(&b", "[..])
}

fn parsed(value: &[u8]) -> Option<List> {
    Parser::new(value).parse().ok()
}

fn status(value: &BareItem) -> Option<StatusCode> {
    let number = u16::try_from(value.as_integer()?).ok()?;
    StatusCode::from_u16(number).ok()
}

/// At most [`LONGEST_DETAILS`] of a text.
fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_DETAILS).collect()
}
