//! What an answer or a failure says about the upstream, if it says anything.

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use outrigger_gateway::{Failure, Reason, grpc::Code};

use super::state::Outcome;
use crate::retry::policy::Asked;

/// What a failed request says; nothing where its caller failed, or we did.
pub(super) fn of_failure(failure: &Failure) -> Option<Outcome> {
    match failure.reason() {
        Reason::DnsError
        | Reason::DnsTimeout
        | Reason::Unroutable
        | Reason::ConnectionRefused
        | Reason::ConnectionTimeout
        | Reason::CertificateExpired
        | Reason::CertificateNotYetValid
        | Reason::CertificateWrongName
        | Reason::CertificateUnknownCa
        | Reason::CertificateRevoked
        | Reason::CertificateWrongUsage
        | Reason::CertificateInvalid
        | Reason::TlsAlert
        | Reason::TlsProtocol
        | Reason::ClosedBeforeResponse
        | Reason::ResponseIncomplete
        | Reason::ProtocolError
        | Reason::TransferCoding
        | Reason::HeaderSectionTooLarge
        | Reason::HeaderTooLarge
        | Reason::BodyTooLarge
        | Reason::TrailersTooLarge
        | Reason::ReadTimeout
        | Reason::WriteTimeout
        | Reason::ResponseTimeout
        | Reason::StreamRefused
        | Reason::StreamReset => Some(Outcome::Failure(failure.reason())),
        // Whoever says so protects itself, be it the upstream or a layer of ours before it.
        Reason::PeerOverloaded
        | Reason::NoEndpointUnusable
        | Reason::NoEndpointRefusing
        | Reason::NoEndpointSilent
        | Reason::PoolLimit
        | Reason::Overload
        | Reason::RateLimited
        | Reason::Maintenance
        | Reason::Starting
        | Reason::Draining => Some(Outcome::Shed(failure.retry_after())),
        // An error that nobody has translated: of a client of others, below.
        Reason::Internal if std::error::Error::source(failure).is_some() => {
            Some(Outcome::Failure(Reason::Internal))
        }
        // A connection that closes when it idles is in order. The others are the business of callers, of the
        // configuration, or of this process.
        Reason::IdleRace
        | Reason::NoRoute
        | Reason::IpProhibited
        | Reason::DeadlineExceeded
        | Reason::UpgradeFailed
        | Reason::Quota
        | Reason::Denied
        | Reason::BadRequest
        | Reason::RequestTimeout
        | Reason::RequestTooLarge
        | Reason::TargetTooLong
        | Reason::ExpectationFailed
        | Reason::RequestHeaderTooLarge
        | Reason::NotImplemented
        | Reason::Loop
        | Reason::Internal
        | Reason::Configuration
        | Reason::UpstreamStatus
        | Reason::ClientGone => None,
    }
}

