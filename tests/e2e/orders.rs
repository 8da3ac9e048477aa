//! What is refused by order and by rate: told no, at once, with a time to come back.

use http::Method;

use crate::harness::{App, Client, Sidecar, empty, get, inbound_to, ok, outbound_to, request};

#[tokio::test]
async fn an_upstream_out_of_service_refuses_until_it_is_back() {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, "maintenance = true")).await;
    let client = Client::http1(sidecar.outbound()).await;
    let reply = client.ask(get("/")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason().unwrap()),
        (503, "maintenance".into())
    );
    let away: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((5..=15).contains(&away), "{away}");
    assert_eq!(app.accepted(), 0);

    let admin = Client::http1(sidecar.admin).await;
    let order = |query: &str| request(Method::POST, &format!("/maintenance?{query}"), empty());
    let told = admin.ask(order("upstream=orders&on=false")).await;
    assert_eq!(told.json()["orders"], false);
    assert_eq!(client.ask(get("/")).await.status, 200);

    admin.ask(order("on=true")).await;
    assert_eq!(client.ask(get("/")).await.status, 503);
    assert_eq!(sidecar.ask_admin("/maintenance").await.json()["orders"], true);
    assert_eq!(admin.ask(order("upstream=nobody&on=true")).await.status, 404);
    assert_eq!(admin.ask(order("upstream=orders")).await.status, 400);
}

#[tokio::test]
async fn the_app_beside_is_taken_out_of_service_alike() {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&inbound_to(app.addr, "maintenance = true")).await;
    let reply = Client::http1(sidecar.inbound()).await.ask(get("/")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason().unwrap()),
        (503, "maintenance".into())
    );
}

#[tokio::test]
async fn the_probe_takes_no_orders() {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, "")).await;
    let probe = Client::http1(sidecar.probe).await;
    let told = probe
        .ask(request(Method::POST, "/maintenance?on=true", empty()))
        .await;
    assert_eq!(told.status, 404);
}

#[tokio::test]
async fn what_comes_faster_than_the_rate_is_refused() {
    let app = App::http1(ok).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, r#"limit = { rate = "3/h" }"#)).await;
    let client = Client::http1(sidecar.outbound()).await;
    for _ in 0..3 {
        assert_eq!(client.ask(get("/")).await.status, 200);
    }
    let reply = client.ask(get("/")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason().unwrap()),
        (503, "rate_limited".into())
    );
    assert!(reply.headers.contains_key("retry-after"));
    assert_eq!(app.seen().len(), 3);
}
