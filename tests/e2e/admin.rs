//! What operators and kubelets ask: health, metrics, configuration, certificates.

use http::{Method, Request};

use crate::harness::{
    App, Body, Certificates, Client, Keys, LONG, Pair, Reply, Sidecar, empty, full, get, ok, outbound_to,
    pair, request, within,
};

/// A sidecar with an identity and a bit of traffic behind it.
async fn used() -> (App, Pair) {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    for _ in 0..3 {
        assert_eq!(pair.http1().await.ask(get("/")).await.status, 200);
    }
    (app, pair)
}

async fn as_text(addr: std::net::SocketAddr, path: &str) -> Reply {
    let mut asked: Request<Body> = get(path);
    asked
        .headers_mut()
        .insert("accept", "text/plain".parse().unwrap());
    Client::http1(addr).await.ask(asked).await
}

#[tokio::test]
async fn it_lives_and_is_ready_on_both_surfaces() {
    let (_app, pair) = used().await;
    for addr in [pair.inbound.admin, pair.inbound.probe] {
        for path in ["/livez", "/readyz"] {
            let reply = Client::http1(addr).await.ask(get(path)).await;
            assert_eq!(
                (reply.status.as_u16(), reply.field("content-type")),
                (200, "application/json"),
                "{path}"
            );
            assert!(reply.json().is_object(), "{path}");
            assert_eq!(as_text(addr, path).await.text(), "ok\n", "{path}");
        }
    }
}

#[tokio::test]
async fn prometheus_can_read_the_metrics_and_finds_what_is_documented() {
    let (_app, pair) = used().await;
    let reply = pair.outbound.ask_probe("/metrics").await;
    assert!(
        reply
            .field("content-type")
            .starts_with("text/plain; version=0.0.4"),
        "{reply:?}"
    );
    let text = reply.text();
    for name in [
        "outrigger_requests_total",
        "outrigger_request_duration_seconds",
        "outrigger_requests_in_flight",
        "outrigger_attempts_total",
        "outrigger_connections",
        "outrigger_handshakes_total",
        "outrigger_certificate_not_after_seconds",
        "outrigger_certificate_expires_in_seconds",
    ] {
        assert!(
            text.contains(&format!("# TYPE {name} ")),
            "{name} has no type:\n{text}"
        );
        assert!(
            text.contains(&format!("# HELP {name} ")),
            "{name} is not explained:\n{text}"
        );
    }
    let metrics = pair.outbound.metrics().await;
    let good = [
        ("direction", "outbound"),
        ("upstream", "orders"),
        ("status", "200"),
        ("generated_by", "upstream"),
    ];
    assert_eq!(metrics.sum("outrigger_requests_total", &good), 3.0);
    let upstream = [("direction", "outbound"), ("upstream", "orders")];
    assert_eq!(
        metrics.sum("outrigger_request_duration_seconds_count", &upstream),
        3.0
    );
    assert_eq!(metrics.sum("outrigger_requests_in_flight", &upstream), 0.0);
    assert_eq!(metrics.sum("outrigger_attempts_total", &upstream), 3.0);
    assert!(
        metrics.has("outrigger_request_duration_seconds_bucket"),
        "a histogram, so that it can be added up"
    );
    let shaken = metrics.sum(
        "outrigger_handshakes_total",
        &[("side", "client"), ("result", "ok")],
    );
    assert!(
        (1.0..=3.0).contains(&shaken),
        "one a worker, at most one a request: {shaken}"
    );
    let roles = metrics.values_of("outrigger_certificate_not_after_seconds", "role");
    assert_eq!(roles, ["anchor", "intermediate", "own"]);
    let own = metrics.sum("outrigger_certificate_expires_in_seconds", &[("role", "own")]);
    assert!((80_000.0..90_000.0).contains(&own), "a day: {own}");
}

#[tokio::test]
async fn the_effective_configuration_is_shown_with_defaults_and_without_secrets() {
    let (_app, pair) = used().await;
    let reply = pair.outbound.ask_admin("/config").await;
    let config = reply.json();
    assert_eq!(config["name"], "web.shop");
    assert_eq!(config["outbound"]["upstream"][0]["timeout"]["connect"], "1s");
    assert_eq!(config["drain"]["grace"], "25s");
    assert!(!reply.text().contains("PRIVATE KEY"));
    let text = as_text(pair.outbound.admin, "/config").await.text();
    assert!(
        text.contains("name = \"web.shop\"") && text.contains("connect = \"1s\""),
        "{text}"
    );
}

#[tokio::test]
async fn certificates_are_listed_with_role_names_and_end() {
    let (_app, pair) = used().await;
    let certs = pair.inbound.ask_admin("/certs").await.json();
    let own = certs
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["role"] == "own")
        .unwrap();
    assert_eq!(own["spiffe"], "spiffe://shop/ns/shop/sa/orders");
    assert_eq!(own["dns"][0], "orders.shop.svc");
    assert!(own["not_after"].as_str().unwrap().starts_with("20"), "{own}");
    assert!(own["expires_in_seconds"].as_i64().unwrap() > 80_000, "{own}");
    let text = as_text(pair.inbound.admin, "/certs").await.text();
    assert!(text.contains("own") && text.contains("orders"), "{text}");
}

