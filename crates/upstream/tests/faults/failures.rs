//! Every way in which a server can misbehave, and the reason that it is told as.

use http::Method;
use outrigger_faults::{Fault, Server};
use outrigger_gateway::{Failure, Reason};
use outrigger_upstream::Speak;

use crate::plain::{Ended, LIMIT, call, upstream};

/// Where a failure is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Head,
    Body,
}
use At::{Body, Head};

/// Whether the request was provably not processed; `None` where it depends on who is faster.
type Unprocessed = Option<bool>;
const YES: Unprocessed = Some(true);
const NO: Unprocessed = Some(false);
const PERHAPS: Unprocessed = None;

/// A fault, where it is met, what it is told as, and a word of the sentence for operators.
type Row = (Fault, At, Reason, Unprocessed, &'static str);

/// What is a race is run so often.
const ROUNDS: usize = 8;

async fn all_are_told_rightly(speak: Speak, rows: &[Row]) {
    for row in rows {
        is_told_rightly(speak, row).await;
    }
}

async fn is_told_rightly(speak: Speak, row: &Row) {
    let (fault, at, ..) = *row;
    let server = Server::start(fault);
    for round in 0..ROUNDS {
        // The limits of time are no race.
        if round > 0 && is_told_by_time(row) {
            return;
        }
        let upstream = upstream([server.addr()], speak);
        let ended = call(&upstream, Method::GET).await;
        match (at, &ended) {
            (Head, Ended::InHead(failure)) | (Body, Ended::InBody(failure)) => {
                check(row, failure, &server);
            }
            _ => panic!("{fault:?} is met in the {at:?}, not {ended:?}"),
        }
    }
}

fn is_told_by_time(&(.., reason, _, _): &Row) -> bool {
    matches!(
        reason,
        Reason::ResponseTimeout | Reason::ConnectionTimeout | Reason::ReadTimeout
    )
}

fn check(&(fault, at, reason, unprocessed, word): &Row, failure: &Failure, server: &Server) {
    assert_eq!(failure.reason(), reason, "{fault:?}: {failure:?}");
    if let Some(unprocessed) = unprocessed {
        assert_eq!(failure.unprocessed(), unprocessed, "{fault:?}: {failure:?}");
    }
    assert_eq!(
        failure.endpoint().map(|at| at.to_string()),
        Some(server.addr().to_string()),
        "{fault:?}"
    );
    if at == Head {
        assert_eq!(failure.upstream().map(|name| &**name), Some("test"), "{fault:?}");
    }
    let detail = failure.detail().unwrap_or_default();
    assert!(
        detail.contains(word),
        "{fault:?}: {detail:?} does not say {word:?}"
    );
    assert!(is_a_sentence(detail), "{fault:?}: {detail:?}");
}

/// One line of ASCII that neither begins like a sentence nor ends like one: others go on from it.
fn is_a_sentence(detail: &str) -> bool {
    detail.chars().all(|char| matches!(char, ' '..='~'))
        && !detail.is_empty()
        && !detail.ends_with('.')
        && !detail.starts_with(|char: char| char.is_ascii_uppercase() && !detail.starts_with("HTTP"))
}

#[tokio::test]
async fn a_connection_that_fails_is_told_rightly_over_http1() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (Fault::Refuse,                        Head, Reason::ConnectionRefused,    YES,     "connecting to 127.0.0.1:"),
        (Fault::Blackhole,                     Head, Reason::ConnectionTimeout,    YES,     "within 400ms"),
        (Fault::ResetOnAccept,                 Head, Reason::ClosedBeforeResponse, PERHAPS, ""),
        (Fault::CloseOnAccept,                 Head, Reason::ClosedBeforeResponse, PERHAPS, ""),
        (Fault::CloseOnFirstBytes,             Head, Reason::ClosedBeforeResponse, NO,      "closed"),
        (Fault::ResetOnFirstBytes,             Head, Reason::ClosedBeforeResponse, NO,      "reset"),
        (Fault::CloseBeforeHead,               Head, Reason::ClosedBeforeResponse, NO,      "before any byte"),
        (Fault::ResetBeforeHead,               Head, Reason::ClosedBeforeResponse, NO,      "before any byte"),
        (Fault::CutInStatusLine,               Head, Reason::ResponseIncomplete,   NO,      "in the head"),
        (Fault::CutInHead,                     Head, Reason::ResponseIncomplete,   NO,      "in the head"),
        (Fault::Silence,                       Head, Reason::ResponseTimeout,      NO,      "within 400ms"),
        (Fault::NoAnswer,                      Head, Reason::ResponseTimeout,      NO,      "within 400ms"),
        (Fault::Late(LIMIT.saturating_mul(2)), Head, Reason::ResponseTimeout,      NO,      "within 400ms"),
        (Fault::Drip(LIMIT.saturating_mul(2)), Head, Reason::ResponseTimeout,      NO,      "within 400ms"),
    ];
    all_are_told_rightly(Speak::Http1, rows).await;
}

