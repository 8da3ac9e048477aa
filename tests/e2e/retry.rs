//! Requests that are sent again: what is safe, within what successes have earned, and told if it was in vain.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use outrigger_faults::{Fault, Server};

use crate::harness::{
    App, Body, Client, Keys, Pair, Sidecar, channel, empty, full, get, ok, outbound_to, request,
};

/// An app that answers 200 at first, then 503 so many times.
async fn failing(after: usize, times: usize) -> (App, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let app = App::http1(move |_: Request<Incoming>| {
        let turn = count.fetch_add(1, Relaxed);
        async move {
            let status = match (after..after + times).contains(&turn) {
                true => StatusCode::SERVICE_UNAVAILABLE,
                false => StatusCode::OK,
            };
            Response::builder().status(status).body(full("answer")).unwrap()
        }
    })
    .await;
    (app, asked)
}

/// Waits of a millisecond, and every success pays for a repeat; nobody but the budget holds anything back.
const EAGER: &str = r#"
retry = { attempts = 3, base = "1ms", cap = "1ms", budget = 1.0 }
breaker = { failures = 0 }"#;

async fn warm(client: &Client, times: usize) {
    for _ in 0..times {
        assert_eq!(client.ask(get("/")).await.status, 200);
    }
}

#[tokio::test]
async fn a_refusal_is_repeated_as_far_as_successes_have_paid_for_it() {
    let (app, asked) = failing(2, 2).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, EAGER)).await;
    let client = Client::http1(sidecar.outbound()).await;
    warm(&client, 2).await;
    assert_eq!(client.ask(get("/")).await.status, 200);
    assert_eq!(asked.load(Relaxed), 5);
    let metrics = sidecar.metrics().await;
    let retries = |outcome| metrics.sum("outrigger_retries_total", &[("outcome", outcome)]);
    assert_eq!((retries("repeated"), retries("budget")), (2.0, 0.0));
    assert!(metrics.has("outrigger_retry_budget_balance"));
    let seen = app.seen();
    let counts: Vec<_> = seen
        .iter()
        .map(|head| head.field("x-envoy-attempt-count"))
        .collect();
    assert_eq!(counts, ["", "", "", "2", "3"]);
}

#[tokio::test]
async fn without_successes_nothing_is_repeated() {
    let (app, asked) = failing(0, 100).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, EAGER)).await;
    let client = Client::http1(sidecar.outbound()).await;
    for _ in 0..10 {
        assert_eq!(client.ask(get("/")).await.status, 503);
    }
    assert_eq!(asked.load(Relaxed), 10);
    let metrics = sidecar.metrics().await;
    assert_eq!(
        metrics.sum("outrigger_retries_total", &[("outcome", "budget")]),
        10.0
    );
}

#[tokio::test]
async fn the_last_answer_says_how_many_attempts_there_were() {
    let (app, _) = failing(5, 100).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, EAGER)).await;
    let client = Client::http1(sidecar.outbound()).await;
    warm(&client, 5).await;
    let reply = client.ask(get("/")).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.text(), "answer");
    assert_eq!(reply.headers["x-envoy-attempt-count"], "3");
    let members = reply.proxy_status();
    let told = members.last().and_then(|member| member.details.as_deref());
    assert_eq!(told, Some("3 attempts: all attempts are made"));
}

#[tokio::test]
async fn what_is_not_idempotent_is_sent_once_unless_its_sender_says_so() {
    let (app, asked) = failing(5, 100).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, EAGER)).await;
    let client = Client::http1(sidecar.outbound()).await;
    warm(&client, 5).await;
    let order = || request(Method::POST, "/", full("order"));
    assert_eq!(client.ask(order()).await.status, 503);
    assert_eq!(asked.load(Relaxed), 6);
    let mut keyed = order();
    keyed
        .headers_mut()
        .insert("idempotency-key", "7".parse().unwrap());
    assert_eq!(client.ask(keyed).await.status, 503);
    assert_eq!(asked.load(Relaxed), 9);
}

