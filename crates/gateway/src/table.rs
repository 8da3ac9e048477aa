//! THE table: what happened -> what everyone is told.
//!
//! One reason is one row: one label, one HTTP status, one `Proxy-Status` error type (RFC 9209 §2.3), one gRPC
//! code, one answer to "may it be repeated". 502: I asked, got nothing usable. 503: I asked, was told no.
//! 504: I asked, gave up waiting.

use http::StatusCode;

use crate::{Reason, grpc::Code};

/// Whether a request that failed so may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It was provably not processed.
    Yes,
    /// Only if the request itself may be repeated (RFC 9110 §9.2.2).
    Idempotent,
    /// It would fail again, or it may have been processed.
    No,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Value of the metric label and of the access log's field.
    pub label: &'static str,
    /// The HTTP status; 0 where the upstream's own is passed on.
    pub status: u16,
    /// The `error` parameter of `Proxy-Status`, if a member with one is sent.
    pub error: Option<&'static str>,
    /// What a gRPC caller gets; `None` where the upstream's own is passed on.
    pub grpc: Option<Code>,
    /// Whether the request may be sent again.
    pub repeat: Repeat,
    /// Whether the answer says when to come back.
    pub retry_after: bool,
}

impl Reason {
    /// This reason's row.
    pub const fn row(self) -> Row {
        use Code::*;
        use Repeat::{Idempotent as Idem, No, Yes};
        #[rustfmt::skip]
        let (label, status, error, grpc, repeat) = match self {
            Self::DnsError               => ("dns_error",                 502, "dns_error",                        Unavailable,      Yes),
            Self::DnsTimeout             => ("dns_timeout",               504, "dns_timeout",                      Unavailable,      Yes),
            Self::NoRoute                => ("no_route",                  500, "destination_not_found",            Unimplemented,    No),
            Self::IpProhibited           => ("ip_prohibited",             502, "destination_ip_prohibited",        Unavailable,      No),
            Self::Unroutable             => ("unroutable",                502, "destination_ip_unroutable",        Unavailable,      Yes),
            Self::ConnectionRefused      => ("connection_refused",        502, "connection_refused",               Unavailable,      Yes),
            Self::ConnectionTimeout      => ("connection_timeout",        504, "connection_timeout",               Unavailable,      Yes),
            Self::CertificateExpired     => ("certificate_expired",       502, "tls_certificate_error",            Unavailable,      Yes),
            Self::CertificateNotYetValid => ("certificate_not_yet_valid", 502, "tls_certificate_error",            Unavailable,      Yes),
            Self::CertificateWrongName   => ("certificate_wrong_name",    502, "tls_certificate_error",            Unavailable,      Yes),
            Self::CertificateUnknownCa   => ("certificate_unknown_ca",    502, "tls_certificate_error",            Unavailable,      Yes),
            Self::CertificateRevoked     => ("certificate_revoked",       502, "tls_certificate_error",            Unavailable,      Yes),
            Self::CertificateWrongUsage  => ("certificate_wrong_usage",   502, "tls_certificate_error",            Unavailable,      Yes),
            Self::CertificateInvalid     => ("certificate_invalid",       502, "tls_certificate_error",            Unavailable,      Yes),
            Self::TlsAlert               => ("tls_alert",                 502, "tls_alert_received",               Unavailable,      No),
            Self::TlsProtocol            => ("tls_protocol",              502, "tls_protocol_error",               Unavailable,      Idem),
            Self::ClosedBeforeResponse   => ("closed_before_response",    502, "connection_terminated",            Unavailable,      Idem),
            Self::IdleRace               => ("idle_race",                 502, "connection_terminated",            Unavailable,      Idem),
            Self::ResponseIncomplete     => ("response_incomplete",       502, "http_response_incomplete",         Unavailable,      Idem),
            Self::ProtocolError          => ("protocol_error",            502, "http_protocol_error",              Unavailable,      No),
            Self::TransferCoding         => ("transfer_coding",           502, "http_response_transfer_coding",    Unavailable,      No),
            Self::HeaderSectionTooLarge  => ("header_section_too_large",  502, "http_response_header_section_size", Unavailable,     No),
            Self::HeaderTooLarge         => ("header_too_large",          502, "http_response_header_size",        Unavailable,      No),
            Self::BodyTooLarge           => ("body_too_large",            502, "http_response_body_size",          Unavailable,      No),
            Self::TrailersTooLarge       => ("trailers_too_large",        502, "http_response_trailer_section_size", Unavailable,    No),
            Self::ReadTimeout            => ("read_timeout",              504, "connection_read_timeout",          DeadlineExceeded, Idem),
            Self::WriteTimeout           => ("write_timeout",             504, "connection_write_timeout",         DeadlineExceeded, Idem),
            Self::ResponseTimeout        => ("response_timeout",          504, "http_response_timeout",            DeadlineExceeded, Idem),
            Self::DeadlineExceeded       => ("deadline_exceeded",         504, "http_response_timeout",            DeadlineExceeded, No),
            Self::UpgradeFailed          => ("upgrade_failed",            502, "http_upgrade_failed",              Unavailable,      No),
            Self::StreamRefused          => ("stream_refused",            502, "connection_terminated",            Unavailable,      Yes),
            Self::PeerOverloaded         => ("peer_overloaded",           503, "destination_unavailable",          ResourceExhausted, No),
            Self::StreamReset            => ("stream_reset",              502, "http_response_incomplete",         Unavailable,      Idem),
            Self::NoEndpointUnusable     => ("no_endpoint_unusable",      502, "destination_unavailable",          Unavailable,      No),
            Self::NoEndpointRefusing     => ("no_endpoint_refusing",      503, "destination_unavailable",          Unavailable,      No),
            Self::NoEndpointSilent       => ("no_endpoint_silent",        504, "destination_unavailable",          Unavailable,      No),
            Self::PoolLimit              => ("pool_limit",                503, "connection_limit_reached",         Unavailable,      No),
            Self::Overload               => ("overload",                  503, "proxy_internal_response",          Unavailable,      No),
            Self::RateLimited            => ("rate_limited",              503, "proxy_internal_response",          Unavailable,      No),
            Self::Quota                  => ("quota",                     429, "http_request_error",               ResourceExhausted, No),
            Self::Maintenance            => ("maintenance",               503, "proxy_internal_response",          Unavailable,      No),
            Self::Starting               => ("starting",                  503, "proxy_internal_response",          Unavailable,      No),
            Self::Draining               => ("draining",                  503, "proxy_internal_response",          Unavailable,      No),
            Self::Denied                 => ("denied",                    403, "http_request_denied",              PermissionDenied, No),
            Self::BadRequest             => ("bad_request",               400, "http_request_error",               Internal,         No),
            Self::RequestTimeout         => ("request_timeout",           408, "http_request_error",               Internal,         No),
            Self::RequestTooLarge        => ("request_too_large",         413, "http_request_error",               Internal,         No),
            Self::TargetTooLong          => ("target_too_long",           414, "http_request_error",               Internal,         No),
            Self::ExpectationFailed      => ("expectation_failed",        417, "http_request_error",               Internal,         No),
            Self::RequestHeaderTooLarge  => ("request_header_too_large",  431, "http_request_error",               Internal,         No),
            Self::NotImplemented         => ("not_implemented",           501, "http_request_error",               Internal,         No),
            Self::Loop                   => ("loop",                      502, "proxy_loop_detected",              Unavailable,      No),
            Self::Internal               => ("internal",                  500, "proxy_internal_error",             Internal,         No),
            Self::Configuration          => ("configuration",             500, "proxy_configuration_error",        Internal,         No),
            // The last two say nothing of their own: the upstream did, or nobody is there to listen.
            Self::UpstreamStatus         => ("upstream_status",             0, "",                                 Ok,               Idem),
            Self::ClientGone             => ("client_gone",               499, "",                                 Cancelled,        No),
        };
        Row {
            label,
            status,
            error: if error.is_empty() { None } else { Some(error) },
            grpc: if matches!(self, Self::UpstreamStatus) {
                None
            } else {
                Some(grpc)
            },
            repeat,
            retry_after: self.says_when_to_return(),
        }
    }

