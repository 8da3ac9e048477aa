//! What never ends: a beginning, and what is said again and again.

use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, HEADERS, PING, PRIORITY, SETTINGS, WINDOW_UPDATE, frame, head,
};

/// A response in HTTP/1.1 that never ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flood {
    /// Empty lines before the status line.
    EmptyLines,
    /// A reason phrase.
    Phrase,
    /// One field.
    Field,
    /// Fields.
    Fields,
    /// `100 Continue`.
    Continue,
    /// `103 Early Hints`.
    EarlyHints,
    /// The zeros in front of a chunk's size.
    ChunkSize,
    /// A chunk's extension.
    ChunkExtension,
    /// Chunks of one byte, each with an extension of a kilobyte.
    ChunkExtensions,
    /// Trailers.
    Trailers,
    /// One trailer.
    Trailer,
    /// Bytes after a whole response.
    AfterResponse,
}

impl Flood {
    /// Every flood.
    pub const ALL: &'static [Self] = &[
        Self::EmptyLines,
        Self::Phrase,
        Self::Field,
        Self::Fields,
        Self::Continue,
        Self::EarlyHints,
        Self::ChunkSize,
        Self::ChunkExtension,
        Self::ChunkExtensions,
        Self::Trailers,
        Self::Trailer,
        Self::AfterResponse,
    ];

    /// What comes first, and what comes again and again.
    pub(crate) fn said(self) -> (&'static str, String) {
        const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n";
        const LAST: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n";
        let (begin, again) = match self {
            Self::EmptyLines => ("", "\r\n"),
            Self::Phrase => ("HTTP/1.1 200 ", "O"),
            Self::Field => ("HTTP/1.1 200 OK\r\nx-endless: ", "e"),
            Self::Fields => ("HTTP/1.1 200 OK\r\n", "x-many: m\r\n"),
            Self::Continue => ("", "HTTP/1.1 100 Continue\r\n\r\n"),
            Self::EarlyHints => ("", "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n"),
            Self::ChunkSize => (CHUNKED, "0"),
            Self::ChunkExtension => (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n4;",
                "e",
            ),
            Self::ChunkExtensions => {
                let chunk = format!("1;{}\r\nx\r\n", "e".repeat(1024));
                return (CHUNKED, chunk.repeat(8));
            }
            Self::Trailers => (LAST, "x-many: m\r\n"),
            Self::Trailer => (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n0\r\nx-endless: ",
                "e",
            ),
            Self::AfterResponse => ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "more"),
        };
        (begin, again.repeat(AT_ONCE / again.len()))
    }
}

/// So many bytes are said in one go.
const AT_ONCE: usize = 4096;

/// Frames of HTTP/2 that never end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum H2Flood {
    /// `SETTINGS`, each to be acknowledged.
    Settings,
    /// `PING`, each to be answered.
    Ping,
    /// Answers to pings that nobody sent.
    PingAck,
    /// `DATA` without data, after a good head and 4 bytes.
    EmptyData,
    /// `CONTINUATION` without anything (CVE-2024-27316 and its kin).
    EmptyContinuation,
    /// `CONTINUATION` with a field each.
    Continuation,
    /// `WINDOW_UPDATE` by one.
    WindowUpdate,
    /// `PRIORITY`.
    Priority,
    /// Frames of a kind that nobody knows.
    Unknown,
    /// Heads with status 100.
    Informational,
}

impl H2Flood {
    /// Every flood.
    pub const ALL: &'static [Self] = &[
        Self::Settings,
        Self::Ping,
        Self::PingAck,
        Self::EmptyData,
        Self::EmptyContinuation,
        Self::Continuation,
        Self::WindowUpdate,
        Self::Priority,
        Self::Unknown,
        Self::Informational,
    ];

    /// What comes first, and what comes again and again.
    pub(crate) fn said(self, stream: u32) -> (Vec<u8>, Vec<u8>) {
        const ONE: &[u8] = &[0, 0, 0, 1];
        // A literal field (RFC 7541 §6.2.2).
        const FIELD: &[u8] = b"\x00\x06x-many\x01m";
        // `:status: 100`, the name by its index in the static table (RFC 7541, appendix A).
        const STATUS_100: &[u8] = b"\x08\x03100";
        let nothing = Vec::new;
        let begun = || frame(HEADERS, 0, stream, &[0x88]);
        let (begin, again) = match self {
            Self::Settings => (nothing(), frame(SETTINGS, 0, 0, &[])),
            Self::Ping => (nothing(), frame(PING, 0, 0, b"12345678")),
            Self::PingAck => (nothing(), frame(PING, 1, 0, b"12345678")),
            Self::EmptyData => {
                let part = frame(DATA, 0, stream, b"part");
                ([head(stream, &[]), part].concat(), frame(DATA, 0, stream, &[]))
            }
            Self::EmptyContinuation => (begun(), frame(CONTINUATION, 0, stream, &[])),
            Self::Continuation => (begun(), frame(CONTINUATION, 0, stream, FIELD)),
            Self::WindowUpdate => (nothing(), frame(WINDOW_UPDATE, 0, stream, ONE)),
            Self::Priority => (nothing(), frame(PRIORITY, 0, stream, &[0, 0, 0, 0, 15])),
            Self::Unknown => (nothing(), frame(0x77, 0, stream, b"whatever")),
            Self::Informational => (nothing(), frame(HEADERS, END_HEADERS, stream, STATUS_100)),
        };
        let times = AT_ONCE / again.len();
        (begin, again.repeat(times))
    }
}
