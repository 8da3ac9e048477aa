//! What the upstream does -> what everyone is told.

use std::time::Duration;

use outrigger_faults::Fault::{self, self as F};

/// What the caller gets and what is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) error: &'static str,
    pub(super) reason: &'static str,
    pub(super) ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    Cut,
}

/// A failure that the caller is told.
const fn told(status: u16, error: &'static str, reason: &'static str) -> Told {
    let ending = Ending::Whole;
    Told {
        status,
        error,
        reason,
        ending,
    }
}

/// The upstream's own answer, passed on.
const fn passed(status: u16) -> Told {
    told(status, "", "upstream_status")
}

/// The upstream's own head, passed on, and then the stream breaks: a cut body is never made to look whole.
const fn cut(reason: &'static str) -> Told {
    Told {
        ending: Ending::Cut,
        ..told(200, "", reason)
    }
}

#[rustfmt::skip]
pub(super) const HTTP1: &[(Fault, Told)] = &[
    // what the upstream does                           what the caller is told        Proxy-Status error                  reason
    (F::None,                                           passed(200)),
    (F::Late(Duration::from_millis(200)),               passed(200)),
    (F::Drip(Duration::from_millis(2)),                 passed(200)),
    (F::MoreThanAnnounced,                              passed(200)),
    (F::CloseIdle(Duration::from_millis(50)),           passed(200)),
    (F::CloseOnNext,                                    passed(200)),
    (F::TimeoutIdle(Duration::from_millis(50)),         passed(200)),
    (F::ServiceUnavailable,                             passed(503)),
    (F::BadGateway,                                     passed(502)),
    (F::EarlyAnswer,                                    passed(413)),

    (F::Refuse,                                         told(502, "connection_refused",               "connection_refused")),
    (F::Blackhole,                                      told(504, "connection_timeout",               "connection_timeout")),
    (F::ResetOnAccept,                                  told(502, "connection_terminated",            "closed_before_response")),
    (F::CloseOnAccept,                                  told(502, "connection_terminated",            "closed_before_response")),
    (F::CloseOnFirstBytes,                              told(502, "connection_terminated",            "closed_before_response")),
    (F::ResetOnFirstBytes,                              told(502, "connection_terminated",            "closed_before_response")),
    (F::CloseBeforeHead,                                told(502, "connection_terminated",            "closed_before_response")),
    (F::ResetBeforeHead,                                told(502, "connection_terminated",            "closed_before_response")),
    (F::Silence,                                        told(504, "http_response_timeout",            "response_timeout")),
    (F::NoAnswer,                                       told(504, "http_response_timeout",            "response_timeout")),

    (F::CutInStatusLine,                                told(502, "http_response_incomplete",         "response_incomplete")),
    (F::CutInHead,                                      told(502, "http_response_incomplete",         "response_incomplete")),
    (F::TlsAlert(10),                                   told(502, "http_protocol_error",              "protocol_error")),
    (F::Garbage,                                        told(502, "http_protocol_error",              "protocol_error")),
    (F::UnknownVersion,                                 told(502, "http_protocol_error",              "protocol_error")),
    (F::StatusTooLow,                                   told(502, "http_protocol_error",              "protocol_error")),
    (F::StatusTooHigh,                                  told(502, "http_protocol_error",              "protocol_error")),
    (F::StatusNotNumeric,                               told(502, "http_protocol_error",              "protocol_error")),
    (F::ConflictingLengths,                             told(502, "http_protocol_error",              "protocol_error")),
    (F::LengthNotNumeric,                               told(502, "http_protocol_error",              "protocol_error")),
    (F::BadFieldName,                                   told(502, "http_protocol_error",              "protocol_error")),
    (F::NulInField,                                     told(502, "http_protocol_error",              "protocol_error")),
    (F::H2None,                                         told(502, "http_protocol_error",              "protocol_error")),
    (F::UnaskedUpgrade,                                 told(502, "http_upgrade_failed",              "upgrade_failed")),
    (F::HugeField,                                      told(502, "http_response_header_section_size", "header_section_too_large")),
    (F::ManyFields,                                     told(502, "http_response_header_section_size", "header_section_too_large")),

    (F::CutInBody,                                      cut("response_incomplete")),
    (F::ResetInBody,                                    cut("response_incomplete")),
    (F::CutBetweenChunks,                               cut("response_incomplete")),
    (F::StallInBody,                                    cut("read_timeout")),
    (F::BadChunkSize,                                   cut("transfer_coding")),
];

#[rustfmt::skip]
pub(super) const HTTP2: &[(Fault, Told)] = &[
    (F::H2None,                                         passed(200)),

    (F::Refuse,                                         told(502, "connection_refused",               "connection_refused")),
    (F::CloseOnAccept,                                  told(502, "connection_terminated",            "closed_before_response")),
    (F::CloseOnFirstBytes,                              told(502, "connection_terminated",            "closed_before_response")),
    (F::ResetOnFirstBytes,                              told(502, "connection_terminated",            "closed_before_response")),
    (F::H2Silence,                                      told(504, "http_response_timeout",            "response_timeout")),
    (F::H2NoAnswer,                                     told(504, "http_response_timeout",            "response_timeout")),
    (F::H2Garbage,                                      told(502, "http_protocol_error",              "protocol_error")),
    (F::H2OnlyHttp1,                                    told(502, "http_protocol_error",              "protocol_error")),
    (F::TlsAlert(10),                                   told(502, "http_protocol_error",              "protocol_error")),
    (F::SshBanner,                                      told(502, "http_protocol_error",              "protocol_error")),
    (F::H2BadFieldName,                                 told(502, "http_protocol_error",              "protocol_error")),
    // RFC 9113 §7: PROTOCOL_ERROR, CANCEL, REFUSED_STREAM, ENHANCE_YOUR_CALM, HTTP_1_1_REQUIRED
    (F::H2Reset(1),                                     told(502, "http_protocol_error",              "protocol_error")),
    (F::H2Reset(8),                                     told(502, "http_response_incomplete",         "stream_reset")),
    (F::H2Reset(7),                                     told(502, "connection_terminated",            "stream_refused")),
    (F::H2Reset(11),                                    told(503, "destination_unavailable",          "peer_overloaded")),
    (F::H2Reset(13),                                    told(502, "http_protocol_error",              "protocol_error")),
    (F::H2GoAway,                                       told(502, "connection_terminated",            "stream_refused")),
    (F::H2GoAwayOnRequest(1),                           told(502, "http_protocol_error",              "protocol_error")),
    (F::H2GoAwayOnRequest(11),                          told(503, "destination_unavailable",          "peer_overloaded")),

    (F::H2ResetInBody(2),                               cut("response_incomplete")),
    (F::H2CutInBody,                                    cut("response_incomplete")),
    (F::H2ShortBody,                                    told(502, "http_response_incomplete",         "response_incomplete")),
];