    /// The value of the metric label and of the access log's field.
    pub const fn label(self) -> &'static str {
        self.row().label
    }

    /// The HTTP status; `None` where the upstream's own is passed on.
    pub fn status(self) -> Option<StatusCode> {
        StatusCode::from_u16(self.row().status).ok()
    }

    /// The status of an answer made for this reason.
    ///
    /// Two rows have none of their own. A client that broke off its request may still listen, if it closed only its own
    /// side: 400 (RFC 9112 §8). Where the upstream's own status is passed on, whoever makes an answer all the same made
    /// a mistake, which is 500 and no gateway's status.
    pub fn answer_status(self) -> StatusCode {
        match self {
            Self::ClientGone => StatusCode::BAD_REQUEST,
            Self::UpstreamStatus => StatusCode::INTERNAL_SERVER_ERROR,
            _ => self.status().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The gRPC code of an answer made for this reason; [`Code::Internal`] where the upstream's own is passed on.
    pub fn answer_code(self) -> Code {
        self.row().grpc.unwrap_or(Code::Internal)
    }

    /// What is told where nothing is left to be asked, each thing for its own cause: that of most of them, on a tie in this
    /// order: nothing usable came back (502), they never answered (504), they said no (503).
    pub fn of_empty_pool(causes: impl IntoIterator<Item = Self>) -> Self {
        let mut counts = [0_usize; 3];
        for cause in causes {
            let class = match cause.row().status {
                503 => 2,
                504 => 1,
                _ => 0,
            };
            counts[class] += 1;
        }
        let [unusable, silent, refusing] = counts;
        if unusable >= silent.max(refusing) {
            Self::NoEndpointUnusable
        } else if silent >= refusing {
            Self::NoEndpointSilent
        } else {
            Self::NoEndpointRefusing
        }
    }

    /// Reasons whose answer carries `Retry-After` (RFC 9110 §10.2.3).
    const fn says_when_to_return(self) -> bool {
        matches!(
            self,
            Self::NoEndpointUnusable
                | Self::NoEndpointRefusing
                | Self::NoEndpointSilent
                | Self::PoolLimit
                | Self::Overload
                | Self::RateLimited
                | Self::Quota
                | Self::Maintenance
                | Self::Starting
                | Self::Draining
        )
    }
}
