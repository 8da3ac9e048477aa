//! HTTP/1.1 as strictly as it can be read (RFC 9112): one form for everything, and nothing else.
//!
//! It shares no code with the proxy or its HTTP library.

use std::sync::OnceLock;

/// What the sidecar calls itself in `Via`. Half of it is drawn at random: nobody else can write it, so that a request
/// in the body of another shows.
static NAME: OnceLock<String> = OnceLock::new();

/// What bytes begin with.
#[derive(Debug)]
pub(super) enum Read<T> {
    /// A message of so many bytes.
    Whole(usize, T),
    /// The beginning of one.
    Part,
    /// None, whatever follows.
    Wrong(String),
}

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
}

/// A response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// How long a body is.
enum Framing {
    None,
    Length(usize),
    Chunked,
    /// Till the connection ends: that it is whole cannot be seen.
    Close,
}

type Head<'a> = (Vec<&'a [u8]>, Vec<(String, Vec<u8>)>, usize);

impl Request {
    pub(super) fn read(bytes: &[u8]) -> Read<Self> {
        let (line, fields, at) = match head(bytes) {
            Read::Whole(_, head) => head,
            Read::Part => return Read::Part,
            Read::Wrong(what) => return Read::Wrong(what),
        };
        let [method, target, version] = line.as_slice() else {
            return Read::Wrong("a request line of other than three words".into());
        };
        // Beyond ASCII is not what RFC 3986 allows, and what everybody passes on as it is.
        let visible = !target.is_empty() && target.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
        if !is_token(method) || !visible || *version != b"HTTP/1.1" {
            return Read::Wrong("an odd request line".into());
        }
        let hosts = fields.iter().filter(|(name, _)| name == "host").count();
        if hosts != 1 {
            return Read::Wrong(format!("{hosts} Hosts"));
        }
        let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        let request = Self {
            method: text(method),
            target: text(target),
            fields,
        };
        let framing = match framing(&request.fields) {
            Ok(Framing::Close) => Ok(Framing::None),
            other => other,
        };
        finish(bytes, at, framing, |_| request)
    }

    /// Whether what follows may be no HTTP any more, if it is granted.
    pub(super) fn asks_for_upgrade(&self) -> bool {
        let asks = |(name, value): &(String, Vec<u8>)| name == "connection" && value == b"upgrade";
        self.fields.iter().any(asks)
    }

    /// It is one of those that the proxy makes: origin form, and it says who passed it on.
    pub(super) fn check_passed_on(&self) {
        let asterisk = self.target == "*" && self.method == "OPTIONS";
        assert!(
            asterisk || self.target.starts_with('/'),
            "target {:?}",
            self.target
        );
        assert_ne!(self.method, "CONNECT");
        let last = |wanted: &str| {
            let mut values = self.fields.iter().filter(|(name, _)| name == wanted);
            values
                .next_back()
                .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let via = last("via").expect("a Via");
        let name = via.split(' ').nth(1).expect("a protocol and a name").to_owned();
        assert_eq!(*NAME.get_or_init(|| name.clone()), name);
        assert!(last("forwarded").is_some_and(|value| value.ends_with("for=127.0.0.1;proto=http")));
        assert_eq!(last("upgrade").is_some(), self.asks_for_upgrade());
        assert_ne!(last("upgrade").as_deref(), Some("h2c"));
        let ended = [
            "proxy-connection",
            "keep-alive",
            "proxy-authorization",
            "client-cert",
        ];
        let stray = self
            .fields
            .iter()
            .find(|(name, _)| ended.contains(&&*name.replace('_', "-")));
        assert!(stray.is_none(), "{stray:?} was passed on");
    }
}

impl Response {
    /// `method` is the request's, if it is known.
    pub(super) fn read(bytes: &[u8], method: Option<&str>) -> Read<Self> {
        let (line, fields, at) = match head(bytes) {
            Read::Whole(_, head) => head,
            Read::Part => return Read::Part,
            Read::Wrong(what) => return Read::Wrong(what),
        };
        let [version, status, ..] = line.as_slice() else {
            return Read::Wrong("a status line of one word".into());
        };
        let digits = str::from_utf8(status).ok().filter(|status| status.len() == 3);
        let (Some(status), b"HTTP/1.1" | b"HTTP/1.0") = (digits.and_then(|text| text.parse().ok()), *version)
        else {
            return Read::Wrong("an odd status line".into());
        };
        let bodyless = matches!(status, 100..200 | 204 | 304) || method == Some("HEAD");
        let framing = match framing(&fields) {
            Ok(_) if bodyless => Ok(Framing::None),
            other => other,
        };
        finish(bytes, at, framing, |body| Self { status, body })
    }
}

/// The words of the first line, the fields with their names in lower case, and where the body begins.
fn head(bytes: &[u8]) -> Read<Head<'_>> {
    let Some(end) = position(bytes, b"\r\n\r\n") else {
        return Read::Part;
    };
    let mut lines = Vec::new();
    let mut rest = &bytes[..end];
    while let Some(at) = position(rest, b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    let first: Vec<_> = lines[0].split(|byte| *byte == b' ').collect();
    let mut fields = Vec::new();
    for line in &lines[1..] {
        match field(line) {
            Some(field) => fields.push(field),
            None => return Read::Wrong(format!("the odd field {:?}", String::from_utf8_lossy(line))),
        }
    }
    Read::Whole(end + 4, (first, fields, end + 4))
}

fn field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    let fits = value
        .iter()
        .all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f));
    (is_token(name) && fits).then(|| (String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec()))
}

