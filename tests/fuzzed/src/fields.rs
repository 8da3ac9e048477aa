//! Fields of requests and responses that we read by ourselves.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use outrigger_gateway::{
    Failure, Reason, Voice,
    grpc::Timeout,
    proxy_status::{self, Member, PROXY_STATUS},
    retry_after,
};
use outrigger_layers::trace::TraceId;

use crate::lines;

/// A field of this name, one value a line; lines that are no field value are left out.
fn field(name: &HeaderName, bytes: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in lines(bytes).filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        headers.append(name, value);
    }
    headers
}

/// `Proxy-Status` of hops behind us: what is read is written as it was read, and ours comes after it.
pub(crate) fn proxy_status(bytes: &[u8]) {
    let mut headers = field(&PROXY_STATUS, bytes);
    let theirs = proxy_status::members(&headers);
    for member in &theirs {
        let mut alone = HeaderMap::new();
        proxy_status::append(&mut alone, member);
        assert_eq!(
            proxy_status::members(&alone),
            std::slice::from_ref(member),
            "{alone:?}"
        );
    }
    let failure = Failure::new(Reason::ProtocolError).with_detail(String::from_utf8_lossy(bytes));
    let ours = Member::for_failure(&String::from_utf8_lossy(bytes), &failure, true);
    proxy_status::append(&mut headers, &ours);
    let together = proxy_status::members(&headers);
    let (last, before) = together.split_last().expect("ours is there");
    assert_eq!(before, theirs);
    assert_eq!(last.error, ours.error);
    let line = headers[PROXY_STATUS].as_bytes();
    assert!(line.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')));
    assert_eq!(headers.get_all(PROXY_STATUS).iter().count(), 1);
}

/// `grpc-timeout`: read as the grammar says, and never longer when it is written again.
pub(crate) fn grpc_timeout(bytes: &[u8]) {
    let headers = field(&HeaderName::from_static("grpc-timeout"), bytes);
    let read = Timeout::from_headers(&headers);
    assert_eq!(
        matches!(read, Ok(None)),
        headers.is_empty(),
        "only what is not there is no timeout"
    );
    let Ok(Some(timeout)) = read else {
        return;
    };
    let value = &headers["grpc-timeout"];
    assert!((2..=9).contains(&value.len()) && value.to_str().is_ok());
    let again = Timeout::from_header(&timeout.to_header()).expect("what is written can be read");
    assert!(again <= timeout, "{again} is longer than {timeout}");
    // Eight digits are kept, so that less than one part in a million is lost.
    assert!(timeout.duration() - again.duration() <= timeout.duration() / 1_000_000);
}

/// `Retry-After`: seconds or a date, never more than what is believed at most.
pub(crate) fn retry_after(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    // 1994-11-06 08:49:37 UTC
    let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
    let read = retry_after::from_header(&value, now);
    let digits = bytes.trim_ascii();
    if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
        let number = digits.iter().fold(0_u64, |sum, digit| {
            sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
        });
        let wait = Duration::from_secs(number).min(retry_after::LONGEST);
        assert_eq!(read, Some(wait));
    }
    if let Some(wait) = read {
        assert!(wait <= retry_after::LONGEST);
        let written = retry_after::to_header(wait);
        let again = retry_after::from_header(&written, now).expect("what is written can be read");
        assert!(again >= wait && again <= retry_after::LONGEST.max(Duration::from_secs(1)));
    }
}

/// `Accept`: whatever is asked for, the answer is one of three forms, whole.
pub(crate) fn accept(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let failure = Failure::new(Reason::Overload).with_detail(String::from_utf8_lossy(bytes));
    let voice = Voice {
        accept: Some(&value),
        detailed: true,
        proxy_status: true,
        ..Voice::new("shop")
    };
    let answer = voice.answer(&failure);
    let kind = answer.headers()["content-type"].to_str().expect("a media type");
    let body = std::str::from_utf8(answer.body()).expect("it is text");
    match kind {
        "application/problem+json" => {
            assert!(body.starts_with('{') && body.trim_end().ends_with('}'));
            assert!(!body.trim_end().bytes().any(|byte| byte < b' ' && byte != b'\n'));
        }
        "text/html; charset=utf-8" => {
            assert!(!body.contains("<script"));
            // Nobody gets a page who did not ask for one.
            assert!(bytes.to_ascii_lowercase().windows(4).any(|word| word == b"html"));
        }
        "text/plain; charset=utf-8" => assert_eq!(body.trim_end().lines().count(), 1),
        other => panic!("{other} is no form of ours"),
    }
    assert_eq!(answer.headers()["content-length"], body.len().to_string());
}

/// `traceparent` and `tracestate`, one line each: afterwards there is a valid parent, and the state only of the same.
pub(crate) fn traceparent(bytes: &[u8]) {
    const PARENT: HeaderName = HeaderName::from_static("traceparent");
    const STATE: HeaderName = HeaderName::from_static("tracestate");
    let mut headers = HeaderMap::new();
    for (name, line) in [PARENT, STATE].into_iter().zip(lines(bytes)) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.insert(name, value);
        }
    }
    let before = headers.clone();
    let id = TraceId::take_up(&mut headers);
    let parent = headers[PARENT].as_bytes();
    assert!(is_parent(parent), "{parent:?}");
    assert_eq!(id.to_string().as_bytes(), &parent[3..35]);
    if before
        .get(PARENT)
        .is_some_and(|value| is_parent(value.as_bytes()))
    {
        assert_eq!(headers, before, "a valid parent is sent on as it came");
    } else {
        assert!(!headers.contains_key(STATE), "the state of another trace");
    }
    let once = headers.clone();
    assert_eq!(TraceId::take_up(&mut headers), id);
    assert_eq!(headers, once);
}

/// Trace Context §3.2.2, read once more by other means.
fn is_parent(value: &[u8]) -> bool {
    // What a later version adds may be anything that a field can hold.
    let text = String::from_utf8_lossy(value);
    let parts: Vec<_> = text.splitn(5, '-').collect();
    let [version, trace, span, flags, ..] = parts.as_slice() else {
        return false;
    };
    let is_hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|byte| byte != b'0');
    is_hex(version, 2)
        && *version != "ff"
        && is_id(trace, 32)
        && is_id(span, 16)
        && is_hex(flags, 2)
        && (parts.len() == 4 || *version != "00")
}
