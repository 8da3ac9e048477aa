//! How a handshake ended, in one word of a closed list: `outrigger_handshakes_total{side,result}`.

use std::{error::Error, fmt, io};

use outrigger_gateway::{Failure, Reason};
use rustls::{Error as TlsError, InvalidMessage};

use crate::{
    Alert,
    alert::ALERTS,
    classify::{find_rustls, reason_of},
};

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeResult {
    /// With a connection.
    Ok,
    /// Not within the caller's limit.
    Timeout,
    /// The peer closed the connection.
    Eof,
    /// The connection broke.
    Reset,
    /// The peer does not speak TLS.
    Plaintext,
    /// A client without a certificate where one is demanded.
    NoClientCertificate,
    /// The peer's certificate is refused, for this reason.
    Certificate(Reason),
    /// The peer broke off with an alert.
    Alert(Alert),
    /// No application protocol in common.
    NoCommonAlpn,
    /// No version, cipher or key exchange in common.
    Incompatible,
    /// The peer broke the protocol in another way.
    Protocol,
}

/// Reasons for which a certificate is refused.
const CERTIFICATE: [Reason; 7] = [
    Reason::CertificateExpired,
    Reason::CertificateNotYetValid,
    Reason::CertificateWrongName,
    Reason::CertificateUnknownCa,
    Reason::CertificateRevoked,
    Reason::CertificateWrongUsage,
    Reason::CertificateInvalid,
];

impl HandshakeResult {
    /// Every value of the label, so that counters can be made once.
    pub fn labels() -> impl Iterator<Item = &'static str> {
        let plain = [
            Self::Ok,
            Self::Timeout,
            Self::Eof,
            Self::Reset,
            Self::Plaintext,
            Self::NoClientCertificate,
            Self::NoCommonAlpn,
            Self::Incompatible,
            Self::Protocol,
            Self::Alert(Alert::of(u8::MAX)),
        ];
        let certificates = CERTIFICATE.into_iter().map(Self::Certificate);
        let alerts = ALERTS.iter().copied().map(Self::Alert);
        plain
            .into_iter()
            .chain(certificates)
            .chain(alerts)
            .map(Self::label)
    }

    /// The value of the label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Timeout => "timeout",
            Self::Eof => "eof",
            Self::Reset => "reset",
            Self::Plaintext => "plaintext",
            Self::NoClientCertificate => "no_client_certificate",
            Self::Certificate(reason) => reason.label(),
            Self::Alert(alert) => alert.label,
            Self::NoCommonAlpn => "no_common_alpn",
            Self::Incompatible => "incompatible",
            Self::Protocol => "protocol",
        }
    }

    /// How the handshake behind a failure of [`Connector::connect`](crate::Connector::connect), or of the caller's
    /// time limit around it, ended.
    pub fn of_failure(failure: &Failure) -> Self {
        match failure.reason() {
            Reason::ConnectionTimeout => Self::Timeout,
            reason if CERTIFICATE.contains(&reason) => Self::Certificate(reason),
            _ => Self::of_error(failure, None),
        }
    }

    pub(crate) fn of_error(error: &(dyn Error + 'static), refused_for: Option<Reason>) -> Self {
        match (refused_for, find_rustls(error)) {
            (Some(reason), _) => Self::Certificate(reason),
            (None, Some(tls)) => Self::of_rustls(tls),
            (None, None) => Self::of_io(error),
        }
    }

    fn of_rustls(error: &TlsError) -> Self {
        match error {
            TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => Self::Plaintext,
            TlsError::NoCertificatesPresented => Self::NoClientCertificate,
            TlsError::InvalidCertificate(certificate) => Self::Certificate(reason_of(certificate)),
            TlsError::AlertReceived(description) => Self::Alert(Alert::of(u8::from(*description))),
            TlsError::NoApplicationProtocol => Self::NoCommonAlpn,
            TlsError::PeerIncompatible(_) => Self::Incompatible,
            _ => Self::Protocol,
        }
    }

    fn of_io(error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            match error.downcast_ref::<io::Error>().map(io::Error::kind) {
                Some(io::ErrorKind::UnexpectedEof) => return Self::Eof,
                Some(io::ErrorKind::TimedOut) => return Self::Timeout,
                Some(_) => return Self::Reset,
                None => next = error.source(),
            }
        }
        Self::Protocol
    }
}

impl fmt::Display for HandshakeResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
