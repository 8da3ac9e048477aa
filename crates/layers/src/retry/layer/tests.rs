use std::{
    convert::Infallible,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use http::{HeaderValue, Method};
use http_body_util::{BodyExt, Full};
use outrigger_gateway::Reason;
use tower::{ServiceExt, service_fn};

use super::*;
use crate::retry::{
    Tried,
    backoff::Backoff,
    budget::Budget,
    policy::{ATTEMPT_COUNT, Policy, Refusal},
};

type TestBody = Full<Bytes>;
type Answered = Result<Response<TestBody>, Failure>;

fn policy() -> Policy {
    Policy {
        backoff: Backoff::IMMEDIATE,
        ..Policy::default()
    }
}

fn layer(policy: Policy) -> RetryLayer {
    RetryLayer::new(Config::new(Retries::without_budget(policy)))
}

fn ok() -> Answered {
    Ok(Response::new(Full::from("fine")))
}

fn answer(status: u16) -> Answered {
    let response = Response::builder().status(status);
    Ok(response.body(Full::from("no")).unwrap())
}

fn refused() -> Answered {
    Err(Failure::new(Reason::ConnectionRefused).with_detail("10.0.0.1:80 refused"))
}

/// An upstream whose answers are written down, the last one for good; it notes what it is asked.
#[derive(Debug, Default)]
struct Script {
    answers: Vec<fn() -> Answered>,
    asked: AtomicUsize,
    heads: Mutex<Vec<http::request::Parts>>,
    bodies: Mutex<Vec<String>>,
}

impl Script {
    fn new(answers: &[fn() -> Answered]) -> Arc<Self> {
        Arc::new(Self {
            answers: answers.to_vec(),
            ..Self::default()
        })
    }

    async fn serve(&self, request: Request<Replay<TestBody>>) -> Answered {
        let asked = self.asked.fetch_add(1, Relaxed);
        let (head, body) = request.into_parts();
        self.heads.lock().unwrap().push(head);
        let body = body.collect().await.unwrap().to_bytes();
        self.bodies
            .lock()
            .unwrap()
            .push(String::from_utf8(body.to_vec()).unwrap());
        self.answers[asked.min(self.answers.len() - 1)]()
    }

    /// What comes of a request through this layer.
    async fn ask(self: &Arc<Self>, layer: &RetryLayer, request: Request<TestBody>) -> Answered {
        let script = self.clone();
        let service = service_fn(move |request| {
            let script = script.clone();
            async move { script.serve(request).await }
        });
        layer.layer(service).oneshot(request).await
    }

    fn asked(&self) -> usize {
        self.asked.load(Relaxed)
    }

    fn field(&self, attempt: usize, name: &str) -> Option<String> {
        let heads = self.heads.lock().unwrap();
        let value = heads[attempt].headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }
}

fn get() -> Request<TestBody> {
    Request::get("/cart").body(Full::default()).unwrap()
}

fn post(body: &'static str) -> Request<TestBody> {
    Request::post("/cart").body(Full::from(body)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_safe_to_repeat_is_repeated_until_it_succeeds() {
    let script = Script::new(&[refused, || answer(503), ok]);
    let layer = layer(policy());
    let response = script.ask(&layer, get()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(script.asked(), 3);
    assert_eq!(layer.tally().repeated(), 2);
    assert!(response.extensions().get::<Tried>().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_the_last_attempt_is_given_with_what_was_tried() {
    let script = Script::new(&[|| answer(502), || answer(504)]);
    let layer = layer(policy());
    let response = script.ask(&layer, get()).await.unwrap();
    assert_eq!((response.status().as_u16(), script.asked()), (504, 3));
    assert_eq!(response.headers()[ATTEMPT_COUNT], "3");
    let tried = response.extensions().get::<Tried>().unwrap();
    assert_eq!(tried.to_string(), "3 attempts: all attempts are made");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "no");
    assert_eq!(layer.tally().refused(Refusal::Attempts), 1);
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_the_last_attempt_says_how_many_there_were() {
    let script = Script::new(&[refused]);
    let failure = script.ask(&layer(policy()), get()).await.unwrap_err();
    assert_eq!(failure.reason(), Reason::ConnectionRefused);
    assert_eq!(failure.attempts(), 3);
    let told = "10.0.0.1:80 refused; 3 attempts: all attempts are made";
    assert_eq!(failure.detail(), Some(told));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_processed_is_not_sent_twice() {
    let script = Script::new(&[|| answer(503), ok]);
    let layer = layer(policy());
    let response = script.ask(&layer, post("order")).await.unwrap();
    assert_eq!((response.status().as_u16(), script.asked()), (503, 1));
    assert!(!response.headers().contains_key(ATTEMPT_COUNT));
    assert_eq!(layer.tally().refused(Refusal::NotIdempotent), 1);
}

#[tokio::test(start_paused = true)]
async fn what_provably_was_not_is_with_its_whole_body() {
    let script = Script::new(&[refused, ok]);
    let response = script.ask(&layer(policy()), post("order")).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(*script.bodies.lock().unwrap(), ["order", "order"]);
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_the_cap_passes_once() {
    let config = Config {
        replay_bytes: 4,
        ..Config::new(Retries::without_budget(policy()))
    };
    let layer = RetryLayer::new(config);
    let script = Script::new(&[refused]);
    let failure = script.ask(&layer, post("order")).await.unwrap_err();
    assert_eq!(script.asked(), 1);
    assert_eq!(failure.detail(), Some("10.0.0.1:80 refused"));
    assert_eq!(layer.tally().refused(Refusal::Body), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_the_same_request_and_says_which_it_is() {
    let script = Script::new(&[refused, ok]);
    let request = Request::builder()
        .method(Method::PUT)
        .uri("/cart?x=1")
        .header("a", "1")
        .header("a", "2")
        .header("content-type", "application/grpc")
        .extension("kept")
        .body(Full::default())
        .unwrap();
    script.ask(&layer(policy()), request).await.unwrap();
    let heads = script.heads.lock().unwrap();
    let [first, second] = &**heads else {
        panic!("{heads:?}")
    };
    assert_eq!((&first.method, &first.uri), (&second.method, &second.uri));
    assert_eq!(second.headers.get_all("a").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(second.extensions.get::<&str>(), Some(&"kept"));
    drop(heads);
    assert_eq!(script.field(0, "x-envoy-attempt-count"), None);
    assert_eq!(script.field(1, "x-envoy-attempt-count").as_deref(), Some("2"));
    assert_eq!(
        script.field(1, "grpc-previous-rpc-attempts").as_deref(),
        Some("1")
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_repeated_behind_is_not_repeated_again() {
    let script = Script::new(&[|| {
        let response = Response::builder().status(503).header(ATTEMPT_COUNT, "3");
        Ok(response.body(Full::default()).unwrap())
    }]);
    let layer = layer(policy());
    script.ask(&layer, get()).await.unwrap();
    assert_eq!(script.asked(), 1);
    assert_eq!(layer.tally().refused(Refusal::RepeatedBehind), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_a_hop_before_is_not_repeated_again() {
    let script = Script::new(&[refused]);
    let layer = layer(policy());
    let mut request = get();
    request.headers_mut().insert(ATTEMPT_COUNT, 2.into());
    script.ask(&layer, request).await.unwrap_err();
    assert_eq!(script.asked(), 1);
    assert_eq!(layer.tally().refused(Refusal::RepeatedBefore), 1);
    // Who counts and is at the first has not repeated anything.
    let mut request = get();
    request.headers_mut().insert(ATTEMPT_COUNT, 1.into());
    script.ask(&layer, request).await.unwrap_err();
    assert_eq!(script.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_repeated_may_be_chosen_by_reason() {
    use outrigger_gateway::table::Repeat;

    let chosen = Policy {
        reasons: |reason, _| match reason {
            Reason::ConnectionRefused => Repeat::No,
            _ => Repeat::Yes,
        },
        ..policy()
    };
    let script = Script::new(&[refused]);
    script.ask(&layer(chosen), get()).await.unwrap_err();
    assert_eq!(script.asked(), 1);
    let late = Script::new(&[|| Err(Reason::ResponseTimeout.into())]);
    late.ask(&layer(chosen), post("order")).await.unwrap_err();
    assert_eq!(late.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_the_upstream_asks_for_is_waited_for_and_not_more_than_may_be_held() {
    let script = Script::new(&[
        || {
            let response = Response::builder().status(503).header("retry-after", "1");
            Ok(response.body(Full::default()).unwrap())
        },
        ok,
    ]);
    let config = Config {
        random: || 0,
        ..Config::new(Retries::without_budget(policy()))
    };
    let asked_at = Instant::now();
    script.ask(&RetryLayer::new(config), get()).await.unwrap();
    assert_eq!(asked_at.elapsed(), Duration::from_secs(1));

    let script = Script::new(&[|| {
        let response = Response::builder().status(503).header("retry-after", "30");
        Ok(response.body(Full::default()).unwrap())
    }]);
    let asked_at = Instant::now();
    let response = script.ask(&layer(policy()), get()).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "30");
    assert_eq!(asked_at.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_does_not_fit_the_deadline_is_not_begun() {
    let slow = Policy {
        backoff: Backoff {
            jitter: crate::retry::backoff::Jitter::None,
            base: Duration::from_secs(5),
            ..Backoff::default()
        },
        ..Policy::default()
    };
    let script = Script::new(&[refused]);
    let layer = layer(slow);
    let mut request = get();
    let deadline = Deadline::at(Instant::now() + Duration::from_secs(3));
    request.extensions_mut().insert(deadline);
    let asked_at = Instant::now();
    script.ask(&layer, request).await.unwrap_err();
    assert_eq!(asked_at.elapsed(), Duration::ZERO);
    assert_eq!(layer.tally().refused(Refusal::Deadline), 1);
}

#[tokio::test(start_paused = true)]
async fn only_successes_pay_for_repeats_and_clones_share_them() {
    let budget = Budget::try_new(0.5).unwrap();
    let config = Config {
        random: || u64::MAX,
        ..Config::new(Retries::new(policy(), budget))
    };
    let layer = RetryLayer::new(config);
    let broken = Script::new(&[refused]);
    broken.ask(&layer, get()).await.unwrap_err();
    assert_eq!(broken.asked(), 1);
    assert_eq!(layer.tally().refused(Refusal::Budget), 1);
    let well = Script::new(&[ok]);
    for _ in 0..2 {
        well.ask(&layer.clone(), get()).await.unwrap();
    }
    assert_eq!(layer.balance(), Some(1.0));
    broken.ask(&layer, get()).await.unwrap_err();
    assert_eq!(broken.asked(), 3, "one repeat was paid for");
}

#[tokio::test(start_paused = true)]
async fn a_refused_grpc_call_is_a_refusal_and_no_success() {
    let script = Script::new(&[
        || {
            let response = Response::builder().header("grpc-status", "14");
            Ok(response.body(Full::default()).unwrap())
        },
        ok,
    ]);
    let mut request = post("");
    request
        .headers_mut()
        .insert("idempotency-key", HeaderValue::from_static("7"));
    let grpc = HeaderValue::from_static("application/grpc");
    request.headers_mut().insert("content-type", grpc);
    script.ask(&layer(policy()), request).await.unwrap();
    assert_eq!(script.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_attempt_passes_everything_through() {
    let once = Policy {
        attempts: 1,
        ..policy()
    };
    let script = Script::new(&[refused]);
    let layer = layer(once);
    let failure = script.ask(&layer, post("order")).await.unwrap_err();
    assert_eq!(failure.detail(), Some("10.0.0.1:80 refused"));
    assert_eq!(*script.bodies.lock().unwrap(), ["order"]);
    assert_eq!(
        Refusal::ALL
            .map(|why| layer.tally().refused(why))
            .iter()
            .sum::<u64>(),
        0
    );
}

/// Ready once, and then never again.
#[derive(Clone, Debug)]
struct Full1(Arc<AtomicUsize>);

impl Service<Request<Replay<TestBody>>> for Full1 {
    type Response = Response<TestBody>;
    type Error = Failure;
    type Future = std::future::Ready<Answered>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        match self.0.fetch_add(1, Relaxed) {
            0 => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    }

    fn call(&mut self, _: Request<Replay<TestBody>>) -> Self::Future {
        std::future::ready(refused())
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_that_finds_no_room_gives_up() {
    let layer = layer(policy());
    let failure = layer
        .layer(Full1(Arc::default()))
        .oneshot(get())
        .await
        .unwrap_err();
    assert_eq!(failure.reason(), Reason::ConnectionRefused);
    assert_eq!(layer.tally().refused(Refusal::Room), 1);
}

#[tokio::test(start_paused = true)]
async fn dropped_while_it_waits_it_asks_no_more() {
    let script = Script::new(&[refused]);
    let slow = Policy {
        backoff: Backoff {
            base: Duration::from_secs(60),
            cap: Duration::from_secs(60),
            ..Backoff::default()
        },
        ..Policy::default()
    };
    let config = Config {
        random: || u64::MAX,
        ..Config::new(Retries::without_budget(slow))
    };
    let layer = RetryLayer::new(config);
    let asked = tokio::time::timeout(Duration::from_secs(1), script.ask(&layer, get()));
    assert!(asked.await.is_err());
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn errors_of_others_are_failures() {
    let never = service_fn(async |_: Request<Replay<TestBody>>| {
        Ok::<_, Infallible>(Response::new(TestBody::default()))
    });
    layer(policy()).layer(never).oneshot(get()).await.unwrap();
}