#[tokio::test]
async fn a_head_that_is_none_is_told_rightly_over_http1() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (Fault::Garbage,            Head, Reason::ProtocolError,         NO,      "binary"),
        (Fault::TlsAlert(10),       Head, Reason::ProtocolError,         NO,      "TLS"),
        (Fault::SshBanner,          Head, Reason::ProtocolError,         PERHAPS, "SSH"),
        (Fault::H2None,             Head, Reason::ProtocolError,         NO,      "HTTP/2"),
        (Fault::UnknownVersion,     Head, Reason::ProtocolError,         NO,      "version of HTTP"),
        (Fault::StatusTooLow,       Head, Reason::ProtocolError,         NO,      "not HTTP"),
        (Fault::StatusTooHigh,      Head, Reason::ProtocolError,         NO,      "not HTTP"),
        (Fault::StatusNotNumeric,   Head, Reason::ProtocolError,         NO,      "not HTTP"),
        (Fault::ConflictingLengths, Head, Reason::ProtocolError,         NO,      "not HTTP"),
        (Fault::LengthNotNumeric,   Head, Reason::ProtocolError,         NO,      "not HTTP"),
        (Fault::BadFieldName,       Head, Reason::ProtocolError,         NO,      "not HTTP"),
        (Fault::NulInField,         Head, Reason::ProtocolError,         NO,      "not HTTP"),
        (Fault::HugeField,          Head, Reason::HeaderTooLarge,        NO,      "too large"),
        (Fault::ManyFields,         Head, Reason::HeaderSectionTooLarge, NO,      "too large"),
        (Fault::UnaskedUpgrade,     Head, Reason::UpgradeFailed,         NO,      "nobody had asked"),
    ];
    all_are_told_rightly(Speak::Http1, rows).await;
}

#[tokio::test]
async fn a_body_that_goes_wrong_is_told_rightly_over_http1() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (Fault::CutInBody,        Body, Reason::ResponseIncomplete, NO, "closed the connection in the body"),
        (Fault::ResetInBody,      Body, Reason::ResponseIncomplete, NO, "reset the connection in the body"),
        (Fault::CutBetweenChunks, Body, Reason::ResponseIncomplete, NO, "in the body"),
        (Fault::StallInBody,      Body, Reason::ReadTimeout,        NO, "for 400ms"),
        (Fault::BadChunkSize,     Body, Reason::TransferCoding,     NO, "chunk"),
    ];
    all_are_told_rightly(Speak::Http1, rows).await;
}

#[tokio::test]
async fn a_connection_that_fails_is_told_rightly_over_http2() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (Fault::Refuse,            Head, Reason::ConnectionRefused,    YES,     "connecting to 127.0.0.1:"),
        (Fault::Blackhole,         Head, Reason::ConnectionTimeout,    YES,     "within 400ms"),
        (Fault::ResetOnAccept,     Head, Reason::ClosedBeforeResponse, PERHAPS, ""),
        (Fault::CloseOnAccept,     Head, Reason::ClosedBeforeResponse, PERHAPS, ""),
        (Fault::CloseOnFirstBytes, Head, Reason::ClosedBeforeResponse, PERHAPS, ""),
        (Fault::ResetOnFirstBytes, Head, Reason::ClosedBeforeResponse, PERHAPS, ""),
        (Fault::H2Silence,         Head, Reason::ResponseTimeout,      NO,      "within 400ms"),
        (Fault::H2NoAnswer,        Head, Reason::ResponseTimeout,      NO,      "within 400ms"),
    ];
    all_are_told_rightly(Speak::Http2, rows).await;
}

