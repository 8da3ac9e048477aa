//! How a failure is told: to whom how much, and in which form.

use http::Method;
use outrigger_faults::{Fault, Server};

use crate::harness::{Client, Reply, Sidecar, empty, get, inbound_to, outbound_to, request};

/// The reply of a sidecar whose upstream refuses connections.
async fn refused(details: &str, accept: &str) -> (Reply, String) {
    let server = Server::start(Fault::Refuse);
    let config = format!("details = \"{details}\"\n{}", outbound_to(server.addr(), ""));
    let sidecar = Sidecar::start(&config).await;
    let mut asked = get("/");
    if !accept.is_empty() {
        asked.headers_mut().insert("accept", accept.parse().unwrap());
    }
    let reply = Client::http1(sidecar.outbound()).await.ask(asked).await;
    assert_eq!(
        (reply.status.as_u16(), reply.error().as_deref()),
        (502, Some("connection_refused"))
    );
    (reply, server.addr().to_string())
}

#[tokio::test]
async fn never_tells_status_and_token_and_nothing_of_the_inside() {
    for accept in ["", "text/html", "text/plain"] {
        let (reply, addr) = refused("never", accept).await;
        assert_eq!(reply.details(), "");
        let everything = format!("{:?} {}", reply.headers, reply.text());
        assert!(
            !everything.contains(&addr) && !everything.contains("\"orders\""),
            "{everything}"
        );
        assert!(everything.contains("connection_refused"), "{everything}");
    }
}

#[tokio::test]
async fn always_and_on_loopback_auto_tell_the_sentence() {
    for details in ["always", "auto"] {
        let (reply, addr) = refused(details, "").await;
        assert!(reply.details().contains(&addr), "{details}: {}", reply.details());
        let problem = reply.json();
        assert!(problem["detail"].as_str().unwrap().contains(&addr), "{problem}");
        assert_eq!(problem["upstream"], "orders");
    }
}

#[tokio::test]
async fn whoever_says_nothing_or_accepts_json_gets_a_problem_document() {
    for accept in [
        "",
        "*/*",
        "application/json",
        "application/problem+json;q=0.9, text/html;q=0.1",
    ] {
        let (reply, _) = refused("auto", accept).await;
        assert_eq!(
            reply.field("content-type"),
            "application/problem+json",
            "{accept}"
        );
        let problem = reply.json();
        assert_eq!(problem["status"], 502);
        assert_eq!(problem["title"], "Bad Gateway");
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["reason"], "connection_refused");
        assert_eq!(problem["request_id"].as_str().unwrap().len(), 32);
        assert_eq!(reply.field("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_browser_gets_a_page_that_does_not_blame_its_reader() {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let (reply, _) = refused("auto", browser).await;
    assert!(
        reply.field("content-type").starts_with("text/html"),
        "{:?}",
        reply.headers
    );
    let page = reply.text();
    for text in [
        "<!doctype html>",
        "It is not you",
        "try again in",
        "502 Bad Gateway",
    ] {
        assert!(page.contains(text), "no {text:?} in\n{page}");
    }
}

#[tokio::test]
async fn whoever_accepts_text_alone_gets_one_line() {
    let (reply, _) = refused("auto", "text/plain").await;
    assert!(
        reply.field("content-type").starts_with("text/plain"),
        "{:?}",
        reply.headers
    );
    let line = reply.text();
    assert!(
        line.starts_with("502 connection_refused: ") && line.lines().count() == 1,
        "{line}"
    );
}

#[tokio::test]
async fn an_error_to_head_has_the_length_and_no_body() {
    let server = Server::start(Fault::Refuse);
    let sidecar = Sidecar::start(&outbound_to(server.addr(), "")).await;
    for client in [
        Client::http1(sidecar.outbound()).await,
        Client::http2(sidecar.outbound()).await,
    ] {
        let reply = client.ask(request(Method::HEAD, "/", empty())).await;
        assert_eq!(
            (reply.status.as_u16(), reply.error().as_deref()),
            (502, Some("connection_refused"))
        );
        assert!(reply.body.is_empty() && reply.cut.is_none());
        assert!(
            reply.field("content-length").parse::<usize>().unwrap() > 50,
            "{reply:?}"
        );
        assert_eq!(
            client.ask(get("/")).await.status,
            502,
            "the connection is still in step"
        );
    }
}

#[tokio::test]
async fn a_request_for_nobody_is_told_that_there_is_no_route() {
    let server = Server::start(Fault::None);
    let config = outbound_to(
        server.addr(),
        "hosts = [\"orders\", \"*.shop.svc\"]\npaths = [\"/api\"]",
    );
    let sidecar = Sidecar::start(&config).await;
    let client = Client::http1(sidecar.outbound()).await;
    assert_eq!(
        client.ask(get("/api/items")).await.status,
        200,
        "orders.shop.svc is under *.shop.svc"
    );
    for uri in [
        "http://orders.shop.svc/other",
        "http://elsewhere/api",
        "http://shop.svc/api",
    ] {
        let mut asked = get("/");
        *asked.uri_mut() = uri.parse().unwrap();
        let reply = client.ask(asked).await;
        let told = (reply.status.as_u16(), reply.error(), reply.reason());
        assert_eq!(
            told,
            (500, Some("destination_not_found".into()), Some("no_route".into())),
            "{uri}"
        );
    }
    for host in ["ORDERS:8080", "orders.", "a.b.shop.svc"] {
        let mut asked = get("/api");
        *asked.uri_mut() = format!("http://{host}/api").parse().unwrap();
        assert_eq!(client.ask(asked).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn the_deployment_is_named_never_the_product() {
    let server = Server::start(Fault::Refuse);
    let sidecar = Sidecar::start(&inbound_to(server.addr(), "")).await;
    let reply = Client::http1(sidecar.inbound()).await.ask(get("/")).await;
    assert_eq!(reply.proxy_status()[0].name, "orders.shop");
    let everything = format!("{:?} {}", reply.headers, reply.text()).to_lowercase();
    assert!(
        !everything.contains("outrigger") && !everything.contains("hyper"),
        "{everything}"
    );
}
