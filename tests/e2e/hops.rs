//! Several hops in a row: who of them spoke, and whether one was met twice.

use http::Response;
use outrigger_faults::{Fault, Server};

use crate::harness::{App, Client, Pair, Relay, Sidecar, empty, get, ok, outbound_to};

#[tokio::test]
async fn an_upstreams_own_5xx_is_passed_untouched_and_signed_as_its_own() {
    for (fault, status, body) in [
        (Fault::ServiceUnavailable, 503, "not today"),
        (Fault::BadGateway, 502, "from the app"),
    ] {
        let server = Server::start(fault);
        let pair = Pair::start(server.addr()).await;
        let reply = pair.http1().await.ask(get("/")).await;
        assert_eq!((reply.status.as_u16(), &*reply.text()), (status, body));
        let members = reply.proxy_status();
        let names: Vec<_> = members.iter().map(|member| &*member.name).collect();
        assert_eq!(
            names,
            ["orders.shop", "web.shop"],
            "first the hop nearest to the origin"
        );
        for member in &members {
            assert_eq!(member.error, None);
            assert_eq!(member.received_status.map(|status| status.as_u16()), Some(status));
        }
        if status == 503 {
            assert_eq!(reply.field("retry-after"), "7");
        }
        let by = [("generated_by", "upstream"), ("reason", "upstream_status")];
        assert_eq!(
            pair.outbound.metrics().await.sum("outrigger_requests_total", &by),
            1.0
        );
    }
}

#[tokio::test]
async fn what_hops_behind_us_said_is_kept_and_ours_comes_last() {
    let app = App::http1(|_| async {
        let mut response = Response::new(empty());
        *response.status_mut() = http::StatusCode::BAD_GATEWAY;
        let theirs = "db.proxy; error=connection_timeout; details=\"no answer from the database\"";
        response
            .headers_mut()
            .insert("proxy-status", theirs.parse().unwrap());
        response
    })
    .await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, "")).await;
    let reply = Client::http1(sidecar.outbound()).await.ask(get("/")).await;
    let names: Vec<_> = reply
        .proxy_status()
        .iter()
        .map(|member| member.name.clone())
        .collect();
    assert_eq!(names, ["db.proxy", "web.shop"]);
    assert_eq!(
        reply.error().as_deref(),
        Some("connection_timeout"),
        "the first one with an error spoke"
    );
    assert_eq!(reply.details(), "no answer from the database");
}

#[tokio::test]
async fn the_failure_of_the_inner_hop_is_told_by_both_and_spoken_by_the_inner() {
    let server = Server::start(Fault::Refuse);
    let pair = Pair::start(server.addr()).await;
    let reply = pair.http1().await.ask(get("/")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.error().as_deref()),
        (502, Some("connection_refused"))
    );
    let members = reply.proxy_status();
    assert_eq!(
        (&*members[0].name, &*members[1].name),
        ("orders.shop", "web.shop")
    );
    assert_eq!(
        members[1].received_status.map(|status| status.as_u16()),
        Some(502)
    );
    assert!(
        members[0].details.as_ref().unwrap().contains("refused"),
        "a peer over mutual TLS may read it"
    );
}

#[tokio::test]
async fn a_request_that_comes_back_to_the_same_sidecar_is_a_loop() {
    let relay = Relay::start().await;
    let sidecar = Sidecar::start(&outbound_to(relay.addr, "")).await;
    relay.to(sidecar.outbound());
    let reply = Client::http1(sidecar.outbound()).await.ask(get("/")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.error().as_deref()),
        (502, Some("proxy_loop_detected"))
    );
    let loops = [("reason", "loop"), ("generated_by", "proxy")];
    assert_eq!(
        sidecar.metrics().await.sum("outrigger_requests_total", &loops),
        1.0
    );
}

#[tokio::test]
async fn another_instance_of_the_same_deployment_is_no_loop() {
    let app = App::http1(ok).await;
    let inner = Sidecar::start(&outbound_to(app.addr, "")).await;
    let outer = Sidecar::start(&outbound_to(inner.outbound(), "")).await;
    assert_eq!(
        Client::http1(outer.outbound()).await.ask(get("/")).await.text(),
        "ok"
    );
}
