//! What is said in answer to a `ClientHello` that a TLS server would not say.

use std::borrow::Cow;

/// An answer to a `ClientHello` (RFC 8446 §4.1.3, §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hello {
    /// Bytes that are no TLS record.
    Garbage,
    /// A handshake record whose content is garbage.
    GarbageInRecord,
    /// A record longer than any may be.
    RecordTooLong,
    /// A `ServerHello` of TLS 1.1.
    Tls11,
    /// A `ServerHello` of SSL 3.0.
    Ssl3,
    /// A `ServerHello` of TLS 1.2 with a cipher suite that nobody offered (`TLS_RSA_WITH_NULL_MD5`).
    UnofferedCipher,
    /// Application data before there is a key.
    DataFirst,
    /// HTTP/1.1 in plain text, with a `400`, as many servers answer TLS on their plaintext port.
    PlainHttp,
    /// A `ClientHello` of its own: what is behind the port is a client.
    ClientHello,
    /// A warning: `unrecognized_name`, and nothing after it.
    Warning,
}

impl Hello {
    /// Every answer.
    pub const ALL: &'static [Self] = &[
        Self::Garbage,
        Self::GarbageInRecord,
        Self::RecordTooLong,
        Self::Tls11,
        Self::Ssl3,
        Self::UnofferedCipher,
        Self::DataFirst,
        Self::PlainHttp,
        Self::ClientHello,
        Self::Warning,
    ];

    pub(crate) fn said(self) -> Cow<'static, [u8]> {
        const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        match self {
            Self::Garbage => b"\x00\x01\xfe\xffnothing of the kind\x80".into(),
            Self::GarbageInRecord => record(HANDSHAKE, 3, b"nothing of the kind"),
            Self::RecordTooLong => record(HANDSHAKE, 3, &[0; 20_000]),
            Self::Tls11 => server_hello(2, [0xc0, 0x13]),
            Self::Ssl3 => server_hello(0, [0x00, 0x0a]),
            Self::UnofferedCipher => server_hello(3, [0x00, 0x01]),
            Self::DataFirst => record(DATA, 3, b"nothing of the kind"),
            Self::PlainHttp => PLAIN.into(),
            Self::ClientHello => record(HANDSHAKE, 3, &[1, 0, 0, 4, 3, 3, 0, 0]),
            Self::Warning => record(ALERT, 3, &[1, 112]),
        }
    }
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// A record of version 3.`minor`.
fn record(kind: u8, minor: u8, payload: &[u8]) -> Cow<'static, [u8]> {
    let length = u16::try_from(payload.len())
        .expect("a short record")
        .to_be_bytes();
    [&[kind, 3, minor], &length[..], payload].concat().into()
}

/// A `ServerHello` of version 3.`minor`: random, no session, the cipher suite, no compression, no extensions.
fn server_hello(minor: u8, cipher: [u8; 2]) -> Cow<'static, [u8]> {
    let body = [&[3, minor], &[7; 32][..], &[0], &cipher, &[0]].concat();
    let length = u8::try_from(body.len()).expect("a short hello");
    record(HANDSHAKE, minor, &[&[2, 0, 0, length], &body[..]].concat())
}
