use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use http::StatusCode;
use outrigger_gateway::Reason;
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{ServiceExt, service_fn};

use super::*;
use crate::{
    breaker::state::{Force, View},
    retry::policy::{Attempt, Policy, Refusal, Retries},
    testing::{Handle, spawn},
};

type Spawned = tower_test::mock::Spawn<Breaking<crate::testing::Mock<()>>>;

fn spawned() -> (Spawned, Handle<()>, Breaker) {
    let layer = BreakerLayer::new(Config::default());
    let (service, handle) = spawn::<(), _>(layer.clone());
    (service, handle, layer.breaker().clone())
}

/// One request, and what comes of it above the layer if `result` does below.
async fn ask(
    (service, handle, _): &mut (Spawned, Handle<()>, Breaker),
    result: Result<Response<()>, Failure>,
) -> Result<StatusCode, Failure> {
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(Request::new(())));
    assert_pending!(response.poll());
    let (_, respond) = handle.next_request().await.unwrap();
    match result {
        Ok(response) => respond.send_response(response),
        Err(failure) => respond.send_error(failure),
    }
    response.await.map(|response| response.status())
}

/// One request that never reaches what is below.
fn refused((service, handle, _): &mut (Spawned, Handle<()>, Breaker)) -> Failure {
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(Request::new(())));
    assert_ready_err!(response.poll())
}

fn dead() -> Result<Response<()>, Failure> {
    Err(Failure::new(Reason::ConnectionRefused)
        .with_detail("connecting to 127.0.0.1:8080: connection refused"))
}

fn answer(status: u16) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