#[tokio::test]
async fn what_is_no_http2_is_told_rightly() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (Fault::None,           Head, Reason::ProtocolError, PERHAPS, "HTTP/1.1, not HTTP/2"),
        (Fault::H2OnlyHttp1,    Head, Reason::ProtocolError, PERHAPS, "HTTP/1.1, not HTTP/2"),
        (Fault::SshBanner,      Head, Reason::ProtocolError, PERHAPS, "SSH"),
        (Fault::TlsAlert(10),   Head, Reason::ProtocolError, PERHAPS, "TLS"),
        (Fault::H2Garbage,      Head, Reason::ProtocolError, PERHAPS, "binary"),
        (Fault::H2BadFieldName, Head, Reason::ProtocolError, NO,      ""),
    ];
    all_are_told_rightly(Speak::Http2, rows).await;
}

#[tokio::test]
async fn a_stream_that_is_reset_is_told_by_its_code() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (Fault::H2Reset(0),  Head, Reason::StreamReset,    NO,  "NO_ERROR"),
        (Fault::H2Reset(1),  Head, Reason::ProtocolError,  NO,  "PROTOCOL_ERROR"),
        (Fault::H2Reset(2),  Head, Reason::StreamReset,    NO,  "INTERNAL_ERROR"),
        (Fault::H2Reset(3),  Head, Reason::ProtocolError,  NO,  "FLOW_CONTROL_ERROR"),
        (Fault::H2Reset(7),  Head, Reason::StreamRefused,  YES, "REFUSED_STREAM"),
        (Fault::H2Reset(8),  Head, Reason::StreamReset,    NO,  "CANCEL"),
        (Fault::H2Reset(11), Head, Reason::PeerOverloaded, NO,  "ENHANCE_YOUR_CALM"),
        (Fault::H2Reset(13), Head, Reason::ProtocolError,  NO,  "HTTP_1_1_REQUIRED"),
        (Fault::H2Reset(99), Head, Reason::StreamReset,    NO,  "63"),
    ];
    all_are_told_rightly(Speak::Http2, rows).await;
}

#[tokio::test]
async fn a_connection_that_goes_away_is_told_by_its_code() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (Fault::H2GoAwayOnRequest(0),  Head, Reason::ClosedBeforeResponse, NO, "closed"),
        (Fault::H2GoAwayOnRequest(1),  Head, Reason::ProtocolError,        NO, "PROTOCOL_ERROR"),
        (Fault::H2GoAwayOnRequest(2),  Head, Reason::StreamReset,          NO, "INTERNAL_ERROR"),
        (Fault::H2GoAwayOnRequest(11), Head, Reason::PeerOverloaded,       NO, "ENHANCE_YOUR_CALM"),
    ];
    all_are_told_rightly(Speak::Http2, rows).await;
}

#[tokio::test]
async fn a_body_that_goes_wrong_is_told_rightly_over_http2() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (Fault::H2CutInBody,       Body, Reason::ResponseIncomplete, NO, "in the body"),
        (Fault::H2ShortBody,       Head, Reason::ResponseIncomplete, NO, "announced"),
        (Fault::H2ResetInBody(2),  Body, Reason::ResponseIncomplete, NO, "INTERNAL_ERROR"),
        (Fault::H2ResetInBody(11), Body, Reason::PeerOverloaded,     NO, "ENHANCE_YOUR_CALM"),
        (Fault::H2ResetInBody(1),  Body, Reason::ProtocolError,      NO, "PROTOCOL_ERROR"),
    ];
    all_are_told_rightly(Speak::Http2, rows).await;
}

/// Handed back unsent, or sent and refused, whichever is faster: both say that nobody has acted on it.
#[tokio::test]
async fn a_connection_that_goes_away_at_once_leaves_the_request_unprocessed() {
    let server = Server::start(Fault::H2GoAway);
    for _ in 0..ROUNDS {
        let upstream = upstream([server.addr()], Speak::Http2);
        match call(&upstream, Method::POST).await {
            Ended::InHead(failure) => {
                let reason = failure.reason();
                let known = [Reason::StreamRefused, Reason::ClosedBeforeResponse].contains(&reason);
                assert!(known && failure.unprocessed(), "{failure:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}
