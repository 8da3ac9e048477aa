//! What is done to each request, in this order: refuse what is wrong, take out what ends here, say who passed it on.

use std::sync::{Arc, LazyLock};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Version,
    header::{CONTENT_LENGTH, COOKIE, EXPECT, MAX_FORWARDS, TRANSFER_ENCODING},
    uri::PathAndQuery,
};
use outrigger_gateway::{Failure, Reason};

use super::{
    authority::{self, bad},
    client::{Client, join},
    fields::{Kinds, elements, oddity, strip_request},
    last::LastRecipient,
    upgrade::Upgrade,
    via::Name,
};

static STRANGER: LazyLock<Client> = LazyLock::new(Client::default);

/// Makes a request that came to us one that may go on; `name` is who we are in `Via`.
///
/// # Errors
/// For every request that must not go on, with the reason. What is left of its head then is of no use.
pub fn receive<A>(request: &mut Request<A>, name: &Name) -> Result<(), Failure> {
    if request.method() == Method::CONNECT {
        return Err(Failure::new(Reason::NotImplemented).with_detail("this hop opens no tunnels: CONNECT"));
    }
    let host = authority::settle(request)?;
    check_target(request)?;
    if request.version() >= Version::HTTP_2
        && let Some(oddity) = oddity(request.headers())
    {
        return Err(bad(oddity));
    }
    settle_length(request.headers_mut())?;
    let found = Kinds::in_headers(request.headers());
    if found.has(Kinds::ACTED_ON) {
        name.check(request.headers())?;
        count_down(request)?;
        consume_expectation(request)?;
        join_cookies(request.headers_mut());
    }
    if found.has(Kinds::HOP_BY_HOP) {
        check_codings(request.headers())?;
        let upgrade = Upgrade::asked(request);
        strip_request(request.headers_mut());
        if let Some(upgrade) = upgrade {
            request.extensions_mut().insert(upgrade);
        }
    }
    let version = request.version();
    name.append(request.headers_mut(), version);
    introduce_client(request, found, host);
    Ok(())
}

/// Origin form, or `*` for `OPTIONS` alone (RFC 9112 §3.2, RFC 9113 §8.3.1). Of a `:path` that is a mere fragment
/// nothing is left, and sent on it would make no request line.
fn check_target<A>(request: &Request<A>) -> Result<(), Failure> {
    let target = request.uri().path_and_query().map(PathAndQuery::as_str);
    match target.filter(|_| !request.uri().path().is_empty()) {
        Some("*") if request.method() == Method::OPTIONS => Ok(()),
        Some(target) if target.starts_with('/') => Ok(()),
        _ => Err(bad("the request's target is no path")),
    }
}

/// One length, in digits that nobody takes for another number: what frames a message is never passed on as it came.
fn settle_length(headers: &mut HeaderMap) -> Result<(), Failure> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else {
        return Ok(());
    };
    let length = digits(first);
    let differs = lengths.any(|other| digits(other) != length);
    let Some(length) = length.filter(|_| !differs) else {
        return Err(bad("the request's Content-Length is no length"));
    };
    let plain = !first.as_bytes().starts_with(b"0") || first.len() == 1;
    if !plain || headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(())
}

/// What a value that is digits alone says.
fn digits(value: &HeaderValue) -> Option<u64> {
    let digits = value.to_str().ok()?;
    let number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| number)
}

/// The body was read as `chunked`; what else was done to it would get lost with the field (RFC 9112 §6.1, §7).
fn check_codings(headers: &HeaderMap) -> Result<(), Failure> {
    let codings = headers.get_all(TRANSFER_ENCODING).iter().flat_map(elements);
    let (chunked, others): (Vec<_>, Vec<_>) =
        codings.partition(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    if !others.is_empty() {
        let detail = "the request's body has a transfer coding other than chunked";
        return Err(Failure::new(Reason::NotImplemented).with_detail(detail));
    }
    if chunked.len() > 1 {
        return Err(bad("the request's body is chunked twice"));
    }
    Ok(())
}

fn introduce_client<A>(request: &mut Request<A>, found: Kinds, host: HeaderValue) {
    let client = request.extensions().get::<Arc<Client>>().cloned();
    let client = client.as_deref().unwrap_or(&STRANGER);
    client.introduce(request.headers_mut(), found, host);
}

/// `Max-Forwards` counts hops for TRACE and OPTIONS only (RFC 9110 §7.6.2); an unreadable one counts none.
fn count_down<A>(request: &mut Request<A>) -> Result<(), Failure> {
    if !matches!(*request.method(), Method::OPTIONS | Method::TRACE) {
        return Ok(());
    }
    let left = request
        .headers()
        .get(MAX_FORWARDS)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match left {
        None => Ok(()),
        Some(0) => Err(LastRecipient::of_request(request)),
        Some(left) => {
            request
                .headers_mut()
                .insert(MAX_FORWARDS, HeaderValue::from(left - 1));
            Ok(())
        }
    }
}

/// The server above us answers `100-continue` as the body is first read, so the next hop is not asked again.
/// HTTP/1.0 knows no expectations (RFC 9110 §10.1.1).
fn consume_expectation<A>(request: &mut Request<A>) -> Result<(), Failure> {
    let heeded = request.version() > Version::HTTP_10;
    if heeded && expects_more(request.headers()) {
        let detail = "the request expects something other than 100-continue";
        return Err(Failure::new(Reason::ExpectationFailed).with_detail(detail));
    }
    request.headers_mut().remove(EXPECT);
    Ok(())
}

fn expects_more(headers: &HeaderMap) -> bool {
    let mut expectations = headers.get_all(EXPECT).iter().flat_map(elements);
    expectations.any(|expected| !expected.eq_ignore_ascii_case(b"100-continue"))
}

/// HTTP/2 may split `Cookie` into crumbs; HTTP/1.1 must get them in one piece (RFC 9113 §8.2.3). Empty ones say
/// nothing, and would leave white space at an end, where HTTP/2 forbids it.
fn join_cookies(headers: &mut HeaderMap) {
    const NAME: HeaderName = COOKIE;
    if headers.get_all(NAME).iter().nth(1).is_none() {
        return;
    }
    let crumbs = || headers.get_all(NAME).iter().filter(|crumb| !crumb.is_empty());
    let whole = join(crumbs(), b"; ").or_else(|| crumbs().next().cloned());
    match whole {
        Some(whole) => drop(headers.insert(NAME, whole)),
        None => drop(headers.remove(NAME)),
    }
}
