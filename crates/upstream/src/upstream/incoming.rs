//! What is made of a response's head before it is passed on.
//!
//! hyper reads a body framed twice, or coded otherwise than `chunked`, and passes the fields on that no longer hold;
//! whoever gets them would be misled about where the body ends or what it is. Where there is no body to read, in the
//! answer to HEAD for one, neither it nor h2 look at its length. Such a response fails with [`Reason::ProtocolError`]
//! or [`Reason::TransferCoding`]. Sources: RFC 9110 §8.6; RFC 9112 §2.3, §6.1, §6.3.

use http::{
    HeaderMap, HeaderValue, Response, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use hyper::ext::ReasonPhrase;
use outrigger_gateway::{Extra, Failure, Reason};
use outrigger_layers::hop::oddity;

use crate::connect::Protocol;

/// Checks the framing of a response that came over HTTP/1.1, and makes it ours. HTTP/2 has frames of its own, but no
/// reason phrases: where none belongs to the status, hyper would make one up.
pub(super) fn receive<B>(response: &mut Response<B>, protocol: Protocol) -> Result<(), Failure> {
    if protocol == Protocol::Http2 {
        if response.status().canonical_reason().is_none() {
            let none = ReasonPhrase::from_static(b"");
            response.extensions_mut().insert(none);
        }
        if let Some(oddity) = oddity(response.headers()) {
            return Err(Failure::new(Reason::ProtocolError).with_detail(oddity));
        }
        return settle_length(response.headers_mut());
    }
    // Each hop speaks for itself: a server of HTTP/1.0 does not make us one.
    *response.version_mut() = Version::HTTP_11;
    let headers = response.headers_mut();
    if headers.contains_key(TRANSFER_ENCODING) {
        return check_codings(headers);
    }
    settle_length(headers)
}

/// One length, in plain digits: for a body that gave the same one several times, or with zeros before it.
fn settle_length(headers: &mut HeaderMap) -> Result<(), Failure> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else {
        return Ok(());
    };
    let length = digits(first);
    if length.is_none() || lengths.any(|other| digits(other) != length) {
        let detail = "the response's Content-Length is no length";
        return Err(Failure::new(Reason::ProtocolError).with_detail(detail));
    }
    let several = first.as_bytes().contains(&b',') || headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some();
    let padded = first.len() > 1 && first.as_bytes().starts_with(b"0");
    if let Some(length) = length.filter(|_| several || padded) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(())
}

/// The one number that all elements of a value write in digits.
fn digits(value: &HeaderValue) -> Option<u64> {
    let mut numbers = value.to_str().ok()?.split(',').map(|element| {
        let digits = element.trim_ascii();
        let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| number)
    });
    let first = numbers.next()??;
    numbers.all(|other| other == Some(first)).then_some(first)
}

fn check_codings(headers: &HeaderMap) -> Result<(), Failure> {
    if headers.contains_key(CONTENT_LENGTH) {
        let detail = "the response has both Content-Length and Transfer-Encoding";
        return Err(Failure::new(Reason::ProtocolError).with_detail(detail));
    }
    let values = headers.get_all(TRANSFER_ENCODING).iter();
    let codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings
        .map(<[u8]>::trim_ascii)
        .filter(|coding| !coding.is_empty());
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    match (codings.next(), codings.next()) {
        (Some(only), None) if is_chunked(only) => Ok(()),
        (Some(first), second) => {
            let coding = if is_chunked(first) { second } else { None };
            Err(unknown(coding.unwrap_or(first)))
        }
        (None, _) => Err(unknown(b"")),
    }
}

fn unknown(coding: &[u8]) -> Failure {
    let coding = String::from_utf8_lossy(coding).to_ascii_lowercase();
    Failure::new(Reason::TransferCoding)
        .with_detail(format_args!(
            "the response has a transfer coding other than chunked: {coding:?}"
        ))
        .with_extra("coding", Extra::Token(coding))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn received(fields: &[(&str, &str)]) -> Result<Response<()>, Failure> {
        let builder = Response::builder().version(Version::HTTP_10);
        let builder = fields
            .iter()
            .fold(builder, |builder, (name, value)| builder.header(*name, *value));
        let mut response = builder.body(()).unwrap();
        receive(&mut response, Protocol::Http1).map(|()| response)
    }

    #[test]
    fn a_response_is_passed_on_in_our_version() {
        assert_eq!(received(&[]).unwrap().version(), Version::HTTP_11);
    }

    #[test]
    fn the_same_length_several_times_is_passed_on_once() {
        for fields in [
            &[("content-length", "3, 3")][..],
            &[("content-length", "3"), ("content-length", "3")],
            &[("content-length", "3")],
            &[("content-length", "003")],
        ] {
            let response = received(fields).unwrap();
            let lengths = response.headers().get_all(CONTENT_LENGTH);
            assert_eq!(lengths.iter().collect::<Vec<_>>(), ["3"]);
        }
    }

    #[test]
    fn a_length_that_is_none_is_refused() {
        for fields in [
            &[("content-length", ")5")][..],
            &[("content-length", "")],
            &[("content-length", "+5")],
            &[("content-length", "5,")],
            &[("content-length", "5, 6")],
            &[("content-length", "5"), ("content-length", "6")],
            &[("content-length", "99999999999999999999")],
        ] {
            let failure = received(fields).unwrap_err();
            assert_eq!(failure.reason(), Reason::ProtocolError, "{fields:?}");
        }
    }

    #[test]
    fn over_http2_no_reason_is_made_up() {
        for (status, silenced) in [(200, false), (299, true)] {
            let mut response = Response::builder().status(status).body(()).unwrap();
            receive(&mut response, Protocol::Http2).unwrap();
            assert_eq!(response.extensions().get::<ReasonPhrase>().is_some(), silenced);
        }
    }

    #[test]
    fn a_body_framed_twice_is_refused() {
        let failure = received(&[("transfer-encoding", "chunked"), ("content-length", "3")]);
        assert_eq!(failure.unwrap_err().reason(), Reason::ProtocolError);
    }

    #[test]
    fn a_body_coded_otherwise_than_chunked_once_is_refused() {
        for coding in [
            "gzip",
            "gzip, chunked",
            "chunked, chunked",
            "chunked, gzip",
            "",
            "\"x",
        ] {
            let failure = received(&[("transfer-encoding", coding)]).unwrap_err();
            assert_eq!(failure.reason(), Reason::TransferCoding, "{coding}");
        }
        assert!(received(&[("transfer-encoding", "Chunked")]).is_ok());
    }

    #[test]
    fn what_no_field_of_http_1_can_be_is_refused_over_http_2() {
        for (name, value) in [("\"x", "1"), ("x", " 1"), ("x", "1\t")] {
            let name = HeaderName::from_lowercase(name.as_bytes()).unwrap();
            let mut response = Response::builder().header(&name, value).body(()).unwrap();
            let failure = receive(&mut response, Protocol::Http2).unwrap_err();
            assert_eq!(failure.reason(), Reason::ProtocolError, "{name}: {value}");
        }
    }
}