#[tokio::test]
async fn without_an_identity_there_are_no_certificates() {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, "")).await;
    assert_eq!(sidecar.ask_admin("/certs").await.text(), "[]");
}

#[tokio::test]
async fn the_probe_surface_tells_nothing_of_the_configuration_and_changes_nothing() {
    let (_app, pair) = used().await;
    let client = Client::http1(pair.inbound.probe).await;
    for path in ["/config", "/certs", "/", "/drain"] {
        assert_eq!(client.ask(get(path)).await.status, 404, "{path}");
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        let reply = client.ask(request(Method::POST, path, full("x"))).await;
        assert_eq!(reply.status, 405, "{path}");
        assert_eq!(
            client.ask(request(Method::HEAD, path, empty())).await.status,
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_sidecar_that_sheds_load_still_says_that_it_lives() {
    let hanging = App::http1(|_| std::future::pending()).await;
    let keys = "limit = { in_flight = 1, queue = 0 }";
    let sidecar = Sidecar::start(&outbound_to(hanging.addr, keys)).await;
    let client = Client::http1(sidecar.outbound()).await;
    let held = tokio::spawn(async move { client.try_send(get("/")).await.map(drop) });
    crate::harness::eventually("the place to be taken", async || hanging.seen().first().cloned()).await;
    let refused = Client::http1(sidecar.outbound()).await.ask(get("/")).await;
    assert_eq!(refused.status, 503);
    assert_eq!(sidecar.ask_probe("/livez").await.status, 200);
    assert_eq!(sidecar.ask_probe("/readyz").await.status, 200);
    held.abort();
}

#[tokio::test]
async fn the_probe_surface_can_be_switched_off() {
    let app = App::http1(ok).await;
    let folder = tempfile::tempdir().unwrap();
    let config =
        outbound_to(app.addr, "") + "[admin]\nlisten = \"127.0.0.1:0\"\n[probe]\nlisten = \"none\"\n";
    std::fs::write(folder.path().join("o.toml"), config).unwrap();
    let output = crate::harness::run_to_end(folder.path(), &["check", "--config", "o.toml"]).await;
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("listen = \"none\""), "{shown}");
}

#[tokio::test]
async fn log_lines_are_json_and_say_which_request_failed() {
    let server = outrigger_faults::Server::start(outrigger_faults::Fault::Refuse);
    let sidecar = Sidecar::start(&outbound_to(server.addr(), "")).await;
    let mut asked = get("/items/7?token=secret");
    asked
        .headers_mut()
        .insert("authorization", "Bearer secret".parse().unwrap());
    asked
        .headers_mut()
        .insert("cookie", "session=secret".parse().unwrap());
    let reply = Client::http1(sidecar.outbound()).await.ask(asked).await;
    let line = sidecar.access_line(|_| true).await;
    assert_eq!(
        (line["method"].as_str(), line["path"].as_str()),
        (Some("GET"), Some("/items/7"))
    );
    assert_eq!(line["host"], "orders.shop.svc");
    assert_eq!(
        line["trace_id"],
        reply.json()["request_id"],
        "the caller can name the line"
    );
    for number in [
        "status",
        "attempts",
        "total_ms",
        "connect_ms",
        "request_bytes",
        "response_bytes",
    ] {
        assert!(line[number].is_number(), "{number}: {line}");
    }
    assert!(
        !sidecar.log.text().contains("secret"),
        "neither query nor credentials are logged"
    );
}

#[tokio::test]
async fn the_access_log_tells_all_failures_or_nothing_as_asked() {
    let app = App::http1(ok).await;
    for (access, lines) in [("all", 1), ("failures", 0), ("off", 0)] {
        let config = outbound_to(app.addr, "") + &format!("[log]\naccess = \"{access}\"\n");
        let mut sidecar = Sidecar::start(&config).await;
        let client = Client::http1(sidecar.outbound()).await;
        assert_eq!(client.ask(get("/")).await.status, 200);
        drop(client);
        sidecar.signal("INT");
        sidecar.ended().await;
        sidecar.log.to_end().await;
        let told = sidecar
            .log
            .records()
            .iter()
            .filter(|line| line["target"] == "access")
            .count();
        assert_eq!(told, lines, "{access}");
    }
}

#[tokio::test]
async fn an_expired_certificate_of_our_own_is_said_at_the_start() {
    let certificates = Certificates::new();
    let app = App::http1(ok).await;
    let listen = "127.0.0.1:0".parse().unwrap();
    let good = pair::inbound(&certificates, listen, app.addr, Keys::default());
    let rest = &good[good.find("[[inbound]]").unwrap()..];
    let identity = certificates.faulty_identity("orders", outrigger_certs_dev::Fault::Expired);
    let sidecar = Sidecar::start(&format!("name = \"orders.shop\"\n{identity}{rest}")).await;
    let said = sidecar.log.find(|line| line.to_string().contains("expired"));
    let said = within(LONG, "a line about it", said).await.unwrap();
    assert!(said.to_string().contains("CN=orders"), "{said}");
    assert_ne!(said["level"], "INFO", "{said}");
    let left = sidecar
        .metrics()
        .await
        .sum("outrigger_certificate_expires_in_seconds", &[("role", "own")]);
    assert!(left < 0.0, "{left}");
}
