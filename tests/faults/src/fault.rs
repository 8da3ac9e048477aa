//! What a server can do wrong, one name a fault.
//!
//! "Reads the request" means head and body. "Cuts" is a FIN where the message is not over yet, behind TLS without
//! `close_notify`: what the kernel does for a process that died. "Closes" is an orderly end. "Resets" is a TCP RST.

use std::time::Duration;

/// One way of misbehaving, played on every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// None: answers every request with `200` and `ok`, and keeps the connection.
    None,

    // ---- before a byte of HTTP; behind TLS: before the handshake
    /// Refuses connections: the port is taken, and nobody listens.
    Refuse,
    /// Never completes a connection: the queue of the listening socket is full, so that further SYNs are dropped
    /// (Linux; elsewhere connections may succeed and then be silent).
    Blackhole,
    /// Resets the connection as soon as it is accepted.
    ResetOnAccept,
    /// Closes the connection as soon as it is accepted.
    CloseOnAccept,
    /// Accepts, then neither reads nor writes.
    Silence,
    /// Waits for the first bytes (of a request or a `ClientHello`), then closes.
    CloseOnFirstBytes,
    /// Waits for the first bytes, then resets.
    ResetOnFirstBytes,
    /// Waits for the first bytes, then sends a fatal TLS alert with this description (RFC 8446 §6) and closes: a TLS
    /// server that got plain text (10, `unexpected_message`), or one that does not like the `ClientHello`.
    TlsAlert(u8),
    /// Greets like an SSH server, as soon as the connection is accepted.
    SshBanner,

    // ---- no response
    /// Reads requests and never answers.
    NoAnswer,
    /// Answers well, but only after this time.
    Late(Duration),
    /// Reads the request, then closes.
    CloseBeforeHead,
    /// Reads the request, then resets.
    ResetBeforeHead,
    /// Cuts within the status line, after `HTTP/1.1 20`.
    CutInStatusLine,
    /// Cuts within a field of the head.
    CutInHead,
    /// Sends a good response, head and body, one byte each time this has passed.
    Drip(Duration),

    // ---- a response that is none
    /// Answers with bytes that are no protocol at all.
    Garbage,
    /// Answers in HTTP/3.0, in text.
    UnknownVersion,
    /// Answers with status 99.
    StatusTooLow,
    /// Answers with status 1000.
    StatusTooHigh,
    /// Answers with status `OK!`.
    StatusNotNumeric,
    /// Answers with `101 Switching Protocols` though nobody asked.
    UnaskedUpgrade,
    /// Two `Content-Length` that disagree.
    ConflictingLengths,
    /// `Content-Length: four`.
    LengthNotNumeric,
    /// A field whose name has a space in it.
    BadFieldName,
    /// A field whose value has a NUL in it.
    NulInField,
    /// One field of a mebibyte.
    HugeField,
    /// Ten thousand fields.
    ManyFields,

    // ---- a body that goes wrong after a good head
    /// Announces 100 bytes, sends 4, cuts.
    CutInBody,
    /// Announces 100 bytes, sends 4, resets.
    ResetInBody,
    /// Announces 100 bytes, sends 4, keeps the connection and falls silent.
    StallInBody,
    /// Sends one chunk and cuts before the last.
    CutBetweenChunks,
    /// Sends a chunk whose size is no number.
    BadChunkSize,
    /// Announces 4 bytes and sends more.
    MoreThanAnnounced,

    // ---- well-formed answers that say no
    /// Answers every request with `503`, `Retry-After: 7` and a body of its own.
    ServiceUnavailable,
    /// Answers every request with `502` and a body of its own.
    BadGateway,
    /// Answers `413` as soon as the head is read and closes, the body unread: the client's upload is reset.
    EarlyAnswer,

    // ---- keep-alive races
    /// Answers one request well, promising to keep the connection, and closes it after this time.
    CloseIdle(Duration),
    /// Answers one request well, promising to keep the connection, and closes it when the next one begins to come.
    CloseOnNext,
    /// Answers one request well; after this time sends a `408` that nobody asked for, and closes.
    TimeoutIdle(Duration),

    // ---- HTTP/2 (prior knowledge, or ALPN `h2` behind TLS)
    /// HTTP/2 and nothing wrong: answers every request with `200` and `ok`.
    H2None,
    /// Reads the preface, never sends a frame.
    H2Silence,
    /// Reads requests and never answers; the connection is otherwise well.
    H2NoAnswer,
    /// Answers the preface with bytes that are no frame.
    H2Garbage,
    /// Answers the preface in HTTP/1.1, with a `400`.
    H2OnlyHttp1,
    /// Sends `GOAWAY(NO_ERROR)` at once, with last stream 0: whatever was sent was not processed.
    H2GoAway,
    /// Answers the first request of a connection with `GOAWAY` of this code (RFC 9113 §7), covering its stream, and
    /// closes.
    H2GoAwayOnRequest(u32),
    /// Resets every stream with this code (RFC 9113 §7), before a head.
    H2Reset(u32),
    /// Refuses the first request that the server ever gets (`REFUSED_STREAM`), answers all others well.
    H2RefuseOnce,
    /// Resets every stream with this code after a good head and 4 bytes of body.
    H2ResetInBody(u32),
    /// Cuts the connection after a good head and 4 bytes of body.
    H2CutInBody,
    /// Announces 100 bytes, sends 4 and ends the stream as if that were all.
    H2ShortBody,
    /// Sends a field name in capitals, which is malformed (RFC 9113 §8.2).
    H2BadFieldName,
}

