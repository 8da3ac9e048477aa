//! What a caller asks for in fields: gRPC in `grpc-timeout`, others in `x-request-timeout-ms`, Envoy in its own.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use outrigger_gateway::{Failure, Reason, grpc};

use super::bound::Giver;
use crate::{exchange::Exchange, hop::Client};

/// The request's field with the milliseconds that its caller still has; gRPC has a field of its own.
pub const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// The same as Envoy tells its upstreams.
pub(super) const ENVOY_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");

/// The shortest time that the caller gives, and where it says so.
pub(super) fn asked_for<A>(request: &Request<A>) -> Result<Option<(Duration, Giver)>, Failure> {
    if is_grpc(request) {
        let asked = grpc::Timeout::from_headers(request.headers()).map_err(bad)?;
        return Ok(asked.map(|timeout| (timeout.duration(), Giver::Grpc)));
    }
    let asked = asked_in_field(request.headers())?.map(|time| (time, Giver::Field));
    let envoy = expected_by_envoy(request).map(|time| (time, Giver::Envoy));
    Ok([asked, envoy].into_iter().flatten().min_by_key(|(time, _)| *time))
}

fn is_grpc<A>(request: &Request<A>) -> bool {
    match Exchange::of(request.extensions()) {
        // Whoever observes the request has looked already.
        Some(exchange) => exchange.is_grpc(),
        // Most requests carry none; for them the content type need not be looked at.
        None => request.headers().contains_key(grpc::TIMEOUT) && grpc::is_grpc(request.headers()),
    }
}

/// What cannot be read is refused: whoever asks for a limit must not believe in one that there is not.
fn asked_in_field(headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let mut values = headers.get_all(REQUEST_TIMEOUT).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    match (millis(first), values.next()) {
        (Some(time), None) => Ok(Some(time)),
        _ => Err(bad("x-request-timeout-ms is not one number of milliseconds")),
    }
}

/// Envoy tells what it will wait for, and asks for nothing; from strangers it means nothing at all.
fn expected_by_envoy<A>(request: &Request<A>) -> Option<Duration> {
    let client = request.extensions().get::<Arc<Client>>()?;
    if !client.is_peer() {
        return None;
    }
    let values = request.headers().get_all(ENVOY_TIMEOUT);
    // Zero is Envoy's "no limit".
    let limits = values.iter().filter_map(millis).filter(|time| !time.is_zero());
    limits.min()
}

/// A number in plain digits.
fn millis(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than a u64 holds are as good as no limit.
    digits.then(|| Duration::from_millis(text.parse().unwrap_or(u64::MAX)))
}

/// Tells the next hop how much time remains, rounded down.
///
/// # Errors
/// [`Reason::DeadlineExceeded`] if that is nothing.
pub(super) fn tell(headers: &mut HeaderMap, left: Duration) -> Result<(), Failure> {
    if grpc::is_grpc(headers) {
        headers.insert(grpc::TIMEOUT, grpc::Timeout::new(left).to_header());
        return Ok(());
    }
    let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return Err(super::nothing_left());
    }
    let value = HeaderValue::from(millis);
    if headers.contains_key(ENVOY_TIMEOUT) {
        headers.insert(ENVOY_TIMEOUT, value.clone());
    }
    headers.insert(REQUEST_TIMEOUT, value);
    Ok(())
}

fn bad(detail: impl fmt::Display) -> Failure {
    Failure::new(Reason::BadRequest).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Option<Duration> {
        millis(&HeaderValue::from_bytes(bytes).ok()?)
    }

    #[test]
    fn plain_digits_are_read_and_nothing_else() {
        assert_eq!(read(b"0"), Some(Duration::ZERO));
        assert_eq!(read(b"0250"), Some(Duration::from_millis(250)));
        assert_eq!(
            read(b"18446744073709551616"),
            Some(Duration::from_millis(u64::MAX))
        );
        for text in [
            "", " 5", "5 ", "+5", "-5", "5.0", "5ms", "1e3", "5, 6", "0x5", "\u{661}",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_value_is_read_without_panic_and_only_digits_mean_something(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
            prop_assert_eq!(read(&bytes).is_some(), digits);
        }

        #[test]
        fn what_is_told_is_never_more_than_what_is_left(nanos in 0_u64..1 << 50) {
            let left = Duration::from_nanos(nanos);
            let mut headers = HeaderMap::new();
            match tell(&mut headers, left) {
                Ok(()) => {
                    let told = millis(&headers[REQUEST_TIMEOUT]).unwrap();
                    prop_assert!(told <= left && left < told + Duration::from_millis(1) && !told.is_zero());
                }
                Err(failure) => {
                    prop_assert_eq!(failure.reason(), Reason::DeadlineExceeded);
                    prop_assert!(left < Duration::from_millis(1) && headers.is_empty());
                }
            }
        }
    }
}
