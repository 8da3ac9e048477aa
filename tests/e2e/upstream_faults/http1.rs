//! What an upstream that is spoken to in HTTP/1.1 does -> what everyone is told.

use std::time::Duration;

use outrigger_faults::{
    Fault::{self, self as F},
    Flood,
    How::{Close, Cut, Reset, Silence},
    Malformed::{self as M},
    Place::{self as P},
    Unusual::{self as U},
};

use super::row::{
    After::{Connect, Head, Idle},
    Told, cut, passed, told,
};

const A_WHILE: Duration = Duration::from_millis(50);
const A_LITTLE: Duration = Duration::from_millis(2);
/// Longer than a test waits.
const AGES: Duration = Duration::from_secs(3600);

/// Plain, and the same behind TLS where the fault is above it.
#[rustfmt::skip]
pub(super) const HTTP1: &[(&[Fault], Told)] = &[
    // what the upstream does                   what the caller is told: status, error of Proxy-Status, gRPC code, reason

    // ---- nothing wrong, or nothing that a gateway may not put up with
    (&[F::None, F::Late(A_WHILE), F::Drip(A_LITTLE)],                           passed(200)),
    (&[F::CloseIdle(A_WHILE), F::CloseOnNext, F::TimeoutIdle(A_WHILE)],         passed(200)),
    (&[F::EarlyOk, F::MoreThanAnnounced],                                       passed(200)),
    (&[F::DripsFrom(P::InHead, A_LITTLE), F::DripsFrom(P::InBody, A_LITTLE),
       F::DripsFrom(P::InTrailers, A_LITTLE)],                                  passed(200)),
    (&[F::Unusual(U::NoPhrase), F::Unusual(U::EmptyPhrase), F::Unusual(U::HighBytesInPhrase),
       F::Unusual(U::EmptyLineFirst), F::Unusual(U::BareLineFeeds), F::Unusual(U::SpaceBeforeColon),
       F::Unusual(U::EmptyValue), F::Unusual(U::HighBytesInValue), F::Unusual(U::SameLengthTwice),
       F::Unusual(U::SameLengthListed), F::Unusual(U::CapitalChunked), F::Unusual(U::ChunkExtension),
       F::Unusual(U::ChunkSizeZeros), F::Unusual(U::Trailers), F::Unusual(U::Continue),
       F::Unusual(U::EarlyHints), F::Unusual(U::Version10), F::Unusual(U::BytesAfter)],
                                                                                passed(200)),
    (&[F::Unusual(U::NoContentWithBody), F::Unusual(U::NoContentChunked)],      passed(204)),
    (&[F::Unusual(U::Status299)],                                               passed(299)),
    (&[F::Unusual(U::NotModifiedWithBody)],                                     passed(304)),
    (&[F::EarlyAnswer],                                                         passed(413)),
    (&[F::BadGateway],                                                          passed(502)),
    (&[F::ServiceUnavailable],                                                  passed(503)),
    (&[F::Unusual(U::Status599)],                                               passed(599)),
    (&[F::Unusual(U::Status999)],                                               passed(999)),

    // ---- no connection
    (&[F::Refuse],                              told(502, "connection_refused",    14, "connection_refused").saying("connecting to 127.0.0.1:")),
    (&[F::Blackhole],                           told(504, "connection_timeout",    14, "connection_timeout").after(Connect).saying("no connection to 127.0.0.1:")),

    // ---- no byte of a response
    (&[F::ResetOnAccept],                       told(502, "connection_terminated", 14, "closed_before_response")),
    (&[F::ResetOnFirstBytes, F::ResetBeforeHead, F::Ends(P::BeforeHead, Reset)],
                                                told(502, "connection_terminated", 14, "closed_before_response").saying("reset the connection before any byte")),
    (&[F::CloseOnAccept, F::CloseOnFirstBytes, F::CloseBeforeHead, F::Ends(P::BeforeHead, Close), F::Ends(P::BeforeHead, Cut)],
                                                told(502, "connection_terminated", 14, "closed_before_response").saying("closed the connection before any byte")),
    (&[F::Silence, F::NoAnswer, F::Late(AGES), F::Ends(P::BeforeHead, Silence)],
                                                told(504, "http_response_timeout",  4, "response_timeout").after(Head).saying("no response head within 700ms")),

    // ---- a head that is not finished
    (&[F::CutInStatusLine, F::CutInHead,
       F::Ends(P::InVersion, Close),            F::Ends(P::InVersion, Cut),
       F::Ends(P::InStatus, Close),             F::Ends(P::InStatus, Cut),
       F::Ends(P::AfterStatusLine, Close),      F::Ends(P::AfterStatusLine, Cut),
       F::Ends(P::InHead, Close),               F::Ends(P::InHead, Cut),
       F::Ends(P::InFieldValue, Close),         F::Ends(P::InFieldValue, Cut),
       F::Ends(P::BeforeEndOfHead, Close),      F::Ends(P::BeforeEndOfHead, Cut),
       F::Ends(P::AfterInformational, Close),   F::Ends(P::AfterInformational, Cut)],
                                                told(502, "http_response_incomplete", 14, "response_incomplete").saying("closed the connection in the head")),
    (&[F::Ends(P::InVersion, Reset), F::Ends(P::InStatus, Reset), F::Ends(P::AfterStatusLine, Reset), F::Ends(P::InHead, Reset),
       F::Ends(P::InFieldValue, Reset), F::Ends(P::BeforeEndOfHead, Reset), F::Ends(P::AfterInformational, Reset)],
                                                told(502, "http_response_incomplete", 14, "response_incomplete").saying("reset the connection in the head")),
    (&[F::Ends(P::InVersion, Silence), F::Ends(P::InStatus, Silence), F::Ends(P::AfterStatusLine, Silence), F::Ends(P::InHead, Silence),
       F::Ends(P::InFieldValue, Silence), F::Ends(P::BeforeEndOfHead, Silence), F::Ends(P::AfterInformational, Silence),
       F::Drip(AGES), F::DripsFrom(P::InHead, AGES)],
                                                told(504, "http_response_timeout",  4, "response_timeout").after(Head)),

    // ---- not HTTP
    (&[F::Greets(M::Smtp), F::Malformed(M::Smtp), F::Greets(M::Ftp), F::Malformed(M::Ftp)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("looks like a mail or FTP server")),
    (&[F::SshBanner],                           told(502, "http_protocol_error",   14, "protocol_error").saying("is an SSH server")),
    (&[F::Greets(M::Imap), F::Malformed(M::Imap)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("an IMAP server")),
    (&[F::Greets(M::Redis), F::Malformed(M::Redis)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("Redis")),
    (&[F::Greets(M::Amqp), F::Malformed(M::Amqp)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("an AMQP broker")),
    (&[F::Greets(M::MySql), F::Malformed(M::MySql)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("a MySQL server")),
    (&[F::TlsAlert(10), F::Malformed(M::TlsServerHello), F::Malformed(M::TlsAlert), F::Greets(M::TlsAlert)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("speaks TLS on a port configured as plaintext")),
    (&[F::H2None, F::Malformed(M::H2Settings), F::Greets(M::H2Settings), F::Malformed(M::H2Preface)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("speaks HTTP/2 on a port configured as HTTP/1.1")),
    (&[F::Malformed(M::Html), F::Greets(M::Html)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("bare HTML")),
    (&[F::Malformed(M::Json)],                  told(502, "http_protocol_error",   14, "protocol_error").saying("bare JSON")),
    (&[F::Malformed(M::Request)],               told(502, "http_protocol_error",   14, "protocol_error").saying("sends a request")),
    (&[F::Malformed(M::Text), F::Malformed(M::Memcached), F::Malformed(M::Icy), F::Malformed(M::NoVersion)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("plain text")),
    (&[F::Garbage, F::Malformed(M::Zeros)],     told(502, "http_protocol_error",   14, "protocol_error").saying("binary data")),
    (&[F::UnknownVersion, F::Malformed(M::Version2)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("in another version of HTTP")),

    // ---- a status line that is none
    (&[F::StatusTooLow, F::StatusTooHigh, F::StatusNotNumeric, F::Malformed(M::StatusOneDigit), F::Malformed(M::StatusTwoDigits),
       F::Malformed(M::StatusNegative), F::Malformed(M::StatusSigned), F::Malformed(M::StatusHex),
       F::Malformed(M::StatusZero), F::Malformed(M::Status099)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("status")),
    (&[F::Malformed(M::NoStatus), F::Malformed(M::Lowercase), F::Malformed(M::NoSlash), F::Malformed(M::Version12), F::Malformed(M::Version11x),
       F::Malformed(M::SpaceFirst), F::Malformed(M::TabsBetween), F::Malformed(M::NulInPhrase), F::Malformed(M::CrInPhrase)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("the answer is not HTTP")),

    // ---- fields that are none
    (&[F::BadFieldName, F::NulInField, F::Malformed(M::NoColon), F::Malformed(M::NoName), F::Malformed(M::NulInName),
       F::Malformed(M::ControlInName), F::Malformed(M::HighByteInName), F::Malformed(M::ControlInValue), F::Malformed(M::DeleteInValue),
       F::Malformed(M::CrInValue), F::Malformed(M::LfInValue), F::Malformed(M::Folded), F::Malformed(M::FirstFieldIndented)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("header")),

    // ---- bad framing
    (&[F::ConflictingLengths, F::LengthNotNumeric, F::Malformed(M::NegativeLength), F::Malformed(M::SignedLength), F::Malformed(M::HexLength),
       F::Malformed(M::FractionalLength), F::Malformed(M::EmptyLength), F::Malformed(M::SpacedLength), F::Malformed(M::OverflowingLength),
       F::Malformed(M::ListedLengths), F::Malformed(M::LengthAndText)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("content-length")),
    (&[F::Malformed(M::LengthAndChunked), F::Malformed(M::ChunkedAndLength)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("both Content-Length and Transfer-Encoding")),
    (&[F::Malformed(M::ChunkedInHttp10)],       told(502, "http_protocol_error",   14, "protocol_error").saying("transfer-encoding")),
    (&[F::UnaskedUpgrade],                      told(502, "http_upgrade_failed",   14, "upgrade_failed").saying("switched protocols")),

    // ---- codings
    (&[F::Malformed(M::Gzip), F::Malformed(M::GzipChunked), F::Malformed(M::ChunkedGzip)],
                                                told(502, "http_response_transfer_coding", 14, "transfer_coding").saying("gzip")),
    (&[F::Malformed(M::ChunkedTwice), F::Malformed(M::ChunkedTwoFields), F::Malformed(M::Identity), F::Malformed(M::XChunked),
       F::Malformed(M::QuotedChunked), F::Malformed(M::ParametrizedChunked), F::Malformed(M::EmptyCoding)],
                                                told(502, "http_response_transfer_coding", 14, "transfer_coding").saying("a transfer coding other than chunked")),
    (&[F::Malformed(M::ChunkSizeText), F::Malformed(M::ChunkSizeNegative), F::Malformed(M::ChunkSizeSigned), F::Malformed(M::ChunkSizePrefixed),
       F::Malformed(M::ChunkSizeOverflow), F::Malformed(M::ChunkSizeEmpty), F::Malformed(M::ChunkSizeUnended), F::Malformed(M::LastChunkUnended)],
                                                told(502, "http_response_transfer_coding", 14, "transfer_coding").saying("chunk")),

    // ---- too much
    (&[F::HugeField],                           told(502, "http_response_header_size", 14, "header_too_large").saying("x-huge")),
    (&[F::ManyFields],                          told(502, "http_response_header_section_size", 14, "header_section_too_large")),

    // ---- a body that breaks off before it has begun
    (&[F::Ends(P::AfterHead, Close),            F::Ends(P::AfterHead, Cut),
       F::Ends(P::AfterHeadOfChunks, Close),    F::Ends(P::AfterHeadOfChunks, Cut)],
                                                cut(14, "response_incomplete").or_told().saying("closed the connection in the body")),
    (&[F::Ends(P::AfterHead, Reset),            F::Ends(P::AfterHeadOfChunks, Reset)],
                                                cut(14, "response_incomplete").or_told().saying("reset the connection in the body")),

    // ---- a body that breaks off
    (&[F::CutInBody,                            F::CutBetweenChunks,
       F::Ends(P::InBody, Close),               F::Ends(P::InBody, Cut),
       F::Ends(P::InChunkSize, Close),          F::Ends(P::InChunkSize, Cut),
       F::Ends(P::InChunk, Close),              F::Ends(P::InChunk, Cut),
       F::Ends(P::AfterChunk, Close),           F::Ends(P::AfterChunk, Cut),
       F::Ends(P::BeforeLastChunk, Close),      F::Ends(P::BeforeLastChunk, Cut),
       F::Ends(P::InLastChunk, Close),          F::Ends(P::InLastChunk, Cut),
       F::Ends(P::BeforeTrailers, Close),       F::Ends(P::BeforeTrailers, Cut),
       F::Ends(P::InTrailers, Close),           F::Ends(P::InTrailers, Cut)],
                                                cut(14, "response_incomplete").saying("closed the connection in the body")),
    (&[F::ResetInBody, F::Ends(P::InBody, Reset), F::Ends(P::InBodyUntilClose, Reset),
       F::Ends(P::InChunkSize, Reset), F::Ends(P::InChunk, Reset), F::Ends(P::AfterChunk, Reset),
       F::Ends(P::BeforeLastChunk, Reset), F::Ends(P::InLastChunk, Reset), F::Ends(P::BeforeTrailers, Reset), F::Ends(P::InTrailers, Reset)],
                                                cut(14, "response_incomplete").saying("reset the connection in the body")),
    (&[F::StallInBody, F::Ends(P::AfterHead, Silence), F::Ends(P::InBody, Silence), F::Ends(P::InBodyUntilClose, Silence),
       F::Ends(P::AfterHeadOfChunks, Silence), F::Ends(P::InChunkSize, Silence), F::Ends(P::InChunk, Silence), F::Ends(P::AfterChunk, Silence),
       F::Ends(P::BeforeLastChunk, Silence), F::Ends(P::InLastChunk, Silence), F::Ends(P::BeforeTrailers, Silence), F::Ends(P::InTrailers, Silence),
       F::DripsFrom(P::InBody, AGES)],
                                                cut(4, "read_timeout").after(Idle).saying("nothing of the body came for 700ms")),
    (&[F::BadChunkSize, F::Malformed(M::ChunkTooLong)],
                                                cut(14, "transfer_coding").saying("chunk")),
];

/// What only TLS lets one tell apart: without it, a body that ends with its connection ends with every connection.
#[rustfmt::skip]
pub(super) const HTTP1_PLAIN: &[(&[Fault], Told)] = &[
    (&[F::Ends(P::InBodyUntilClose, Close), F::Ends(P::InBodyUntilClose, Cut)], passed(200)),
];

/// The same with an end that is announced (`close_notify`), or is not.
#[rustfmt::skip]
pub(super) const HTTP1_TLS: &[(&[Fault], Told)] = &[
    (&[F::Ends(P::InBodyUntilClose, Close)],    passed(200)),
    (&[F::Ends(P::InBodyUntilClose, Cut)],      cut(14, "response_incomplete").saying("closed the connection in the body")),
];

/// What never ends, for as long as it is let.
#[rustfmt::skip]
pub(super) const HTTP1_FLOODS: &[(&[Fault], Told)] = &[
    (&[F::Floods(Flood::AfterResponse)],        passed(200)),
    (&[F::Floods(Flood::EmptyLines), F::Floods(Flood::Phrase), F::Floods(Flood::Fields)],
                                                told(502, "http_response_header_section_size", 14, "header_section_too_large")),
    (&[F::Floods(Flood::Field)],                told(502, "http_response_header_size", 14, "header_too_large").saying("x-endless")),
    (&[F::Floods(Flood::Continue), F::Floods(Flood::EarlyHints)],
                                                told(504, "http_response_timeout", 4, "response_timeout").after(Head)),
    (&[F::Floods(Flood::ChunkSize)],            cut(4, "read_timeout").after(Idle)),
    (&[F::Floods(Flood::ChunkExtension), F::Floods(Flood::ChunkExtensions)],
                                                cut(14, "transfer_coding").saying("chunk")),
    (&[F::Floods(Flood::Trailers), F::Floods(Flood::Trailer)],
                                                cut(14, "trailers_too_large").saying("trailer")),
];
