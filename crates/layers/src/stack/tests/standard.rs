//! The two standard stacks: what their order is for.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::RETRY_AFTER};
use http_body_util::{BodyExt, Empty, Full};
use outrigger_gateway::{Failure, Reason};
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::*;
use crate::{classify::BoxError, limit::adaptive::Upload, retry::Replay};

type Body = Empty<Bytes>;

fn within(total: Duration) -> Config {
    Config {
        timeout: Timeouts {
            total: Some(total),
            ..Timeouts::default()
        },
        ..Config::default()
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// An app that answers after a second.
async fn slow(_: Request<Upload<Body>>) -> Result<Response<Body>, Infallible> {
    tokio::time::sleep(SECOND).await;
    Ok(Response::default())
}

#[tokio::test(start_paused = true)]
async fn at_the_server_time_in_the_queue_counts_towards_the_deadline() {
    let mut config = within(SECOND + SECOND / 2);
    config.limit.in_flight = 1;
    config.limit.queue_wait = 10 * SECOND;
    let app = ServerLayer::standard(&config).unwrap().layer(service_fn(slow));
    let first = tokio::spawn(app.clone().oneshot(Request::default()));
    tokio::task::yield_now().await;
    let second = app.oneshot(Request::default()).await.unwrap();
    assert_eq!(second.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn at_the_server_who_finds_no_place_is_told_when_to_come_back() {
    let mut config = Config::default();
    config.limit.in_flight = 1;
    config.limit.queue = 0;
    let hello = async |_: Request<Upload<Body>>| Ok::<_, Infallible>(Response::new(Full::from("hello")));
    let app = ServerLayer::standard(&config).unwrap().layer(service_fn(hello));
    let first = app.clone().oneshot(Request::default()).await.unwrap();
    let second = app.clone().oneshot(Request::default()).await.unwrap();
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(second.headers().contains_key(RETRY_AFTER));
    assert!(
        !second.headers().contains_key("proxy-status"),
        "an origin is no proxy"
    );
    // The place lasts as long as the body.
    first.into_body().collect().await.unwrap();
    let third = app.oneshot(Request::default()).await.unwrap();
    assert_eq!(third.status(), StatusCode::OK);
}

#[tokio::test]
async fn at_the_server_an_order_comes_before_everything_else() {
    let mut config = Config {
        maintenance: true,
        ..Config::default()
    };
    config.limit.rate = Some(Rate {
        requests: 1,
        per: SECOND,
    });
    let stack = ServerLayer::standard(&config).unwrap();
    let app = stack.layer(service_fn(async |_: Request<Upload<Body>>| {
        Ok::<_, Infallible>(Response::new(Body::new()))
    }));
    let ask = async || app.clone().oneshot(Request::default()).await.unwrap();
    assert_eq!(ask().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    stack.parts().maintenance.switch().turn(false);
    assert_eq!(ask().await.status(), StatusCode::OK, "the rate was not used up");
    assert_eq!(ask().await.status(), StatusCode::SERVICE_UNAVAILABLE, "now it is");
}

#[tokio::test]
async fn errors_of_an_app_are_answered_as_its_classification_says() {
    let broken =
        service_fn(async |_: Request<Upload<Body>>| Err::<Response<Body>, _>(io::Error::other("broken")));
    let status = async |stack: ServerLayer| {
        let response = stack.layer(broken).oneshot(Request::default()).await;
        response.unwrap().status()
    };
    let stack = ServerLayer::standard(&Config::default()).unwrap();
    assert_eq!(status(stack.clone()).await, StatusCode::INTERNAL_SERVER_ERROR);
    let stack = stack.classifying(|error| Failure::new(Reason::Starting).with_source(error));
    assert_eq!(status(stack).await, StatusCode::SERVICE_UNAVAILABLE);
}

/// A client whose attempts at `/` succeed, and others fail as `fails` does; and how many there were.
fn client<F, C, T: Fn() -> F + Clone + Send + 'static>(
    stack: &ClientLayer<C>,
    fails: T,
) -> (
    Arc<AtomicU32>,
    impl AsyncFn(&'static str) -> Result<StatusCode, Failure> + use<F, C, T>,
)
where
    C: Fn(BoxError) -> Failure + Clone + Send + 'static,
    F: Future<Output = Result<Response<Body>, BoxError>> + Send + 'static,
{
    let attempts = Arc::<AtomicU32>::default();
    let counted = attempts.clone();
    let service = stack.layer(service_fn(move |request: Request<Replay<Upload<Body>>>| {
        let (fails, counted) = (fails.clone(), counted.clone());
        async move {
            if request.uri().path() == "/" {
                return Ok(Response::default());
            }
            counted.fetch_add(1, Relaxed);
            fails().await
        }
    }));
    let ask = async move |path| {
        let request = Request::get(path).body(Body::new()).unwrap();
        let response = service.clone().oneshot(request).await?;
        Ok(response.status())
    };
    (attempts, ask)
}

fn of_config(change: impl FnOnce(&mut Config)) -> ClientLayer {
    let mut config = Config::default();
    config.retry.budget = 1.0;
    change(&mut config);
    ClientLayer::standard(&config).unwrap()
}

#[tokio::test(start_paused = true)]
async fn at_the_client_what_was_provably_not_processed_is_repeated_within_the_budget() {
    let stack = of_config(|_| ());
    let (attempts, ask) = client(&stack, async || {
        Err(Failure::new(Reason::ConnectionRefused).into())
    });
    for _ in 0..2 {
        ask("/").await.unwrap();
    }
    assert_eq!(
        ask("/down").await.unwrap_err().reason(),
        Reason::ConnectionRefused
    );
    assert_eq!(attempts.load(Relaxed), 3);
    ask("/down").await.unwrap_err();
    assert_eq!(
        attempts.load(Relaxed),
        4,
        "successes have not earned another repeat"
    );
}

#[tokio::test(start_paused = true)]
async fn at_the_client_a_slow_attempt_leaves_time_for_another() {
    let stack = of_config(|config| {
        config.timeout.attempt = Some(SECOND);
        config.timeout.total = Some(60 * SECOND);
    });
    let (attempts, ask) = client(&stack, std::future::pending);
    ask("/").await.unwrap();
    assert_eq!(
        ask("/silent").await.unwrap_err().reason(),
        Reason::ResponseTimeout
    );
    assert_eq!(attempts.load(Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn at_the_client_all_attempts_together_end_at_the_deadline() {
    let stack = of_config(|config| {
        config.timeout.attempt = Some(SECOND);
        config.timeout.total = Some(SECOND + SECOND / 2);
        config.retry.base = Duration::from_millis(1);
    });
    let (_, ask) = client(&stack, std::future::pending);
    ask("/").await.unwrap();
    ask("/").await.unwrap();
    let began = Instant::now();
    assert_eq!(
        ask("/silent").await.unwrap_err().reason(),
        Reason::DeadlineExceeded
    );
    assert_eq!(began.elapsed(), SECOND + SECOND / 2);
}

#[tokio::test(start_paused = true)]
async fn at_the_client_errors_of_others_are_repeated_as_their_classification_says() {
    let stack = of_config(|_| ());
    let broken = async || Err(io::Error::from(io::ErrorKind::ConnectionReset).into());
    let (attempts, ask) = client(&stack, broken);
    ask("/").await.unwrap();
    assert_eq!(ask("/down").await.unwrap_err().reason(), Reason::Internal);
    assert_eq!(attempts.load(Relaxed), 1);

    let stack = stack.classifying(|error| Failure::new(Reason::ClosedBeforeResponse).with_source(error));
    let (attempts, ask) = client(&stack, broken);
    assert_eq!(
        ask("/down").await.unwrap_err().reason(),
        Reason::ClosedBeforeResponse
    );
    assert_eq!(attempts.load(Relaxed), 2);
}