fn framing(fields: &[(String, Vec<u8>)]) -> Result<Framing, String> {
    let of = |wanted: &str| {
        let values = fields.iter().filter(|(name, _)| name == wanted);
        values.map(|(_, value)| value.as_slice()).collect::<Vec<_>>()
    };
    match (
        of("content-length").as_slice(),
        of("transfer-encoding").as_slice(),
    ) {
        ([], []) => Ok(Framing::Close),
        ([length], []) => number(length, 10)
            .map(Framing::Length)
            .ok_or("an odd Content-Length".into()),
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        (lengths, codings) => Err(format!("{} lengths and {} codings", lengths.len(), codings.len())),
    }
}

fn finish<T>(
    bytes: &[u8],
    at: usize,
    framing: Result<Framing, String>,
    make: impl FnOnce(Vec<u8>) -> T,
) -> Read<T> {
    match framing {
        Err(what) => Read::Wrong(what),
        Ok(Framing::None) => Read::Whole(at, make(Vec::new())),
        Ok(Framing::Close) => Read::Part,
        Ok(Framing::Length(length)) => match bytes.get(at..at.saturating_add(length)) {
            Some(body) => Read::Whole(at + length, make(body.to_vec())),
            None => Read::Part,
        },
        Ok(Framing::Chunked) => match chunks(&bytes[at..]) {
            Read::Whole(length, body) => Read::Whole(at + length, make(body)),
            Read::Part => Read::Part,
            Read::Wrong(what) => Read::Wrong(what),
        },
    }
}

fn chunks(bytes: &[u8]) -> Read<Vec<u8>> {
    let (mut at, mut body) = (0, Vec::new());
    loop {
        let Some(end) = position(&bytes[at..], b"\r\n") else {
            return match bytes.len() - at {
                ..20 => Read::Part,
                _ => Read::Wrong("a chunk size without end".into()),
            };
        };
        let Some(size) = number(&bytes[at..at + end], 16) else {
            return Read::Wrong("an odd chunk size".into());
        };
        at += end + 2;
        if size == 0 {
            return trailers(bytes, at, body);
        }
        let Some(chunk) = bytes.get(at..at.saturating_add(size)) else {
            return Read::Part;
        };
        body.extend_from_slice(chunk);
        at += size;
        match bytes.get(at..at + 2) {
            Some(b"\r\n") => at += 2,
            Some(_) => return Read::Wrong("a chunk longer than it says".into()),
            None => return Read::Part,
        }
    }
}

fn trailers(bytes: &[u8], mut at: usize, body: Vec<u8>) -> Read<Vec<u8>> {
    loop {
        let Some(end) = position(&bytes[at..], b"\r\n") else {
            return Read::Part;
        };
        let line = &bytes[at..at + end];
        at += end + 2;
        if line.is_empty() {
            return Read::Whole(at, body);
        }
        if field(line).is_none() {
            return Read::Wrong("an odd trailer".into());
        }
    }
}

fn number(digits: &[u8], radix: u32) -> Option<usize> {
    let text = str::from_utf8(digits).ok()?;
    let fits = !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
    fits.then(|| usize::from_str_radix(text, radix).ok()).flatten()
}

fn is_token(word: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !word.is_empty() && word.iter().all(fits)
}

pub(super) fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
