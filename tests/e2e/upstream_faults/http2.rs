//! What an upstream that is spoken to in HTTP/2 does -> what everyone is told.

use outrigger_faults::{
    Broken::{self as B},
    Fault::{self, self as F},
    Grpc::{self as G},
    H2Flood,
};

use super::row::{
    After::{Connect, Head, Idle},
    Told, cut, passed, told,
};

/// Codes of `RST_STREAM` and `GOAWAY` (RFC 9113 §7).
const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;
const INTERNAL_ERROR: u32 = 2;
const FLOW_CONTROL_ERROR: u32 = 3;
const SETTINGS_TIMEOUT: u32 = 4;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const COMPRESSION_ERROR: u32 = 9;
const CONNECT_ERROR: u32 = 10;
const ENHANCE_YOUR_CALM: u32 = 11;
const INADEQUATE_SECURITY: u32 = 12;
const HTTP_1_1_REQUIRED: u32 = 13;
/// The first that nobody has given a meaning, and the last.
const UNKNOWN: u32 = 14;
const LAST: u32 = u32::MAX;

/// Plain, and the same behind TLS where the fault is above it.
#[rustfmt::skip]
pub(super) const HTTP2: &[(&[Fault], Told)] = &[
    // what the upstream does                   what the caller is told: status, error of Proxy-Status, gRPC code, reason

    (&[F::H2None, F::H2RefuseOnce, F::H2GoAwayWhole],                           passed(200)),
    // malformed, but h2 drops such fields and says nothing of it
    (&[F::H2Broken(B::RequestPseudo), F::H2Broken(B::PseudoInTrailers)],        passed(200)),
    (&[F::H2EarlyAnswer(NO_ERROR)],                                             passed(413)),
    (&[F::H2EarlyAnswer(NO_ERROR), F::H2EarlyAnswer(CANCEL)],                   passed(413).asked_with(1 << 20)),

    // ---- no connection, or none that speaks HTTP/2
    (&[F::Refuse],                              told(502, "connection_refused",    14, "connection_refused")),
    (&[F::Blackhole],                           told(504, "connection_timeout",    14, "connection_timeout").after(Connect)),
    // As early as that, it may be connecting that hears of it, or the preface.
    (&[F::ResetOnAccept],                       told(502, "connection_terminated", 14, "closed_before_response")),
    (&[F::ResetOnFirstBytes],                   told(502, "connection_terminated", 14, "closed_before_response").saying("before any byte")),
    (&[F::CloseOnAccept, F::CloseOnFirstBytes], told(502, "connection_terminated", 14, "closed_before_response").saying("before any byte")),
    (&[F::Silence, F::H2Silence, F::H2NoAnswer],
                                                told(504, "http_response_timeout",  4, "response_timeout").after(Head)),
    (&[F::H2OnlyHttp1],                         told(502, "http_protocol_error",   14, "protocol_error").saying("speaks HTTP/1.1, not HTTP/2")),
    (&[F::TlsAlert(10)],                        told(502, "http_protocol_error",   14, "protocol_error").saying("speaks TLS")),
    (&[F::SshBanner],                           told(502, "http_protocol_error",   14, "protocol_error").saying("SSH")),
    (&[F::H2Garbage],                           told(502, "http_protocol_error",   14, "protocol_error").saying("binary data")),

    // ---- RST_STREAM before a head, with each code
    (&[F::H2Reset(REFUSED_STREAM)],             told(502, "connection_terminated", 14, "stream_refused").saying("REFUSED_STREAM")),
    (&[F::H2Reset(ENHANCE_YOUR_CALM)],          told(503, "destination_unavailable", 8, "peer_overloaded").saying("ENHANCE_YOUR_CALM")),
    (&[F::H2Reset(PROTOCOL_ERROR), F::H2Reset(FLOW_CONTROL_ERROR), F::H2Reset(SETTINGS_TIMEOUT), F::H2Reset(STREAM_CLOSED),
       F::H2Reset(FRAME_SIZE_ERROR), F::H2Reset(COMPRESSION_ERROR), F::H2Reset(INADEQUATE_SECURITY), F::H2Reset(HTTP_1_1_REQUIRED)],
                                                told(502, "http_protocol_error",   14, "protocol_error").saying("the upstream reset the stream with")),
    (&[F::H2Reset(NO_ERROR)],                   told(502, "http_response_incomplete", 14, "stream_reset").saying("NO_ERROR")),
    (&[F::H2Reset(INTERNAL_ERROR)],             told(502, "http_response_incomplete", 14, "stream_reset").saying("INTERNAL_ERROR")),
    (&[F::H2Reset(CANCEL)],                     told(502, "http_response_incomplete", 14, "stream_reset").saying("CANCEL")),
    (&[F::H2Reset(CONNECT_ERROR)],              told(502, "http_response_incomplete", 14, "stream_reset").saying("CONNECT_ERROR")),
    (&[F::H2Reset(UNKNOWN)],                    told(502, "http_response_incomplete", 14, "stream_reset").saying("the unknown code 0xe")),
    (&[F::H2Reset(LAST)],                       told(502, "http_response_incomplete", 14, "stream_reset").saying("the unknown code 0xffffffff")),

    // ---- GOAWAY: our stream is beyond it, or is the last that was processed
    (&[F::H2GoAway, F::H2GoAwayBefore(NO_ERROR), F::H2GoAwayBefore(PROTOCOL_ERROR), F::H2GoAwayBefore(INTERNAL_ERROR),
       F::H2GoAwayBefore(ENHANCE_YOUR_CALM)],   told(502, "connection_terminated", 14, "stream_refused").saying("said GOAWAY")),
    (&[F::H2GoAwayOnRequest(NO_ERROR)],         told(502, "connection_terminated", 14, "closed_before_response")),
    (&[F::H2GoAwayOnRequest(PROTOCOL_ERROR)],   told(502, "http_protocol_error",   14, "protocol_error").saying("said GOAWAY with PROTOCOL_ERROR")),
    (&[F::H2GoAwayOnRequest(INTERNAL_ERROR)],   told(502, "http_response_incomplete", 14, "stream_reset").saying("said GOAWAY with INTERNAL_ERROR")),
    (&[F::H2GoAwayOnRequest(ENHANCE_YOUR_CALM)], told(503, "destination_unavailable", 8, "peer_overloaded").saying("said GOAWAY with ENHANCE_YOUR_CALM")),
    (&[F::H2GoAwayOnRequest(UNKNOWN)],          told(502, "http_response_incomplete", 14, "stream_reset").saying("said GOAWAY with the unknown code 0xe")),

    // ---- a head that is malformed
    (&[F::H2BadFieldName, F::H2Broken(B::TwoStatuses), F::H2Broken(B::StatusText), F::H2Broken(B::StatusTwoDigits),
       F::H2Broken(B::StatusFourDigits), F::H2Broken(B::StatusAfterField), F::H2Broken(B::UnknownPseudo),
       F::H2Broken(B::NoName), F::H2Broken(B::SpaceInName), F::H2Broken(B::NulInValue), F::H2Broken(B::CrLfInValue),
       F::H2Broken(B::Connection), F::H2Broken(B::ProxyConnection), F::H2Broken(B::KeepAlive), F::H2Broken(B::TransferEncoding),
       F::H2Broken(B::Upgrade), F::H2Broken(B::TwoLengths), F::H2Broken(B::LengthText),
       F::H2Broken(B::NoStatus), F::H2Broken(B::InformationalEnd), F::H2Broken(B::LengthWithoutBody)],
                                                told(502, "http_protocol_error",   14, "protocol_error")),
    (&[F::H2Broken(B::HpackIndexZero), F::H2Broken(B::HpackIndexTooLarge), F::H2Broken(B::HpackEndlessInteger), F::H2Broken(B::HpackCut),
       F::H2Broken(B::HpackBadHuffman), F::H2Broken(B::HpackTableTooLarge)],
                                                told(502, "http_protocol_error",   14, "protocol_error")),

    // ---- frames where they may not be, of a wrong size or content
    (&[F::H2Broken(B::DataFirst), F::H2Broken(B::DataOnStreamZero), F::H2Broken(B::DataOnIdleStream), F::H2Broken(B::HeadersOnStreamZero),
       F::H2Broken(B::HeadersOnEvenStream), F::H2Broken(B::ContinuationFirst), F::H2Broken(B::PingInHeaders), F::H2Broken(B::ContinuationElsewhere),
       F::H2Broken(B::PushPromise), F::H2Broken(B::ResetOfStreamZero), F::H2Broken(B::ResetOfIdleStream), F::H2Broken(B::SettingsOnStream),
       F::H2Broken(B::PingOnStream), F::H2Broken(B::GoAwayOnStream), F::H2Broken(B::FrameTooLarge), F::H2Broken(B::PaddingTooLong),
       F::H2Broken(B::PaddingMissing), F::H2Broken(B::SettingsOfOddLength), F::H2Broken(B::SettingsAckWithPayload),
       F::H2Broken(B::SettingsWindowTooLarge), F::H2Broken(B::SettingsFrameTooSmall), F::H2Broken(B::SettingsPushOfTwo),
       F::H2Broken(B::PingOfSeven), F::H2Broken(B::ResetOfThree), F::H2Broken(B::GoAwayOfSeven), F::H2Broken(B::PriorityOfFour),
       F::H2Broken(B::WindowUpdateOfThree), F::H2Broken(B::WindowUpdateByZero), F::H2Broken(B::StreamWindowUpdateByZero),
       F::H2Broken(B::WindowOverflow)],
                                                told(502, "http_protocol_error",   14, "protocol_error")),

    // a window that nothing is left for: h2 lets it be, and the answer never comes
    (&[F::H2Broken(B::StreamWindowOverflow)],   told(504, "http_response_timeout",  4, "response_timeout").after(Head)),

    // ---- a body that is not what was announced, known before anything is sent on
    (&[F::H2ShortBody, F::H2Broken(B::LengthTooSmall)],
                                                told(502, "http_response_incomplete", 14, "response_incomplete").saying("not as long as announced")),

    // ---- a body that breaks off
    (&[F::H2ResetInBody(NO_ERROR), F::H2ResetInBody(INTERNAL_ERROR), F::H2ResetInBody(REFUSED_STREAM), F::H2ResetInBody(CANCEL),
       F::H2ResetInBody(CONNECT_ERROR), F::H2ResetInBody(UNKNOWN)],
                                                cut(14, "response_incomplete").saying("reset the stream")),
    (&[F::H2ResetInBody(PROTOCOL_ERROR), F::H2ResetInBody(FLOW_CONTROL_ERROR), F::H2ResetInBody(SETTINGS_TIMEOUT),
       F::H2ResetInBody(STREAM_CLOSED), F::H2ResetInBody(FRAME_SIZE_ERROR), F::H2ResetInBody(COMPRESSION_ERROR),
       F::H2ResetInBody(INADEQUATE_SECURITY), F::H2ResetInBody(HTTP_1_1_REQUIRED)],
                                                cut(14, "protocol_error").saying("reset the stream")),
    (&[F::H2ResetInBody(ENHANCE_YOUR_CALM)],    cut(8, "peer_overloaded").saying("ENHANCE_YOUR_CALM")),
    (&[F::H2CutInBody, F::H2GoAwayInBody(NO_ERROR), F::H2GoAwayInBody(INTERNAL_ERROR)],
                                                cut(14, "response_incomplete")),
    (&[F::H2Broken(B::BodyTooLong)],            cut(14, "response_incomplete").saying("not as long as announced")),
    (&[F::H2Broken(B::ConnectionInTrailers), F::H2Broken(B::CapitalInTrailers),
       F::H2Broken(B::TrailersWithoutEnd), F::H2Broken(B::PaddingTooLongInBody), F::H2Broken(B::WindowExceeded)],
                                                cut(14, "protocol_error")),

    // ---- a request's body that is not taken
    (&[F::H2NoWindow],                          told(504, "connection_write_timeout", 4, "write_timeout").asked_with(1 << 20).after(Idle)),
];

