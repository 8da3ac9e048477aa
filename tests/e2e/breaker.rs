//! Endpoints that fail are left alone: told as what they failed with, found out about by one request, and given their load
//! back bit by bit.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::harness::{App, Client, Reply, Sidecar, eventually, full, get, ok, outbound_to};

/// One attempt a request, so that each is seen.
const ONCE: &str = "retry = { attempts = 1 }";

async fn before(app: &App, keys: &str) -> (Sidecar, Client) {
    let sidecar = Sidecar::start(&outbound_to(app.addr, &format!("{ONCE}\n{keys}"))).await;
    let client = Client::http1(sidecar.outbound()).await;
    (sidecar, client)
}

fn told(reply: &Reply) -> (u16, Option<String>, Option<String>) {
    (reply.status.as_u16(), reply.error(), reply.reason())
}

/// What a request is told that nobody was asked about.
fn held(status: u16, reason: &str) -> (u16, Option<String>, Option<String>) {
    (
        status,
        Some("destination_unavailable".into()),
        Some(reason.into()),
    )
}

async fn ask(client: &Client, times: usize) -> Vec<Reply> {
    let mut replies = Vec::new();
    for _ in 0..times {
        replies.push(client.ask(get("/")).await);
    }
    replies
}

#[tokio::test]
async fn a_dead_app_is_502_throughout_and_comes_back_by_one_request_and_a_ramp() {
    let app = App::http1(ok).await;
    let (sidecar, client) = before(&app, "").await;
    ask(&client, 3).await;
    let addr = app.addr;
    drop(app);

    let replies = ask(&client, 60).await;
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(statuses, [502; 60]);
    // A busy machine may take so long that probes went meanwhile, but most of them asked nobody.
    let of_the_pool = replies
        .iter()
        .filter(|reply| told(reply) == held(502, "no_endpoint_unusable"));
    let details: Vec<_> = of_the_pool
        .inspect(|reply| assert!(reply.field("retry-after").parse::<u64>().unwrap() >= 1))
        .map(Reply::details)
        .collect();
    assert!(details.len() > 20, "{details:?}");
    for detail in &details {
        assert!(detail.starts_with(&format!("{addr} is held back ")), "{detail}");
        assert!(
            detail.contains("refused"),
            "an operator is told the cause: {detail}"
        );
    }
    let metrics = sidecar.metrics().await;
    let of = |state| metrics.sum("outrigger_endpoints", &[("upstream", "orders"), ("state", state)]);
    assert_eq!(of("usable"), 0.0);
    assert_eq!(of("held") + of("probing"), 1.0);
    let endpoint = addr.to_string();
    assert!(metrics.sum("outrigger_breaker_state", &[("endpoint", &endpoint)]) >= 1.0);

    let app = App::http1_at(addr, ok).await;
    eventually("it is asked again", async || {
        let reply = client.ask(get("/")).await;
        (reply.status == 200).then_some(())
    })
    .await;
    assert_eq!(app.seen().len(), 1);
    eventually("its whole load is back", async || {
        let reply = client.ask(get("/")).await;
        let overload = Some("overload".to_owned());
        assert!(
            reply.status == 200 || (reply.status == 503 && reply.reason() == overload),
            "{reply:?}"
        );
        let metrics = sidecar.metrics().await;
        (metrics.sum("outrigger_endpoints", &[("state", "usable")]) > 0.5).then_some(())
    })
    .await;
    let replies = ask(&client, 20).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
}

#[tokio::test]
async fn an_app_that_never_answers_is_504_throughout() {
    let app = App::http1(|_: Request<Incoming>| std::future::pending()).await;
    let (_sidecar, client) = before(&app, "timeout = { head = \"20ms\" }").await;
    let replies = ask(&client, 30).await;
    assert!(replies.iter().all(|reply| reply.status == 504));
    assert_eq!(told(&replies[0]).2.as_deref(), Some("response_timeout"));
    let silent = held(504, "no_endpoint_silent");
    assert!(replies.iter().filter(|reply| told(reply) == silent).count() > 10);
}

#[tokio::test]
async fn answers_of_503_open_it_and_those_that_say_when_to_return_do_not() {
    static SAYS_WHEN: AtomicBool = AtomicBool::new(true);
    let app = App::http1(async |_: Request<Incoming>| {
        let mut response = Response::new(full("not now"));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        if SAYS_WHEN.load(Relaxed) {
            response.headers_mut().insert("retry-after", 1.into());
        }
        response
    })
    .await;
    let (_sidecar, client) = before(&app, "").await;
    let replies = ask(&client, 30).await;
    assert!(
        replies.iter().all(|reply| reply.text() == "not now"),
        "all of them reached the app"
    );

    SAYS_WHEN.store(false, Relaxed);
    let replies = ask(&client, 30).await;
    assert!(replies[..5].iter().all(|reply| reply.text() == "not now"));
    assert_eq!(told(&replies[5]), held(503, "no_endpoint_refusing"));
    assert!(
        replies[5]
            .details()
            .ends_with("the answer was 503 Service Unavailable")
    );
}

#[tokio::test]
async fn of_two_endpoints_the_dead_one_is_left_out_and_nobody_notices() {
    let (one, other) = (App::http1(ok).await, App::http1(ok).await);
    let config = outbound_to(one.addr, ONCE);
    let both = format!("\"{}\", \"{}\"", one.addr, other.addr);
    let config = config.replace(&format!("\"{}\"", one.addr), &both);
    let sidecar = Sidecar::start(&config).await;
    let client = Client::http1(sidecar.outbound()).await;
    ask(&client, 4).await;
    drop(one);
    let replies = ask(&client, 80).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let metrics = sidecar.metrics().await;
    assert_eq!(metrics.sum("outrigger_endpoints", &[("state", "usable")]), 1.0);
    // Each attempt at the dead one is a request that took two.
    let attempts = metrics.sum("outrigger_attempts_total", &[]);
    assert!(attempts < 84.0 + 30.0, "{attempts}");
}

#[tokio::test]
async fn without_failures_to_count_nobody_is_held_back() {
    let app = App::http1(ok).await;
    let (_sidecar, client) = before(&app, "breaker = { failures = 0 }").await;
    drop(app);
    let replies = ask(&client, 20).await;
    let refused = Some("connection_refused".to_owned());
    assert!(replies[1..].iter().all(|reply| reply.reason() == refused));
}
