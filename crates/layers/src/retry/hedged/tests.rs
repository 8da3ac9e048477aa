use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use outrigger_gateway::Reason;
use tokio::time::{sleep, timeout};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::*;
use crate::retry::{
    Config, RetryLayer,
    backoff::Backoff,
    budget::Budget,
    policy::{ATTEMPT_COUNT, Policy, Retries},
};

const DELAY: Duration = Duration::from_millis(50);

type TestBody = Full<Bytes>;
type Answered = Result<Response<TestBody>, Failure>;

/// What the nth attempt comes to, and when.
type Script = fn(usize) -> (u64, Answered);

fn status(status: u16) -> Answered {
    Ok(Response::builder()
        .status(status)
        .body(Full::from("body"))
        .unwrap())
}

/// What was asked of an upstream, and how many attempts are still running.
#[derive(Debug, Default)]
struct Asked {
    attempts: AtomicUsize,
    running: AtomicUsize,
    bodies: Mutex<Vec<String>>,
    counts: Mutex<Vec<Option<String>>>,
}

struct Running(Arc<Asked>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
    }
}

fn config(hedge: Hedge, retries: Retries) -> Config {
    Config {
        hedge: Some(hedge),
        random: || u64::MAX,
        ..Config::new(retries)
    }
}

fn policy(attempts: u32) -> Policy {
    Policy {
        attempts,
        backoff: Backoff::IMMEDIATE,
        ..Policy::default()
    }
}

fn layer(attempts: u32) -> RetryLayer {
    let retries = Retries::without_budget(policy(attempts));
    RetryLayer::new(config(Hedge::after(DELAY), retries))
}

async fn ask(layer: &RetryLayer, asked: &Arc<Asked>, script: Script, request: Request<TestBody>) -> Answered {
    let asked = asked.clone();
    let upstream = service_fn(move |request: Request<Replay<TestBody>>| {
        let asked = asked.clone();
        async move {
            let attempt = asked.attempts.fetch_add(1, Relaxed);
            asked.running.fetch_add(1, Relaxed);
            let _running = Running(asked.clone());
            let count = request.headers().get(ATTEMPT_COUNT);
            let count = count.map(|count| count.to_str().unwrap().to_owned());
            asked.counts.lock().unwrap().push(count);
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            asked.bodies.lock().unwrap().push(body);
            let (ms, answer) = script(attempt);
            sleep(Duration::from_millis(ms)).await;
            answer
        }
    });
    layer.layer(upstream).oneshot(request).await
}