/// What never ends, for as long as it is let.
#[rustfmt::skip]
pub(super) const HTTP2_FLOODS: &[(&[Fault], Told)] = &[
    (&[F::H2Floods(H2Flood::Settings), F::H2Floods(H2Flood::Ping), F::H2Floods(H2Flood::PingAck), F::H2Floods(H2Flood::WindowUpdate),
       F::H2Floods(H2Flood::Priority), F::H2Floods(H2Flood::Unknown), F::H2Floods(H2Flood::Informational)],
                                                told(504, "http_response_timeout",  4, "response_timeout").after(Head)),
    (&[F::H2Floods(H2Flood::EmptyContinuation), F::H2Floods(H2Flood::Continuation)],
                                                told(502, "http_response_header_section_size", 14, "header_section_too_large")),
    (&[F::H2Floods(H2Flood::EmptyData)],        cut(14, "protocol_error")),
];

/// What a gRPC caller gets of an upstream that answers its calls: as received, whatever it is.
#[rustfmt::skip]
pub(super) const GRPC: &[(&[Fault], Told)] = &[
    (&[F::Grpc(G::Ok)],                         passed(200).with_code(0)),
    (&[F::Grpc(G::TrailersOnly)],               passed(200).with_code(5)),
    (&[F::Grpc(G::HalfMessage)],                passed(200).with_code(0)),
    (&[F::Grpc(G::NoTrailers), F::Grpc(G::NoStatus), F::Grpc(G::StatusText), F::Grpc(G::HalfMessageNoTrailers), F::Grpc(G::Page)],
                                                passed(200)),
    (&[F::Grpc(G::StatusUnknown)],              passed(200).with_code(99)),
    (&[F::Grpc(G::StatusNegative)],             passed(200)),
    (&[F::Grpc(G::Http404)],                    passed(404)),
    (&[F::Grpc(G::Http503)],                    passed(503)),
];
