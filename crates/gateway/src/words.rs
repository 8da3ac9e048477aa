//! The plain words of each reason: what anyone may read about it, whoever asks.
//!
//! They name no upstream, no address and no certificate; the failure's own sentence does, and not everyone gets it.

use crate::{Failure, Reason};

/// What broke, for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// In one word.
    pub(crate) word: &'static str,
    /// In one clause: lower case, no full stop.
    pub(crate) clause: &'static str,
}

impl Reason {
    /// What happened, in one clause that names nobody: lower case, no full stop.
    pub const fn clause(self) -> &'static str {
        self.words().clause
    }

    pub(crate) const fn words(self) -> Words {
        #[rustfmt::skip]
        let (word, clause) = match self {
            Self::DnsError               => ("name",          "the service's name does not resolve"),
            Self::DnsTimeout             => ("name",          "the resolver did not answer in time"),
            Self::NoRoute                => ("route",         "no service is configured for this address"),
            Self::IpProhibited           => ("address",       "the service's address is not one that may be connected to"),
            Self::Unroutable             => ("network",       "the service's network or host cannot be reached"),
            Self::ConnectionRefused      => ("connection",    "nobody listens at the service's address"),
            Self::ConnectionTimeout      => ("connection",    "connecting to the service took too long"),
            Self::CertificateExpired     => ("certificate",   "the service's certificate has expired"),
            Self::CertificateNotYetValid => ("certificate",   "the service's certificate is not valid yet"),
            Self::CertificateWrongName   => ("certificate",   "the service's certificate is for somebody else"),
            Self::CertificateUnknownCa   => ("certificate",   "the service's certificate is from an unknown authority"),
            Self::CertificateRevoked     => ("certificate",   "the service's certificate is revoked"),
            Self::CertificateWrongUsage  => ("certificate",   "the service's certificate is not meant for this use"),
            Self::CertificateInvalid     => ("certificate",   "the service's certificate is not valid"),
            Self::TlsAlert               => ("encryption",    "the service broke the TLS connection off with an alert"),
            Self::TlsProtocol            => ("encryption",    "no TLS connection with the service came about"),
            Self::ClosedBeforeResponse   => ("connection",    "the service closed the connection without an answer"),
            Self::IdleRace               => ("connection",    "the service closed an idle connection as it was used again"),
            Self::ResponseIncomplete     => ("answer",        "the service's answer was cut off"),
            Self::ProtocolError          => ("answer",        "the service did not answer in well-formed HTTP"),
            Self::TransferCoding         => ("answer",        "the service's answer has a broken transfer coding"),
            Self::HeaderSectionTooLarge  => ("answer",        "the header section of the service's answer is too large"),
            Self::HeaderTooLarge         => ("answer",        "a header field of the service's answer is too large"),
            Self::BodyTooLarge           => ("answer",        "the body of the service's answer is too large"),
            Self::TrailersTooLarge       => ("answer",        "the trailers of the service's answer are too large"),
            Self::ReadTimeout            => ("time",          "the service stopped sending"),
            Self::WriteTimeout           => ("time",          "the service stopped reading"),
            Self::ResponseTimeout        => ("time",          "the service did not answer in time"),
            Self::DeadlineExceeded       => ("time",          "the time for the whole request ran out"),
            Self::UpgradeFailed          => ("upgrade",       "the service did not switch protocols as it was asked to"),
            Self::StreamRefused          => ("stream",        "the service refused the stream unprocessed"),
            Self::PeerOverloaded         => ("overload",      "the service asked for fewer requests"),
            Self::StreamReset            => ("stream",        "the service reset the stream"),
            Self::NoEndpointUnusable     => ("service",       "nothing usable comes back from any instance of the service"),
            Self::NoEndpointRefusing     => ("service",       "every instance of the service says no"),
            Self::NoEndpointSilent       => ("service",       "no instance of the service answers in time"),
            Self::PoolLimit              => ("overload",      "no more connections to the service are allowed"),
            Self::Overload               => ("overload",      "too many requests are under way"),
            Self::RateLimited            => ("overload",      "the service's rate of requests is used up"),
            Self::Quota                  => ("quota",         "your quota of requests is used up"),
            Self::Maintenance            => ("maintenance",   "the service is under maintenance"),
            Self::Starting               => ("starting",      "the service is still starting"),
            Self::Draining               => ("stopping",      "the service is about to stop"),
            Self::Denied                 => ("permission",    "this caller's identity is not allowed here"),
            Self::BadRequest             => ("request",       "the request is malformed"),
            Self::RequestTimeout         => ("request",       "the request did not arrive in time"),
            Self::RequestTooLarge        => ("request",       "the request's body is too large"),
            Self::TargetTooLong          => ("request",       "the request's target is too long"),
            Self::ExpectationFailed      => ("request",       "the request expects something that is not supported"),
            Self::RequestHeaderTooLarge  => ("request",       "the request's header section is too large"),
            Self::NotImplemented         => ("request",       "the request needs something that is not supported"),
            Self::Loop                   => ("loop",          "the request came through here before"),
            Self::Internal               => ("gateway",       "the gateway itself failed"),
            Self::Configuration          => ("configuration", "the gateway is misconfigured"),
            Self::UpstreamStatus         => ("service",       "the service answered with an error of its own"),
            Self::ClientGone             => ("client",        "the client went away before its answer was whole"),
        };
        Words { word, clause }
    }
}

impl Failure {
    /// What this reader is told: the failure's own sentence if `detailed`, else (or if it has none) the reason's clause.
    pub fn sentence(&self, detailed: bool) -> &str {
        let own = if detailed { self.detail() } else { None };
        own.unwrap_or(self.reason().clause())
    }
}
