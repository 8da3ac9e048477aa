//! Listeners of an upstream's own: what arrives there goes to it, whatever it is for.

use http::{Request, header::HOST};

use crate::harness::{App, Body, Client, Reply, Sidecar, empty, get, ok};

fn for_host(host: &str) -> Request<Body> {
    Request::builder()
        .uri("/")
        .header(HOST, host)
        .body(empty())
        .unwrap()
}

async fn ask(addr: std::net::SocketAddr, request: Request<Body>) -> Reply {
    Client::http1(addr).await.ask(request).await
}

#[tokio::test]
async fn requests_to_an_upstreams_own_listener_go_there_whatever_their_host() {
    let (orders, other) = (App::http1(ok).await, App::http1(ok).await);
    let config = format!(
        "name = \"web.shop\"\n[outbound]\nlisten = \"127.0.0.1:0\"\n\
         [[outbound.upstream]]\nname = \"orders\"\nlisten = \"127.0.0.1:0\"\nendpoints = [\"{}\"]\n\
         [[outbound.upstream]]\nname = \"other\"\nendpoints = [\"{}\"]\n",
        orders.addr, other.addr
    );
    let sidecar = Sidecar::start(&config).await;
    let [shared, own] = sidecar.outbounds[..] else {
        panic!("{:?}", sidecar.outbounds);
    };
    assert_eq!(ask(own, for_host("anything.at.all")).await.text(), "ok");
    assert_eq!(orders.saw().field("host"), "anything.at.all");
    assert!(other.seen().is_empty());

    // The listener for all has no way to it: it said nothing of hosts.
    assert_eq!(ask(shared, get("/b")).await.text(), "ok");
    assert_eq!(other.saw().uri.path(), "/b");
    assert_eq!(orders.seen().len(), 1);
}

#[tokio::test]
async fn an_upstream_with_hosts_is_reached_through_both_listeners() {
    let orders = App::http1(ok).await;
    let config = format!(
        "name = \"web.shop\"\n[outbound]\nlisten = \"127.0.0.1:0\"\n[[outbound.upstream]]\nname = \"orders\"\n\
         hosts = [\"orders\"]\nlisten = \"127.0.0.1:0\"\nendpoints = [\"{}\"]\n",
        orders.addr
    );
    let sidecar = Sidecar::start(&config).await;
    for addr in &sidecar.outbounds {
        assert_eq!(ask(*addr, for_host("orders")).await.text(), "ok");
    }
    let lost = ask(sidecar.outbound(), for_host("elsewhere")).await;
    assert_eq!(lost.reason().as_deref(), Some("no_route"));
    let metrics = sidecar.metrics().await;
    let answered = [("upstream", "orders"), ("reason", "upstream_status")];
    assert_eq!(metrics.sum("outrigger_requests_total", &answered), 2.0);
}
