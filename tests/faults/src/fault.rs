//! What a server can do wrong, one name a fault.
//!
//! "Reads the request" means head and body. "Cuts" is a FIN where the message is not over yet, behind TLS without
//! `close_notify`: what the kernel does for a process that died. "Closes" is an orderly end. "Resets" is a TCP RST.

mod broken;
mod flood;
mod hello;
mod malformed;
mod place;

use std::time::Duration;

pub use self::{
    broken::{Broken, Grpc},
    flood::{Flood, H2Flood},
    hello::Hello,
    malformed::{Malformed, Unusual},
    place::{How, Place},
};

/// Defines [`Fault`] together with the list of all its variants, so that neither can miss one.
macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident $(($($kind:ty = $example:expr),+))?,)*) => {
        /// One way of misbehaving, played on every connection.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Fault {
            $($(#[$doc])* $name $(($($kind),+))?,)*
        }

        impl Fault {
            /// Every fault, with times, places and codes that are good examples.
            pub const ALL: &'static [Self] = &[$(Self::$name $(($($example),+))?,)*];
        }
    };
}

faults! {
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
    TlsAlert(u8 = 10),
    /// Greets like an SSH server, as soon as the connection is accepted.
    SshBanner,
    /// Says this as soon as the connection is accepted, and listens.
    Greets(Malformed = Malformed::Smtp),
    /// Answers the first bytes, which should be a `ClientHello`, with this, and listens.
    Hello(Hello = Hello::Garbage),

    // ---- no response
    /// Reads requests and never answers.
    NoAnswer,
    /// Answers well, but only after this time.
    Late(Duration = Duration::from_millis(200)),
    /// Reads the request, then closes.
    CloseBeforeHead,
    /// Reads the request, then resets.
    ResetBeforeHead,
    /// Cuts within the status line, after `HTTP/1.1 20`.
    CutInStatusLine,
    /// Cuts within a field of the head.
    CutInHead,
    /// Sends a good response, head and body, one byte each time this has passed.
    Drip(Duration = Duration::from_millis(5)),

    /// Sends a good response up to this place, and ends there in this way.
    Ends(Place = Place::InHead, How = How::Cut),
    /// Sends a good response up to this place, then the rest of it, a byte each time this has passed.
    DripsFrom(Place = Place::InHead, Duration = Duration::from_millis(5)),

    // ---- a response that is none
    /// Answers with this, which is no good response, and listens.
    Malformed(Malformed = Malformed::Html),
    /// Answers every request with this, which is a good response, if a rare one.
    Unusual(Unusual = Unusual::ChunkExtension),
    /// Answers with something that never ends.
    Floods(Flood = Flood::Fields),
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
    /// Answers `200` and `ok` as soon as the head is read, reads the body and forgets it, and keeps the connection.
    EarlyOk,

    // ---- keep-alive races
    /// Answers one request well, promising to keep the connection, and closes it after this time.
    CloseIdle(Duration = Duration::from_millis(50)),
    /// Answers one request well, promising to keep the connection, and closes it when the next one begins to come.
    CloseOnNext,
    /// Answers one request well; after this time sends a `408` that nobody asked for, and closes.
    TimeoutIdle(Duration = Duration::from_millis(50)),

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
    H2GoAwayOnRequest(u32 = 11),
    /// Answers the first request of a connection with `GOAWAY` of this code and last stream 0: it was not processed.
    H2GoAwayBefore(u32 = 2),
    /// Sends a good head and 4 bytes of body, then `GOAWAY` of this code, covering the stream, and closes.
    H2GoAwayInBody(u32 = 0),
    /// Answers each request well, with a `GOAWAY(NO_ERROR)` that covers it between head and body.
    H2GoAwayWhole,
    /// Resets every stream with this code (RFC 9113 §7), before a head.
    H2Reset(u32 = 8),
    /// Refuses the first request that the server ever gets (`REFUSED_STREAM`), answers all others well.
    H2RefuseOnce,
    /// Resets every stream with this code after a good head and 4 bytes of body.
    H2ResetInBody(u32 = 2),
    /// Cuts the connection after a good head and 4 bytes of body.
    H2CutInBody,
    /// Announces 100 bytes, sends 4 and ends the stream as if that were all.
    H2ShortBody,
    /// Sends a field name in capitals, which is malformed (RFC 9113 §8.2).
    H2BadFieldName,
    /// Never opens the window for a request's body: it starts at 0 and stays there.
    H2NoWindow,
    /// Answers `413` as soon as the head is there, and resets the stream with this code (RFC 9113 §8.1: `NO_ERROR`).
    H2EarlyAnswer(u32 = 0),
    /// Answers with these frames, which break HTTP/2.
    H2Broken(Broken = Broken::TwoStatuses),
    /// Answers with frames that never end.
    H2Floods(H2Flood = H2Flood::Ping),
    /// Answers a gRPC call over HTTP/2 so.
    Grpc(Grpc = Grpc::NoTrailers),
}

impl Fault {
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
                | Self::Greets(_)
                | Self::Hello(_)
        )
    }
}
