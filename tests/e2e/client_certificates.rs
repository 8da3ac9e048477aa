//! The peer refuses OUR certificate. Under TLS 1.3 it says so only after our handshake is done, and it is told as
//! `tls_alert_received` all the same, every time.

use http::Method;
use outrigger_certs_dev::Fault;
use outrigger_faults::{Fault as ServerFault, Server};

use crate::harness::{App, Certificates, Client, Keys, Sidecar, eventually, full, get, ok, pair, request};

/// Who calls, with what certificate, and what the inbound sidecar says to that.
struct Refused {
    inbound: Sidecar,
    outbound: Sidecar,
    _app: App,
}

/// An inbound sidecar that demands certificates, and an outbound one that has `identity`.
async fn refused(certificates: &Certificates, identity: &str, keys: &str, mode: &str) -> Refused {
    let app = App::http1(ok).await;
    let listen = "127.0.0.1:0".parse().unwrap();
    let inbound = pair::inbound(certificates, listen, app.addr, Keys::default());
    let inbound = Sidecar::start(&inbound).await;
    let addr = inbound.inbound();
    let outbound = format!(
        "name = \"web.shop\"\n{identity}[outbound]\nlisten = \"127.0.0.1:0\"\n[[outbound.upstream]]\nname = \"orders\"\n\
         endpoints = [\"{addr}\"]\ntls = {{ mode = \"{mode}\", server_name = \"orders.shop.svc\" }}\n\
         breaker = {{ failures = 0 }}\n{keys}\n"
    );
    Refused {
        inbound,
        outbound: Sidecar::start(&outbound).await,
        _app: app,
    }
}

impl Refused {
    /// Asks `times`, with a body every other time; each answer is the alert.
    async fn told(&self, times: usize, alert: &str, id: i64) {
        let client = Client::http1(self.outbound.outbound()).await;
        for turn in 0..times {
            let asked = match turn % 2 {
                0 => get("/"),
                _ => request(Method::POST, "/", full(vec![b'x'; 100_000])),
            };
            let reply = client.ask(asked).await;
            let told = (reply.status.as_u16(), reply.error(), reply.reason());
            let expected = (502, Some("tls_alert_received".into()), Some("tls_alert".into()));
            assert_eq!(told, expected, "turn {turn}: {}", reply.details());
            let members = reply.proxy_status();
            assert_eq!(
                members[0].extra.get("alert-id"),
                Some(outrigger_gateway::Extra::Integer(id))
            );
            assert_eq!(
                members[0].extra.get("alert-message"),
                Some(outrigger_gateway::Extra::Token(alert.into()))
            );
        }
        let alerts = [("reason", "tls_alert"), ("status", "502")];
        assert_eq!(
            self.outbound
                .metrics()
                .await
                .sum("outrigger_requests_total", &alerts),
            times as f64
        );
    }
}

#[tokio::test]
async fn a_certificate_of_a_foreign_authority_is_told_fifty_times_of_fifty() {
    for protocol in ["http1", "http2", "auto"] {
        let certificates = Certificates::new();
        let identity = foreign_identity(&certificates);
        let keys = format!("protocol = \"{protocol}\"");
        let refused = refused(&certificates, &identity, &keys, "mutual").await;
        refused.told(50, "unknown_ca", 48).await;
        let counted = [("side", "server"), ("result", "certificate_unknown_ca")];
        assert!(
            refused
                .inbound
                .metrics()
                .await
                .sum("outrigger_handshakes_total", &counted)
                >= 50.0
        );
    }
}

/// A certificate of somebody else's authority, whose bearer trusts ours.
fn foreign_identity(certificates: &Certificates) -> String {
    certificates.faulty_identity("web", Fault::ForeignCa)
}

#[tokio::test]
async fn no_certificate_at_all_is_told_each_time() {
    for protocol in ["http1", "http2"] {
        let certificates = Certificates::new();
        let keys = format!("protocol = \"{protocol}\"");
        let refused = refused(&certificates, &certificates.identity("web"), &keys, "server").await;
        refused.told(20, "certificate_required", 116).await;
    }
}

#[tokio::test]
async fn an_expired_certificate_is_told_each_time_with_its_date() {
    for protocol in ["http1", "http2"] {
        let certificates = Certificates::new();
        let identity = certificates.faulty_identity("web", Fault::Expired);
        let keys = format!("protocol = \"{protocol}\"");
        let refused = refused(&certificates, &identity, &keys, "mutual").await;
        refused.told(20, "certificate_expired", 45).await;
        let reply = Client::http1(refused.outbound.outbound())
            .await
            .ask(get("/"))
            .await;
        assert!(
            reply.details().contains("CN=web") && reply.details().contains("20"),
            "{}",
            reply.details()
        );
        let warned = refused.outbound.log.text();
        assert!(warned.contains("expired"), "its own log warns of it: {warned}");
    }
}

#[tokio::test]
async fn the_side_that_refuses_says_whom_and_why() {
    let certificates = Certificates::new();
    let refused = refused(&certificates, &foreign_identity(&certificates), "", "mutual").await;
    refused.told(1, "unknown_ca", 48).await;
    let line = refused
        .inbound
        .log
        .find(|line| line["message"] == "a client was not let in")
        .await
        .unwrap();
    assert_eq!(line["result"], "certificate_unknown_ca");
    assert!(line["detail"].as_str().unwrap().contains("CN=web"), "{line}");
}

#[tokio::test]
async fn plaintext_at_a_tls_listener_is_refused_and_counted() {
    let certificates = Certificates::new();
    let server = Server::start(ServerFault::None);
    let listen = "127.0.0.1:0".parse().unwrap();
    let config = pair::inbound(&certificates, listen, server.addr(), Keys::default());
    let inbound = Sidecar::start(&config).await;
    let sent = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = outrigger_faults::exchange(inbound.inbound(), sent).await.unwrap();
    assert_eq!(answer.status(), None, "no HTTP comes back: {}", answer.text());
    assert_eq!(server.accepted(), 0, "nothing of it reaches the app");
    eventually("the handshake to be counted", async || {
        let metrics = inbound.metrics().await;
        let result = |labels: &[(&str, &str)]| metrics.sum("outrigger_handshakes_total", labels);
        assert_eq!(result(&[("side", "server"), ("result", "ok")]), 0.0);
        (result(&[("side", "server")]) == 1.0).then_some(())
    })
    .await;
}