#[tokio::test]
async fn a_streaming_body_is_sent_again_whole() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let app = App::http1(move |request: Request<Incoming>| {
        let turn = count.fetch_add(1, Relaxed);
        async move {
            let body = http_body_util::BodyExt::collect(request.into_body())
                .await
                .unwrap();
            let status = if turn == 2 { 503 } else { 200 };
            let body = String::from_utf8(body.to_bytes().to_vec()).unwrap();
            Response::builder().status(status).body(full(body)).unwrap()
        }
    })
    .await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, EAGER)).await;
    let client = Client::http1(sidecar.outbound()).await;
    warm(&client, 2).await;
    let (mut sender, body) = channel();
    let asking = tokio::spawn(async move { client.ask(request(Method::PUT, "/", body)).await });
    for part in ["one ", "two ", "three"] {
        sender.send_data(part.into()).await.unwrap();
    }
    drop(sender);
    let reply = asking.await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), reply.text()),
        (200, "one two three".into())
    );
    assert_eq!(asked.load(Relaxed), 4);
}

#[tokio::test]
async fn beside_the_app_nothing_is_repeated_so_that_only_the_outermost_hop_does() {
    let (app, asked) = failing(3, 100).await;
    let keys = Keys {
        upstream: EAGER,
        ..Keys::default()
    };
    let pair = Pair::with(app.addr, keys).await;
    let client = pair.http1().await;
    warm(&client, 3).await;
    assert_eq!(client.ask(get("/")).await.status, 503);
    assert_eq!(asked.load(Relaxed), 6, "three attempts, not nine");
}

#[tokio::test]
async fn one_attempt_is_one_attempt() {
    let (app, asked) = failing(5, 100).await;
    let sidecar = Sidecar::start(&outbound_to(app.addr, "retry = { attempts = 1 }")).await;
    let client = Client::http1(sidecar.outbound()).await;
    warm(&client, 5).await;
    assert_eq!(client.ask(get("/")).await.status, 503);
    assert_eq!(asked.load(Relaxed), 6);
}

#[tokio::test]
async fn a_dead_endpoint_among_live_ones_is_not_seen_by_callers() {
    let dead = Server::start(Fault::Refuse);
    let live = App::http1(ok).await;
    let config = format!(
        "name = \"web.shop\"\n[outbound]\nlisten = \"127.0.0.1:0\"\n[[outbound.upstream]]\nname = \"orders\"\n\
         endpoints = [\"{}\", \"{}\"]\n{EAGER}\n",
        dead.addr(),
        live.addr
    );
    let sidecar = Sidecar::start(&config).await;
    let client = Client::http1(sidecar.outbound()).await;
    warm(&client, 20).await;
    let body: Body = empty();
    assert_eq!(client.ask(request(Method::POST, "/", body)).await.status, 200);
}

#[tokio::test]
async fn who_is_late_to_answer_is_asked_once_more_beside_if_that_was_asked_for() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let app = App::http1(move |_: Request<Incoming>| {
        let turn = count.fetch_add(1, Relaxed);
        async move {
            if turn == 2 {
                std::future::pending::<()>().await;
            }
            Response::new(full("answer"))
        }
    })
    .await;
    let hedged = r#"retry = { attempts = 1, budget = 1.0, hedge = "300ms" }"#;
    let sidecar = Sidecar::start(&outbound_to(app.addr, hedged)).await;
    let client = Client::http1(sidecar.outbound()).await;
    warm(&client, 2).await;
    assert_eq!(client.ask(get("/")).await.text(), "answer");
    assert_eq!(asked.load(Relaxed), 4);
    assert_eq!(app.seen().last().unwrap().field("x-envoy-attempt-count"), "2");
    let metrics = sidecar.metrics().await;
    let hedges = |outcome| metrics.sum("outrigger_retries_total", &[("outcome", outcome)]);
    assert_eq!((hedges("hedged"), hedges("hedge_won")), (1.0, 1.0));
}