/// What an answer with this head says; `hurried` is whether it answers a request whose time was about to be over. Dates count
/// from what `clock` says.
pub(super) fn of_answer(
    status: StatusCode,
    headers: &HeaderMap,
    hurried: impl FnOnce() -> bool,
    clock: fn() -> SystemTime,
) -> Option<Outcome> {
    let code = || Code::of_head(headers);
    let refused = || match Asked::of(headers, clock()) {
        Asked::Nothing => Outcome::Failure(Reason::NoEndpointRefusing),
        asked => Outcome::Shed(asked.wait()),
    };
    match status.as_u16() {
        200 => match code() {
            Some(Code::Unavailable) => Some(refused()),
            Some(Code::DeadlineExceeded) if hurried() => None,
            Some(Code::DeadlineExceeded) => Some(Outcome::Failure(Reason::NoEndpointSilent)),
            _ => Some(Outcome::Success),
        },
        502 => Some(Outcome::Failure(Reason::NoEndpointUnusable)),
        503 => Some(refused()),
        504 if hurried() => None,
        504 => Some(Outcome::Failure(Reason::NoEndpointSilent)),
        _ => Some(Outcome::Success),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    const ALIVE: Option<Outcome> = Some(Outcome::Success);
    const REFUSING: Option<Outcome> = Some(Outcome::Failure(Reason::NoEndpointRefusing));
    const SILENT: Option<Outcome> = Some(Outcome::Failure(Reason::NoEndpointSilent));

    fn answer(status: u16, fields: &[(&'static str, &'static str)], hurried: bool) -> Option<Outcome> {
        let fields = fields.iter();
        let headers = fields
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect();
        of_answer(
            StatusCode::from_u16(status).unwrap(),
            &headers,
            || hurried,
            || SystemTime::UNIX_EPOCH,
        )
    }

    fn shed(ms: Option<u64>) -> Option<Outcome> {
        Some(Outcome::Shed(ms.map(Duration::from_millis)))
    }

    #[test]
    fn answers_of_an_app_that_lives_are_successes() {
        for status in [
            100, 101, 200, 204, 302, 400, 404, 408, 429, 499, 500, 501, 505, 599,
        ] {
            assert_eq!(answer(status, &[], false), ALIVE, "{status}");
        }
    }

    #[test]
    fn a_gateway_s_answers_are_failures_of_their_class() {
        let unusable = Some(Outcome::Failure(Reason::NoEndpointUnusable));
        assert_eq!(answer(502, &[("retry-after", "3")], false), unusable);
        assert_eq!(answer(503, &[], false), REFUSING);
        assert_eq!(answer(503, &[("retry-after", "soon")], false), REFUSING);
        assert_eq!(answer(504, &[], false), SILENT);
    }

    #[test]
    fn what_says_when_to_come_back_only_sheds_load() {
        assert_eq!(answer(503, &[("retry-after", "3")], false), shed(Some(3000)));
        let date = [("retry-after", "Thu, 01 Jan 1970 00:00:07 GMT")];
        assert_eq!(answer(503, &date, false), shed(Some(7000)));
    }

    #[test]
    fn grpc_says_it_in_its_own_words() {
        let grpc = |code, more: &[_]| answer(200, &[&[("grpc-status", code)], more].concat(), false);
        assert_eq!(grpc("14", &[]), REFUSING);
        assert_eq!(grpc("14", &[("grpc-retry-pushback-ms", "250")]), shed(Some(250)));
        assert_eq!(grpc("14", &[("grpc-retry-pushback-ms", "-1")]), shed(None));
        assert_eq!(grpc("4", &[]), SILENT);
        for code in ["0", "1", "5", "8", "13", "16"] {
            assert_eq!(grpc(code, &[]), ALIVE, "{code}");
        }
    }

    #[test]
    fn that_the_caller_s_time_was_over_says_nothing() {
        assert_eq!(answer(200, &[("grpc-status", "4")], true), None);
        assert_eq!(answer(504, &[], true), None);
    }

    #[test]
    fn each_reason_s_failure_is_judged_by_whose_trouble_it_is() {
        let of = |reason| of_failure(&Failure::new(reason));
        let refused = Reason::ConnectionRefused;
        assert_eq!(of(refused), Some(Outcome::Failure(refused)));
        let wait = Duration::from_secs(2);
        let shed = of_failure(&Failure::new(Reason::Overload).with_retry_after(wait));
        assert_eq!(shed, Some(Outcome::Shed(Some(wait))));
        assert_eq!(of(Reason::Internal), None);
        let foreign = Failure::from_error(std::io::Error::other("a client of others"));
        assert_eq!(of_failure(&foreign), Some(Outcome::Failure(Reason::Internal)));
        // Nobody can open it by what he sends, or by going away.
        let callers = Reason::ALL.iter().filter(|reason| {
            let status = reason.row().status;
            (400..500).contains(&status)
        });
        for reason in callers {
            assert_eq!(of(*reason), None, "{reason}");
        }
    }
}
