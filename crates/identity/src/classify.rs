//! rustls's errors, found wherever they are wrapped, told as [`Failure`]s.
//!
//! In a handshake: [`Connector`](crate::Connector) and [`Acceptor`](crate::Acceptor) do it themselves. Later on, under
//! TLS 1.3, a server's refusal of our certificate arrives with the first read, within an error of hyper: [`classify`]
//! finds it there; [`Connector::classify`](crate::Connector::classify) adds which certificate of ours it is. Alerts carry `alert-id` and `alert-message` (RFC 9209 §2.3.13).

use std::{error::Error, io};

use outrigger_gateway::{Extra, Failure, Reason, find_cause};
use rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage};

use crate::{
    AcceptError, Alert, HandshakeResult,
    explain::{Case, Presenter},
    handshake::Refusal,
    words,
};

/// The failure of an established connection, if TLS is its cause.
///
/// Whether the request was processed is not known here; a caller that knows says so.
pub fn classify(error: &(dyn Error + 'static)) -> Option<Failure> {
    find_rustls(error).map(failure_from_rustls)
}

/// rustls's error in the chain of `error`.
pub fn find_rustls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    find_cause(error)
}

/// What a TLS error of an upstream's connection is told as.
pub fn failure_from_rustls(error: &TlsError) -> Failure {
    failure(error, None).with_source(error.clone())
}

/// `own` tells of the certificate that we presented, for when it is refused.
pub(crate) fn failure(error: &TlsError, own: Option<&str>) -> Failure {
    match error {
        TlsError::InvalidCertificate(certificate) => {
            let Refusal { reason, detail } = Case::unknown(Presenter::Upstream).explain(certificate);
            Failure::new(reason).with_detail(detail)
        }
        TlsError::AlertReceived(description) => alert_failure(alert(*description), own),
        other => Failure::new(Reason::TlsProtocol).with_detail(sentence(Presenter::Upstream, other)),
    }
}

fn alert(description: AlertDescription) -> Alert {
    Alert::of(u8::from(description))
}

fn alert_failure(alert: Alert, own: Option<&str>) -> Failure {
    Failure::new(Reason::TlsAlert)
        .with_detail(alert_sentence(Presenter::Upstream, alert, own))
        .with_extra("alert-id", Extra::Integer(i64::from(alert.id)))
        .with_extra("alert-message", Extra::Token(alert.name.to_owned()))
}

fn alert_sentence(sender: Presenter, alert: Alert, own: Option<&str>) -> String {
    let mut sentence = format!(
        "{} broke off with TLS alert {} ({})",
        sender.noun(),
        alert.name,
        alert.id
    );
    if let Some(hint) = alert.hint {
        sentence = format!("{sentence}: {hint}");
    }
    match own.filter(|_| alert.is_about_our_certificate()) {
        Some(own) => format!("{sentence}; {own}"),
        None => sentence,
    }
}

/// Errors that are neither about a certificate nor an alert.
fn sentence(peer: Presenter, error: &TlsError) -> String {
    let noun = peer.noun();
    match error {
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => match peer {
            Presenter::Upstream => "the upstream does not speak TLS on this port".to_owned(),
            Presenter::Client => "the client does not speak TLS, which this port demands".to_owned(),
        },
        TlsError::NoCertificatesPresented => format!("{noun} presented no certificate"),
        TlsError::NoApplicationProtocol => format!("{noun} speaks neither HTTP/2 nor HTTP/1.1 by its ALPN"),
        TlsError::PeerIncompatible(why) => format!(
            "no common ground with {noun} for TLS: {}",
            words::ascii(&format!("{why:?}"))
        ),
        other => format!("TLS with {noun} failed: {}", words::ascii(&other.to_string())),
    }
}

/// The failure of a handshake with an upstream. Nothing of a request was sent, whatever it is.
pub(crate) fn failed_handshake(error: io::Error, refusal: Option<Refusal>, own: &str) -> Failure {
    let failure = match (refusal, find_rustls(&error)) {
        (Some(Refusal { reason, detail }), _) => Failure::new(reason).with_detail(detail),
        (None, Some(tls)) => failure(tls, Some(own)),
        (None, None) => cut_off(&error),
    };
    // After an alert the next handshake would end the same, so that one is not for repeating.
    let repeatable = failure.reason() != Reason::TlsAlert;
    failure.with_source(error).with_unprocessed(repeatable)
}

fn cut_off(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::new(Reason::TlsProtocol)
            .with_detail("the upstream closed the connection in the TLS handshake"),
        io::ErrorKind::TimedOut => Failure::new(Reason::ConnectionTimeout)
            .with_detail("the connection timed out in the TLS handshake"),
        _ => {
            let detail = format!(
                "the connection broke in the TLS handshake: {}",
                words::ascii(&error.to_string())
            );
            Failure::new(Reason::ClosedBeforeResponse).with_detail(detail)
        }
    }
}

/// Why a client was not let in.
pub(crate) fn failed_accept(error: io::Error, refusal: Option<Refusal>, own: &str) -> AcceptError {
    let result = HandshakeResult::of_error(&error, refusal.as_ref().map(|refusal| refusal.reason));
    let detail = match (refusal, find_rustls(&error)) {
        (Some(refusal), _) => refusal.detail,
        (None, Some(TlsError::AlertReceived(description))) => {
            alert_sentence(Presenter::Client, alert(*description), Some(own))
        }
        (None, Some(TlsError::InvalidCertificate(certificate))) => {
            Case::unknown(Presenter::Client).explain(certificate).detail
        }
        (None, Some(tls)) => sentence(Presenter::Client, tls),
        (None, None) => format!(
            "the client left in the TLS handshake: {}",
            words::ascii(&error.to_string())
        ),
    };
    AcceptError {
        result,
        detail,
        source: Some(error),
    }
}

/// The reason of a certificate error of which nothing more is known.
pub(crate) fn reason_of(error: &CertificateError) -> Reason {
    Case::unknown(Presenter::Client).explain(error).reason
}