impl Fault {
    /// Every fault, with times and codes that are good examples.
    pub const ALL: &'static [Self] = &[
        Self::None,
        Self::Refuse,
        Self::Blackhole,
        Self::ResetOnAccept,
        Self::CloseOnAccept,
        Self::Silence,
        Self::CloseOnFirstBytes,
        Self::ResetOnFirstBytes,
        Self::TlsAlert(10),
        Self::SshBanner,
        Self::NoAnswer,
        Self::Late(Duration::from_millis(200)),
        Self::CloseBeforeHead,
        Self::ResetBeforeHead,
        Self::CutInStatusLine,
        Self::CutInHead,
        Self::Drip(Duration::from_millis(5)),
        Self::Garbage,
        Self::UnknownVersion,
        Self::StatusTooLow,
        Self::StatusTooHigh,
        Self::StatusNotNumeric,
        Self::UnaskedUpgrade,
        Self::ConflictingLengths,
        Self::LengthNotNumeric,
        Self::BadFieldName,
        Self::NulInField,
        Self::HugeField,
        Self::ManyFields,
        Self::CutInBody,
        Self::ResetInBody,
        Self::StallInBody,
        Self::CutBetweenChunks,
        Self::BadChunkSize,
        Self::MoreThanAnnounced,
        Self::ServiceUnavailable,
        Self::BadGateway,
        Self::EarlyAnswer,
        Self::CloseIdle(Duration::from_millis(50)),
        Self::CloseOnNext,
        Self::TimeoutIdle(Duration::from_millis(50)),
        Self::H2None,
        Self::H2Silence,
        Self::H2NoAnswer,
        Self::H2Garbage,
        Self::H2OnlyHttp1,
        Self::H2GoAway,
        Self::H2GoAwayOnRequest(11),
        Self::H2Reset(8),
        Self::H2RefuseOnce,
        Self::H2ResetInBody(2),
        Self::H2CutInBody,
        Self::H2ShortBody,
        Self::H2BadFieldName,
    ];

    /// Whether it comes before the TLS handshake on a server that speaks TLS.
    pub fn is_below_tls(self) -> bool {
        matches!(
            self,
            Self::ResetOnAccept
                | Self::CloseOnAccept
                | Self::Silence
                | Self::CloseOnFirstBytes
                | Self::ResetOnFirstBytes
                | Self::TlsAlert(_)
                | Self::SshBanner
        )
    }
}
