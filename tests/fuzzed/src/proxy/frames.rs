//! HTTP/2 frames written as lines of text, so that a fuzzer and people can change them.
//!
//! ```text
//! H 1 5 :method=GET :path=/ :scheme=http :authority=shop    HEADERS on stream 1, flags 5 (END_HEADERS, END_STREAM)
//! D 1 1 hello                                                DATA
//! F 8 0 3 0000ffff                                           any frame: type, flags, stream, payload in hexadecimal
//! X 0000                                                     any bytes
//! ```
//!
//! Numbers are decimal. `%41` stands for the byte 0x41. Fields are literals without indexing (RFC 7541 §6.2.2).

/// How a client begins (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
pub(super) const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// One line.
#[derive(Debug)]
pub(super) enum Frame {
    Frame {
        kind: u8,
        flags: u8,
        stream: u32,
        payload: Vec<u8>,
    },
    Bytes(Vec<u8>),
}

impl Frame {
    /// Reads the lines that can be read, some hundred at most.
    pub(super) fn parse(lines: &[u8]) -> Vec<Self> {
        crate::lines(lines).take(200).filter_map(Self::line).collect()
    }

    fn line(line: &[u8]) -> Option<Self> {
        let mut words = line.split(|byte| *byte == b' ');
        let kind = words.next()?;
        if kind == b"X" {
            return Some(Self::Bytes(hex(words.next()?)));
        }
        let mut number = || str::from_utf8(words.next()?).ok()?.parse::<u32>().ok();
        let kind = match kind {
            b"H" => HEADERS,
            b"D" => DATA,
            b"F" => number()? as u8,
            _ => return None,
        };
        // F says its flags first.
        let (stream, flags) = match line.first() {
            Some(b'F') => {
                let flags = number()?;
                (number()?, flags as u8)
            }
            _ => (number()?, number()? as u8),
        };
        let rest: Vec<&[u8]> = words.collect();
        let payload = match line.first() {
            Some(b'H') => rest.iter().flat_map(|field| literal(field)).collect(),
            Some(b'D') => unescaped(&rest.join(&b' ')),
            _ => hex(rest.first().copied().unwrap_or_default()),
        };
        Some(Self::Frame {
            kind,
            flags,
            stream,
            payload,
        })
    }
}

/// The bytes of frames, one behind the other.
pub(super) fn write(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        match frame {
            Frame::Bytes(more) => bytes.extend_from_slice(more),
            Frame::Frame {
                kind,
                flags,
                stream,
                payload,
            } => {
                bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
                bytes.extend_from_slice(&[*kind, *flags]);
                bytes.extend_from_slice(&stream.to_be_bytes());
                bytes.extend_from_slice(payload);
            }
        }
    }
    bytes
}

/// A field `name=value` as a literal without indexing, its name included.
fn literal(field: &[u8]) -> Vec<u8> {
    let at = field
        .iter()
        .skip(1)
        .position(|byte| *byte == b'=')
        .map_or(field.len(), |at| at + 1);
    let (name, value) = (&field[..at], field.get(at + 1..).unwrap_or_default());
    let mut bytes = vec![0];
    for text in [unescaped(name), unescaped(value)] {
        let length = text.len().min(16_000);
        // RFC 7541 §5.1, with a prefix of seven bits.
        if length < 127 {
            bytes.push(length as u8);
        } else {
            bytes.extend_from_slice(&[127, (length - 127) as u8 & 127 | 128, ((length - 127) >> 7) as u8]);
        }
        bytes.extend_from_slice(&text[..length]);
    }
    bytes
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let [first, more @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| more.first_chunk::<2>())
            .flatten()
            .and_then(|pair| digits(*pair));
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &more[2..] } else { more };
    }
    bytes
}

fn hex(text: &[u8]) -> Vec<u8> {
    text.as_chunks()
        .0
        .iter()
        .map_while(|pair| digits(*pair))
        .collect()
}

fn digits(pair: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)
}
