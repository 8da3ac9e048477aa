//! Who may call: a SPIFFE ID against the list of the listener.

use crate::harness::{App, Keys, Pair, get, ok};

async fn asked(allow: &str) -> (crate::harness::Reply, App, Pair) {
    let app = App::http1(ok).await;
    let inbound = format!("allow = {allow}");
    let keys = Keys {
        inbound: &inbound,
        ..Keys::default()
    };
    let pair = Pair::with(app.addr, keys).await;
    let reply = pair.http1().await.ask(get("/")).await;
    (reply, app, pair)
}

#[tokio::test]
async fn a_caller_on_the_list_comes_in() {
    for allow in [
        r#"["spiffe://shop/ns/shop/sa/web"]"#,
        r#"["spiffe://shop/ns/other/*", "spiffe://shop/ns/shop/*"]"#,
        "[]",
    ] {
        let (reply, ..) = asked(allow).await;
        assert_eq!((reply.status.as_u16(), &*reply.text()), (200, "ok"), "{allow}");
    }
}

#[tokio::test]
async fn a_caller_that_is_not_is_told_403_and_who_it_is() {
    let (reply, app, pair) = asked(r#"["spiffe://shop/ns/shop/sa/cart"]"#).await;
    let told = (reply.status.as_u16(), reply.error(), reply.reason());
    assert_eq!(
        told,
        (403, Some("http_request_denied".into()), Some("denied".into()))
    );
    assert_eq!(
        reply.proxy_status()[0].name,
        "orders.shop",
        "the inbound sidecar spoke"
    );
    assert!(
        reply.details().contains("spiffe://shop/ns/shop/sa/web"),
        "{}",
        reply.details()
    );
    assert!(app.seen().is_empty(), "nothing reached the app");
    let line = pair.inbound.access_line(|line| line["reason"] == "denied").await;
    assert!(
        line["peer"]
            .as_str()
            .unwrap()
            .contains("spiffe://shop/ns/shop/sa/web"),
        "{line}"
    );
    let denied = [("direction", "inbound"), ("reason", "denied"), ("status", "403")];
    assert_eq!(
        pair.inbound
            .metrics()
            .await
            .sum("outrigger_requests_total", &denied),
        1.0
    );
}

#[tokio::test]
async fn a_grpc_caller_that_is_not_is_told_permission_denied() {
    use crate::harness::{
        full,
        grpc::{calling, message},
    };
    let (_, _app, pair) = asked(r#"["spiffe://shop/ns/shop/sa/cart"]"#).await;
    let mut call = pair
        .http2()
        .await
        .call(calling("Any", &[], full(message(b""))))
        .await;
    assert_eq!(call.code().await, Some(7));
}
