//! The answer as its readers see it.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but sees none in their helpers

use std::time::Duration;

use http::HeaderValue;
use outrigger_gateway::{Failure, Reason, Voice};

fn refused() -> Failure {
    Failure::new(Reason::ConnectionRefused)
        .with_detail("10.0.0.7:8080 refused <the> \"connection\"")
        .at_upstream("orders".into())
        .at_endpoint("10.0.0.7:8080".into())
}

fn body(voice: Voice<'_>, accept: &'static str, failure: &Failure) -> String {
    let accept = HeaderValue::from_static(accept);
    let answer = Voice {
        accept: Some(&accept),
        ..voice
    }
    .answer(failure);
    assert_eq!(
        answer.headers()["content-length"],
        answer.body().len().to_string()
    );
    String::from_utf8(answer.into_body().into()).unwrap()
}

fn detailed() -> Voice<'static> {
    Voice {
        detailed: true,
        proxy_status: true,
        request_id: Some("r<1>"),
        ..Voice::new("cart.shop")
    }
}

#[test]
fn the_head_is_complete() {
    let failure = Failure::new(Reason::Overload).with_retry_after(Duration::from_millis(2_400));
    let answer = Voice {
        proxy_status: true,
        ..Voice::new("cart.shop")
    }
    .answer(&failure);

    assert_eq!(answer.status(), 503);
    let headers = answer.headers();
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["vary"], "accept");
    assert_eq!(headers["retry-after"], "3");
    assert_eq!(headers["proxy-status"], "cart.shop;error=proxy_internal_response");
    assert_eq!(headers["content-length"], answer.body().len().to_string());
}

#[test]
fn an_origin_has_no_proxy_status() {
    let answer = Voice::new("cart.shop").answer(&refused());
    assert!(!answer.headers().contains_key("proxy-status"));
}

#[test]
fn head_gets_the_length_without_the_body() {
    let get = detailed().answer(&refused());
    let head = Voice {
        head: true,
        ..detailed()
    }
    .answer(&refused());

    assert!(head.body().is_empty());
    assert_eq!(head.headers(), get.headers());
    assert_eq!(head.status(), get.status());
}

#[test]
fn programs_get_problem_json() {
    assert_eq!(
        body(detailed(), "application/json", &refused()),
        concat!(
            r#"{"type":"about:blank","title":"Bad Gateway","status":502,"#,
            r#""detail":"10.0.0.7:8080 refused <the> \"connection\"","reason":"connection_refused","#,
            r#""upstream":"orders","request_id":"r<1>"}"#,
            "\n"
        )
    );
    assert_eq!(
        body(Voice::new("cart.shop"), "*/*", &refused()),
        concat!(
            r#"{"type":"about:blank","title":"Bad Gateway","status":502,"#,
            r#""detail":"nobody listens at the service's address","reason":"connection_refused"}"#,
            "\n"
        )
    );
}

#[test]
fn browsers_get_a_page_that_comforts_and_escapes() {
    let page = body(detailed(), "text/html", &refused());

    assert!(page.starts_with("<!doctype html>"));
    for part in [
        "<title>502 Bad Gateway</title>",
        "It is not you.",
        "<strong>connection</strong>",
        "10.0.0.7:8080 refused &lt;the&gt; &quot;connection&quot;",
        "try again in 30 s",
        "connection_refused",
        "r&lt;1&gt;",
    ] {
        assert!(page.contains(part), "{part} not in {page}");
    }
}

#[test]
fn pages_name_the_wait_that_the_header_names() {
    let failure = Failure::new(Reason::Maintenance).with_retry_after(Duration::from_secs(90));
    let page = body(Voice::new("cart.shop"), "text/html", &failure);
    assert!(page.contains("try again in 90 s"));
}

#[test]
fn pages_comfort_nobody_whose_request_is_wrong() {
    let page = body(Voice::new("cart.shop"), "text/html", &Reason::BadRequest.into());
    assert!(page.contains("This request was not accepted."));
    assert!(!page.contains("not you") && !page.contains("try again"));
}

#[test]
fn pages_need_nothing_from_elsewhere() {
    for &reason in Reason::ALL {
        let page = body(Voice::new("cart.shop"), "text/html", &reason.into());
        assert!(!page.contains("http:") && !page.contains("src=") && !page.contains("<script"));
        assert!(page.len() < 1_500, "{} bytes", page.len());
    }
}

#[test]
fn other_text_gets_one_line() {
    assert_eq!(
        body(detailed(), "text/plain", &refused()),
        "502 connection_refused: 10.0.0.7:8080 refused <the> \"connection\" (request r<1>)\n"
    );
    let failure = Failure::new(Reason::Draining).with_detail("a\nb");
    assert_eq!(
        body(detailed(), "text/event-stream", &failure),
        "503 draining: a b; try again in 1 s (request r<1>)\n"
    );
}

#[test]
fn grpc_callers_get_trailers_only() {
    let failure = Failure::new(Reason::Overload).with_detail("queue full: 128 müde");
    let answer = Voice {
        grpc: true,
        ..detailed()
    }
    .answer(&failure);

    assert_eq!(answer.status(), 200);
    assert!(answer.body().is_empty());
    let headers = answer.headers();
    assert_eq!(headers["content-type"], "application/grpc");
    assert_eq!(headers["grpc-status"], "14");
    assert_eq!(headers["grpc-message"], "overload: queue full: 128 m%C3%BCde");
    assert_eq!(headers["grpc-retry-pushback-ms"], "1000");
    assert_eq!(
        headers["proxy-status"],
        r#"cart.shop;error=proxy_internal_response;details="queue full: 128 m?de""#
    );
    assert!(!headers.contains_key("content-length") && !headers.contains_key("retry-after"));
}
