//! gRPC's way of telling a failure: status codes, trailers, `grpc-timeout`.
//!
//! gRPC callers read no HTTP status: what failed on the way to them is told in `grpc-status` and `grpc-message`,
//! when to come back in `grpc-retry-pushback-ms` (gRFC A6). Source: `PROTOCOL-HTTP2.md`, `statuscodes.md` and
//! `http-grpc-status-mapping.md` of the gRPC specification.

mod message;
mod timeout;

use std::time::Duration;

use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};

use crate::{Failure, retry_after};

pub use message::{decode_message, encode_message};
pub use timeout::{BadTimeout, Timeout};

/// The content type of every gRPC answer that this crate makes.
pub const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
/// The trailer with the status code.
pub const STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// The trailer with the percent-encoded sentence.
pub const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// The request's field with the time the caller still has.
pub const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// The trailer with the milliseconds to wait before the next attempt; negative or unreadable: do not retry.
pub const RETRY_PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// The longest sentence in a message, in characters: clients bound all their trailers at a few KiB.
const LONGEST_SENTENCE: usize = 1024;

/// Defines [`Code`] together with its numbers, so that reading and writing cannot differ.
macro_rules! codes {
    ($($name:ident = $number:literal,)*) => {
        /// The codes of gRPC (`statuscodes.md` of the gRPC specification).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs)] // the specification's own names
        pub enum Code {
            $($name = $number,)*
        }

        impl Code {
            /// The code with this number.
            pub const fn from_u8(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    /// Reads `grpc-status`: decimal, no zeros in front. Callers take what is none of the codes for [`Code::Unknown`].
    pub fn from_header(value: &HeaderValue) -> Option<Self> {
        match *value.as_bytes() {
            [digit @ b'0'..=b'9'] => Self::from_u8(digit - b'0'),
            [b'1', digit @ b'0'..=b'9'] => Self::from_u8(10 + digit - b'0'),
            _ => None,
        }
    }

    /// What a head with these fields says: a response of trailers only has its code there.
    pub fn of_head(headers: &HeaderMap) -> Option<Self> {
        headers.get(STATUS).and_then(Self::from_header)
    }

    /// The code for an HTTP status that came without a `grpc-status` (`http-grpc-status-mapping.md`).
    pub const fn from_http(status: StatusCode) -> Self {
        match status.as_u16() {
            400 | 431 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502..=504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// The value of `grpc-status`.
    pub fn to_header(self) -> HeaderValue {
        HeaderValue::from(u16::from(self as u8))
    }
}

/// Whether a request or response is gRPC: `application/grpc`, alone, with `+proto` and its like, or with parameters.
///
/// gRPC-Web (`application/grpc-web`) is not: it frames its trailers in the body, so that it cannot be told our way.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    const PREFIX: &[u8] = b"application/grpc";
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let (head, rest) = value.as_bytes().split_at(PREFIX.len().min(value.len()));
        head.eq_ignore_ascii_case(PREFIX) && matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'\t'))
    })
}

/// The trailers that tell a failure; a trailers-only response carries them in its head.
///
/// Without `detailed` the message is the reason's own words only, never the failure's sentence.
pub fn trailers(failure: &Failure, detailed: bool) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(4);
    write_trailers(&mut trailers, failure, detailed);
    trailers
}

pub(crate) fn write_trailers(to: &mut HeaderMap, failure: &Failure, detailed: bool) {
    let reason = failure.reason();
    to.insert(STATUS, reason.answer_code().to_header());
    let sentence = failure.sentence(detailed);
    let message = format!("{reason}: {sentence:.LONGEST_SENTENCE$}");
    to.insert(MESSAGE, encode_message(&message));
    if let Some(wait) = retry_after::told(failure) {
        to.insert(RETRY_PUSHBACK, pushback(wait));
    }
}

/// Milliseconds as an int32, which is what gRFC A6 allows.
fn pushback(wait: Duration) -> HeaderValue {
    HeaderValue::from(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content_type(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))])
    }

    #[test]
    fn every_spelling_of_grpc_is_grpc() {
        for value in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc+json; charset=utf-8",
            "application/grpc;x=y",
            "application/grpc ;x=y",
            "Application/gRPC",
        ] {
            assert!(is_grpc(&content_type(value)), "{value}");
        }
    }

    #[test]
    fn grpc_web_and_others_are_not_grpc() {
        for value in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpcx",
            "application/grp",
            "application/json",
            "",
        ] {
            assert!(!is_grpc(&content_type(value)), "{value}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn every_code_comes_back_from_its_header() {
        for code in (0..=16).filter_map(Code::from_u8) {
            assert_eq!(Code::from_header(&code.to_header()), Some(code));
        }
        assert_eq!(Code::from_u8(17), None);
    }

    #[test]
    fn a_status_that_is_no_code_is_none() {
        for value in ["", "00", "014", "17", "20", "-1", "1a", "OK", "256"] {
            assert_eq!(
                Code::from_header(&HeaderValue::from_static(value)),
                None,
                "{value}"
            );
        }
    }

    #[test]
    fn http_statuses_map_as_the_specification_says() {
        let code = |status| Code::from_http(StatusCode::from_u16(status).unwrap()) as u8;
        let mapped = [400, 401, 403, 404, 429, 431, 502, 503, 504, 200, 408, 500, 501].map(code);
        assert_eq!(mapped, [13, 16, 7, 12, 14, 13, 14, 14, 14, 2, 2, 2, 2]);
    }
}