fn put(body: &'static str) -> Request<TestBody> {
    Request::put("/").body(Full::from(body)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_is_the_only_one_asked_for() {
    let (layer, asked) = (layer(3), Arc::default());
    ask(&layer, &asked, |_| (49, status(200)), put("x"))
        .await
        .unwrap();
    assert_eq!(asked.attempts.load(Relaxed), 1);
    assert_eq!(layer.tally().hedged(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_late_is_overtaken_and_given_up_at_once() {
    let (layer, asked) = (layer(1), Arc::default());
    let begun = Instant::now();
    let late = |attempt| ([1000, 10][attempt], status([201, 200][attempt]));
    let response = ask(&layer, &asked, late, put("order")).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), begun.elapsed().as_millis()),
        (200, 60)
    );
    assert_eq!(asked.running.load(Relaxed), 0, "the first was given up");
    assert_eq!(*asked.bodies.lock().unwrap(), ["order", "order"]);
    assert_eq!(*asked.counts.lock().unwrap(), [None, Some("2".to_owned())]);
    assert_eq!((layer.tally().hedged(), layer.tally().hedges_won()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_first_may_still_be_faster() {
    let (layer, asked) = (layer(1), Arc::default());
    let late = |attempt| ([60, 1000][attempt], status([201, 200][attempt]));
    let response = ask(&layer, &asked, late, put("")).await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(asked.running.load(Relaxed), 0);
    assert_eq!((layer.tally().hedged(), layer.tally().hedges_won()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_fails_does_not_win_while_the_other_may_succeed() {
    let failing = |attempt| match attempt {
        0 => (1000, status(200)),
        _ => (1, Err(Reason::ConnectionRefused.into())),
    };
    let (layer, asked) = (layer(1), Arc::default());
    assert_eq!(ask(&layer, &asked, failing, put("")).await.unwrap().status(), 200);
    let failing = |attempt| match attempt {
        0 => (60, status(503)),
        _ => (100, status(200)),
    };
    let asked = Arc::default();
    assert_eq!(ask(&layer, &asked, failing, put("")).await.unwrap().status(), 200);
    assert_eq!((layer.tally().hedged(), layer.tally().hedges_won()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn both_count_as_attempts_and_repeats_follow_as_ever() {
    let failing = |attempt| match attempt {
        0 => (60, status(503)),
        1 => (100, status(502)),
        _ => (0, status(504)),
    };
    let (layer, asked) = (layer(3), Arc::default());
    let response = ask(&layer, &asked, failing, put("x")).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), asked.attempts.load(Relaxed)),
        (504, 3)
    );
    assert_eq!(response.headers()[ATTEMPT_COUNT], "3");
    assert_eq!(*asked.bodies.lock().unwrap(), ["x"; 3]);
    assert_eq!((layer.tally().hedged(), layer.tally().repeated()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_successes_have_not_paid_for_is_not_asked_twice() {
    let retries = Retries::new(policy(3), Budget::try_new(0.5).unwrap());
    let layer = RetryLayer::new(config(Hedge::after(DELAY), retries));
    let slow = |_| (1000, status(200));
    let asked = Arc::default();
    for _ in 0..2 {
        ask(&layer, &asked, slow, put("")).await.unwrap();
    }
    assert_eq!(
        (asked.attempts.load(Relaxed), layer.tally().hedges_refused()),
        (2, 2)
    );
    ask(&layer, &asked, |_| (0, status(200)), put("")).await.unwrap();
    ask(&layer, &asked, |_| (0, status(200)), put("")).await.unwrap();
    ask(&layer, &asked, slow, put("")).await.unwrap();
    assert_eq!(layer.tally().hedged(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_processed_twice_is_asked_once() {
    let (layer, asked) = (layer(3), Arc::default());
    let request = Request::post("/").body(Full::default()).unwrap();
    ask(&layer, &asked, |_| (1000, status(200)), request)
        .await
        .unwrap();
    assert_eq!(asked.attempts.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn while_its_body_is_on_its_way_nothing_is_asked_twice() {
    let attempts = AtomicUsize::new(0);
    let (layer, attempts) = (layer(3), Arc::new(attempts));
    let counted = attempts.clone();
    let upstream = service_fn(move |request: Request<Replay<Endless>>| {
        counted.fetch_add(1, Relaxed);
        async move {
            let _ = request.into_body().collect().await;
            status(200)
        }
    });
    let request = Request::put("/").body(Endless).unwrap();
    let asked = layer.layer(upstream).oneshot(request);
    assert!(timeout(DELAY * 10, asked).await.is_err());
    assert_eq!((attempts.load(Relaxed), layer.tally().hedges_refused()), (1, 1));
}

/// A body of which nothing ever comes.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Failure>>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn given_up_at_any_point_nothing_goes_on() {
    for after in [0, 20, 55, 200] {
        let (layer, asked) = (layer(3), Arc::<Asked>::default());
        let asking = ask(&layer, &asked, |_| (10_000, status(200)), put("x"));
        let given_up = timeout(Duration::from_millis(after), asking).await;
        assert!(given_up.is_err());
        assert_eq!(asked.running.load(Relaxed), 0, "after {after} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_learned_from_the_answers() {
    let retries = Retries::without_budget(policy(1));
    let layer = RetryLayer::new(config(Hedge::learned(), retries));
    let asked = Arc::default();
    for _ in 0..crate::hedge::ENOUGH {
        ask(&layer, &asked, |_| (20, status(200)), put("")).await.unwrap();
    }
    assert_eq!(layer.tally().hedged(), 0);
    ask(&layer, &asked, |_| (500, status(200)), put(""))
        .await
        .unwrap();
    assert_eq!(layer.tally().hedged(), 1);
}