#[tokio::test(start_paused = true)]
async fn what_is_dead_is_told_as_the_same_from_the_first_request_to_the_last() {
    let mut asked = spawned();
    for _ in 0..5 {
        assert_eq!(
            ask(&mut asked, dead()).await.unwrap_err().reason(),
            Reason::ConnectionRefused
        );
    }
    let failure = refused(&mut asked);
    assert_eq!(failure.reason(), Reason::NoEndpointUnusable);
    let detail = failure.detail().unwrap();
    assert!(
        detail.starts_with("held back for 0.") || detail.starts_with("held back for 1.0 s more"),
        "{detail}"
    );
    let why = " s more after 5 failures in a row: connecting to 127.0.0.1:8080: connection refused";
    assert!(detail.ends_with(why), "{detail}");
    let wait = failure.retry_after().unwrap();
    assert!(
        wait >= Duration::from_millis(500) && wait < Duration::from_secs(4),
        "{wait:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn answers_of_a_gateway_open_it_in_their_class() {
    let mut asked = spawned();
    for _ in 0..5 {
        assert_eq!(ask(&mut asked, Ok(answer(503))).await.unwrap(), 503);
    }
    let failure = refused(&mut asked);
    assert_eq!(failure.reason(), Reason::NoEndpointRefusing);
    assert!(
        failure
            .detail()
            .unwrap()
            .ends_with("the answer was 503 Service Unavailable")
    );
}

#[tokio::test(start_paused = true)]
async fn load_that_is_shed_opens_nothing() {
    let mut asked = spawned();
    for _ in 0..50 {
        let mut shed = answer(503);
        shed.headers_mut().insert("retry-after", 2.into());
        assert_eq!(ask(&mut asked, Ok(shed)).await.unwrap(), 503);
        assert_eq!(
            ask(&mut asked, Err(Reason::Overload.into()))
                .await
                .unwrap_err()
                .reason(),
            Reason::Overload
        );
    }
    assert_eq!(asked.2.look(), View::Closed);
}

#[tokio::test(start_paused = true)]
async fn one_probe_goes_and_then_a_growing_share() {
    let mut asked = spawned();
    for _ in 0..5 {
        let _ = ask(&mut asked, dead()).await;
    }
    advance(Duration::from_secs(1)).await;
    // The probe is out.
    let (service, handle, breaker) = &mut asked;
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut probe = task::spawn(service.call(Request::new(())));
    assert_pending!(probe.poll());
    assert_eq!(
        breaker.look(),
        View::HalfOpen {
            cause: Reason::ConnectionRefused
        }
    );
    let (_, respond) = handle.next_request().await.unwrap();
    for _ in 0..100 {
        assert_eq!(refused(&mut asked).reason(), Reason::NoEndpointUnusable);
    }
    respond.send_response(answer(200));
    assert_ready_ok!(probe.poll());

    // Of very many, some are let through and most are not.
    let mut overload = 0;
    for _ in 0..200 {
        let (service, handle, _) = &mut asked;
        handle.allow(1);
        assert_ready_ok!(service.poll_ready());
        let mut response = task::spawn(service.call(Request::new(())));
        if let std::task::Poll::Ready(Err(failure)) = response.poll() {
            assert_eq!(failure.reason(), Reason::Overload);
            assert!(failure.retry_after().unwrap() < Duration::from_secs(3));
            overload += 1;
        } else {
            drop(handle.next_request().await);
        }
    }
    assert!((100..200).contains(&overload), "{overload}");
    advance(Duration::from_secs(3)).await;
    assert_eq!(ask(&mut asked, Ok(answer(200))).await.unwrap(), 200);
    assert_eq!(asked.2.look(), View::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_makes_room_for_another() {
    let mut asked = spawned();
    for _ in 0..5 {
        let _ = ask(&mut asked, dead()).await;
    }
    advance(Duration::from_secs(1)).await;
    let (service, handle, breaker) = &mut asked;
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    drop(task::spawn(service.call(Request::new(()))));
    drop(handle.next_request().await);
    assert!(matches!(
        breaker.look(),
        View::Open {
            wait: Duration::ZERO,
            ..
        }
    ));
    assert_eq!(ask(&mut asked, Ok(answer(200))).await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_panic_below_keeps_no_probe() {
    let layer = BreakerLayer::new(Config {
        failures: 1,
        ..Config::default()
    });
    let service = layer.layer(service_fn(|request: Request<&'static str>| {
        assert_ne!(*request.body(), "call", "as it is called");
        async move {
            assert_ne!(*request.body(), "poll", "as it is polled");
            Err::<Response<()>, Failure>(Reason::ConnectionRefused.into())
        }
    }));
    let mut call = service.clone();
    let failure = call
        .ready()
        .await
        .unwrap()
        .call(Request::new(""))
        .await
        .unwrap_err();
    assert_eq!(failure.reason(), Reason::ConnectionRefused);

    advance(Duration::from_secs(1)).await;
    for panics in ["call", "poll"] {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            task::spawn(call.call(Request::new(panics))).poll().is_ready()
        }));
        assert!(panicked.is_err());
        assert!(
            matches!(
                layer.breaker().look(),
                View::Open {
                    wait: Duration::ZERO,
                    ..
                }
            ),
            "{panics}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn orders_are_obeyed() {
    let mut asked = spawned();
    asked.2.force(Force::Open);
    let failure = refused(&mut asked);
    assert_eq!(
        (failure.reason(), failure.detail()),
        (Reason::NoEndpointRefusing, Some("held back by order"))
    );
    asked.2.release();
    assert_eq!(ask(&mut asked, Ok(answer(200))).await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn nobody_repeats_what_was_held_back() {
    let breaker = Breaker::new(Config::default());
    let retries = Retries::without_budget(Policy::default());
    let views = [
        View::Forced(Force::Open),
        View::HalfOpen {
            cause: Reason::ConnectionRefused,
        },
        View::Closing {
            cause: Reason::ConnectionRefused,
            share: 0.1,
            wait: Duration::from_secs(3),
        },
    ];
    for view in views {
        let attempt = Attempt::failed(&breaker.refusal(view));
        let judged = retries.judge(&mut retries.start(), &attempt, true, Duration::ZERO, None, || 0);
        assert_eq!(judged, Err(Refusal::Outcome), "{view:?}");
    }
}

#[tokio::test]
async fn readiness_passes_through() {
    let (mut service, mut handle, _) = spawned();
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
}

#[tokio::test(start_paused = true)]
async fn services_of_one_layer_share_it_and_the_name_is_told() {
    let layer = BreakerLayer::new(Config {
        failures: 1,
        ..Config::default()
    })
    .of_upstream("orders".into());
    let dead = || service_fn(async |_: Request<()>| dead());
    let _ = layer.layer(dead()).oneshot(Request::new(())).await;
    let failure = layer.layer(dead()).oneshot(Request::new(())).await.unwrap_err();
    assert_eq!(failure.upstream().map(|name| &**name), Some("orders"));
}
