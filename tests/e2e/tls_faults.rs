//! TLS goes wrong: each way of it has a name of its own, and is never "connection refused".

mod handshakes;

use outrigger_certs_dev::{Fault as Flaw, Issued, RevocationLists, Usage};
use outrigger_faults::{Fault, Server};

use crate::harness::{App, Certificates, Client, Reply, Sidecar, get, ok, presenting};

/// A healthy server with this certificate, whatever is wrong with it.
fn server(issued: &Issued) -> Server {
    Server::start_tls(Fault::None, presenting(issued, b"http/1.1"))
}

/// A sidecar whose upstream is `orders` at `server`; `tls` says what is expected of it.
async fn sidecar(certificates: &Certificates, server: &Server, tls: &str) -> Sidecar {
    let (identity, addr) = (certificates.identity("web"), server.addr());
    sidecar_with(&identity, addr, tls).await
}

async fn sidecar_with(identity: &str, addr: std::net::SocketAddr, tls: &str) -> Sidecar {
    let config = format!(
        "name = \"web.shop\"\n{identity}[outbound]\nlisten = \"127.0.0.1:0\"\n[[outbound.upstream]]\nname = \"orders\"\n\
         endpoints = [\"{addr}\"]\ntls = {tls}\n"
    );
    Sidecar::start(&config).await
}

const BY_NAME: &str = r#"{ server_name = "orders.shop.svc" }"#;
const BY_ID: &str = r#"{ spiffe = ["spiffe://shop/ns/shop/sa/orders"] }"#;

async fn ask(sidecar: &Sidecar) -> Reply {
    Client::http1(sidecar.outbound()).await.ask(get("/")).await
}

/// It was told so to the caller, counted so among requests and among handshakes, and logged so.
async fn told(sidecar: &Sidecar, reply: &Reply, reason: &str, words: &[&str]) {
    let told = (reply.status.as_u16(), reply.error(), reply.reason());
    let expected = (
        502,
        Some("tls_certificate_error".to_owned()),
        Some(reason.to_owned()),
    );
    assert_eq!(told, expected, "{}", reply.details());
    for word in words {
        assert!(
            reply.details().contains(word),
            "{reason}: no {word:?} in {:?}",
            reply.details()
        );
    }
    let line = sidecar.access_line(|_| true).await;
    assert_eq!(
        (line["reason"].as_str(), line["status"].as_u64()),
        (Some(reason), Some(502)),
        "{line}"
    );
    let metrics = sidecar.metrics().await;
    assert_eq!(
        metrics.sum("outrigger_requests_total", &[("reason", reason)]),
        1.0
    );
    assert_eq!(
        metrics.sum(
            "outrigger_handshakes_total",
            &[("side", "client"), ("result", reason)]
        ),
        1.0
    );
}

#[tokio::test]
async fn each_flaw_of_a_servers_certificate_is_told_as_what_it_is() {
    #[rustfmt::skip]
    let table: &[(Flaw, &str, &str, &[&str])] = &[
        // the certificate            what is expected   reason                       what the sentence says
        (Flaw::Expired,               BY_NAME,           "certificate_expired",       &["expired 1 h", "CN=orders", "notAfter 20"]),
        (Flaw::ExpiredIntermediate,   BY_NAME,           "certificate_expired",       &["an intermediate", "notAfter 20"]),
        (Flaw::NotYetValid,           BY_NAME,           "certificate_not_yet_valid", &["notBefore 20", "is a clock wrong?"]),
        (Flaw::WrongName,             BY_NAME,           "certificate_wrong_name",    &["wrong-name.invalid", "expected orders.shop.svc"]),
        (Flaw::WrongName,             BY_ID,             "certificate_wrong_name",    &["spiffe://wrong-name.invalid/wrong", "expected spiffe://shop/ns/shop/sa/orders"]),
        (Flaw::NoNames,               BY_NAME,           "certificate_wrong_name",    &["no DNS name", "expected orders.shop.svc"]),
        (Flaw::TwoSpiffeIds,          BY_ID,             "certificate_wrong_name",    &["several URI names"]),
        (Flaw::ForeignCa,             BY_NAME,           "certificate_unknown_ca",    &["CN=orders", "nor in the bundle"]),
        (Flaw::SelfSigned,            BY_NAME,           "certificate_unknown_ca",    &["CN=orders", "self-signed"]),
        (Flaw::MissingIntermediate,   BY_NAME,           "certificate_unknown_ca",    &["CN=orders", "neither in the chain it sent"]),
        (Flaw::WrongUsage,            BY_NAME,           "certificate_wrong_usage",   &["CN=orders", "may not be used by servers"]),
    ];
    let certificates = Certificates::new();
    for (flaw, expected, reason, words) in table {
        let orders = Certificates::workload("orders");
        let server = server(&certificates.authority.issue_faulty(*flaw, &orders).unwrap());
        let sidecar = sidecar(&certificates, &server, expected).await;
        told(&sidecar, &ask(&sidecar).await, reason, words).await;
    }
}

#[tokio::test]
async fn a_key_that_is_not_the_certificates_fails_the_handshake() {
    let certificates = Certificates::new();
    let orders = Certificates::workload("orders");
    let server = server(
        &certificates
            .authority
            .issue_faulty(Flaw::MismatchedKey, &orders)
            .unwrap(),
    );
    let reply = ask(&sidecar(&certificates, &server, BY_NAME).await).await;
    assert_eq!(reply.status, 502);
    assert_eq!(
        reply.error().as_deref(),
        Some("tls_certificate_error"),
        "{}",
        reply.details()
    );
}

#[tokio::test]
async fn a_certificate_for_clients_alone_is_no_servers() {
    let certificates = Certificates::new();
    let orders = Certificates::workload("orders").with_usage(Usage::Client);
    let server = server(&certificates.authority.issue(&orders).unwrap());
    let sidecar = sidecar(&certificates, &server, BY_NAME).await;
    told(
        &sidecar,
        &ask(&sidecar).await,
        "certificate_wrong_usage",
        &["ClientAuth"],
    )
    .await;
}

#[tokio::test]
async fn a_revoked_certificate_is_told_with_its_serial_number() {
    let certificates = Certificates::new();
    let issued = certificates
        .authority
        .issue(&Certificates::workload("orders"))
        .unwrap();
    let lists: RevocationLists = certificates.authority.revoke([issued.serial()]).unwrap();
    let web = certificates
        .authority
        .issue(&Certificates::workload("web"))
        .unwrap();
    let crl = certificates.write("web", &web).join("crl.pem");
    std::fs::write(&crl, lists.pem()).unwrap();
    let identity = format!(
        "{}crl = [{:?}]\n",
        certificates.identity_of("web", &web),
        crl.display().to_string()
    );
    let server = server(&issued);
    let sidecar = sidecar_with(&identity, server.addr(), BY_NAME).await;
    let serial: String = issued.serial().iter().map(|byte| format!("{byte:02x}")).collect();
    told(&sidecar, &ask(&sidecar).await, "certificate_revoked", &[&serial]).await;
}

#[tokio::test]
async fn a_good_certificate_is_taken_by_name_and_by_id() {
    let certificates = Certificates::new();
    let server = server(
        &certificates
            .authority
            .issue(&Certificates::workload("orders"))
            .unwrap(),
    );
    for expected in [BY_NAME, BY_ID] {
        let sidecar = sidecar(&certificates, &server, expected).await;
        assert_eq!(ask(&sidecar).await.text(), "ok", "{expected}");
        let handshakes = [("side", "client"), ("result", "ok")];
        assert_eq!(
            sidecar
                .metrics()
                .await
                .sum("outrigger_handshakes_total", &handshakes),
            1.0
        );
    }
}

#[tokio::test]
async fn a_server_without_tls_is_told_so() {
    let certificates = Certificates::new();
    let app = App::http1(ok).await;
    let sidecar = sidecar_with(&certificates.identity("web"), app.addr, BY_NAME).await;
    let reply = ask(&sidecar).await;
    let told = (reply.status.as_u16(), reply.error(), reply.reason());
    assert_eq!(
        told,
        (
            502,
            Some("tls_protocol_error".into()),
            Some("tls_protocol".into())
        )
    );
    assert!(
        reply.details().contains("does not speak TLS"),
        "{}",
        reply.details()
    );
}

#[tokio::test]
async fn a_server_with_tls_behind_a_plaintext_upstream_is_told_so() {
    let certificates = Certificates::new();
    let server = server(
        &certificates
            .authority
            .issue(&Certificates::workload("orders"))
            .unwrap(),
    );
    let sidecar = Sidecar::start(&crate::harness::outbound_to(server.addr(), "")).await;
    let reply = ask(&sidecar).await;
    let told = (reply.status.as_u16(), reply.error(), reply.reason());
    assert_eq!(
        told,
        (
            502,
            Some("http_protocol_error".into()),
            Some("protocol_error".into())
        )
    );
    assert!(
        reply.details().contains("the upstream speaks TLS"),
        "{}",
        reply.details()
    );
}

#[tokio::test]
async fn what_breaks_a_handshake_is_told_apart() {
    let certificates = Certificates::new();
    #[rustfmt::skip]
    let table = [
        (Fault::Refuse,            502, "connection_refused",     "connection_refused"),
        (Fault::Blackhole,         504, "connection_timeout",     "connection_timeout"),
        (Fault::Silence,           504, "connection_timeout",     "connection_timeout"),
        (Fault::CloseOnFirstBytes, 502, "tls_protocol_error",     "tls_protocol"),
        (Fault::ResetOnFirstBytes, 502, "connection_terminated",  "closed_before_response"),
        (Fault::SshBanner,         502, "tls_protocol_error",     "tls_protocol"),
        (Fault::TlsAlert(40),      502, "tls_alert_received",     "tls_alert"),
        (Fault::TlsAlert(112),     502, "tls_alert_received",     "tls_alert"),
    ];
    for (fault, status, error, reason) in table {
        let server = Server::start(fault);
        let sidecar = sidecar(&certificates, &server, BY_NAME).await;
        let reply = ask(&sidecar).await;
        let told = (reply.status.as_u16(), reply.error(), reply.reason());
        assert_eq!(
            told,
            (status, Some(error.into()), Some(reason.into())),
            "{fault:?}: {}",
            reply.details()
        );
    }
}
