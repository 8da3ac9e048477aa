//! What each layer bounds, on both sides: the last that passes, and the first that does not.

use std::time::Duration;

use http::Request;
use outrigger_gateway::Reason;
use outrigger_layers::{
    breaker::{BreakerLayer, state},
    deadline::DeadlineLayer,
    limit::LimitLayer,
    maintenance::{MaintenanceLayer, Switch},
    rate::{Quota, QuotaLayer, Rate, RateLayer},
    retry::policy::Policy,
    shed::ShedLayer,
    timeout::TimeoutLayer,
};
use tokio_test::{assert_pending, task};
use tower::ServiceExt;

use super::{
    LONG, ROOM,
    below::{Below, Point, Trouble},
    body::Scripted,
    retries_of,
    subject::{Subject, ask, assert_passes, at_once, finish, read, reason_of, request},
};

const LIMIT: Duration = Duration::from_millis(100);
const GRAIN: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn limit_bounds_how_many_are_in_flight_until_their_bodies_end() {
    let below = Below::with_places(ROOM + 1);
    let service = Subject::new(LimitLayer::new(ROOM)).over(&below);
    let ask_for_head = || at_once(service.clone().oneshot(request())).unwrap();
    let mut in_flight: Vec<_> = (0..ROOM).map(|_| ask_for_head()).collect();

    let mut next = task::spawn(ask(service.clone(), request()));
    assert_pending!(next.poll());
    assert_eq!(below.calls(), ROOM);
    let _ = at_once(read(in_flight[0].body_mut()));
    assert!(next.is_woken());
    assert_eq!(reason_of(&finish(&mut next)), None);
}

#[tokio::test(start_paused = true)]
async fn shed_bounds_how_many_wait() {
    let below = Below::new();
    below.meets(Point::Ready, Trouble::Pause);
    let service = Subject::new(ShedLayer::new(ROOM, LONG)).over(&below);
    let mut waiting: Vec<_> = (0..ROOM)
        .map(|_| task::spawn(ask(service.clone(), request())))
        .collect();
    waiting.iter_mut().for_each(|asked| assert_pending!(asked.poll()));

    let one_too_many = at_once(ask(service, request()));
    assert_eq!(reason_of(&one_too_many), Some(Reason::Overload));
    below.is_well();
    for asked in &mut waiting {
        assert_eq!(reason_of(&finish(asked)), None);
    }
}

#[tokio::test(start_paused = true)]
async fn shed_bounds_the_wait() {
    let layer = || Subject::new(ShedLayer::new(ROOM, LIMIT));
    bounds_the_time_of(Point::Ready, &layer(), Reason::Overload).await;
    for point in [Point::Response, Point::Body] {
        has_all_the_time_for(point, &layer()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn timeout_bounds_the_time_to_the_response() {
    let layer = || Subject::new(TimeoutLayer::new(LIMIT));
    bounds_the_time_of(Point::Response, &layer(), Reason::ResponseTimeout).await;
    for point in [Point::Ready, Point::Body] {
        has_all_the_time_for(point, &layer()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_bounds_the_time_of_everything() {
    for point in [Point::Ready, Point::Response, Point::Body] {
        let layer = Subject::new(DeadlineLayer::new(Some(LIMIT)));
        bounds_the_time_of(point, &layer, Reason::DeadlineExceeded).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rate_bounds_how_many_begin() {
    let rate = Rate::try_new(10.0, 3).unwrap();
    let service = Subject::new(RateLayer::new(rate)).over(&Below::new());
    (0..3).for_each(|_| assert_passes(&service));
    let one_too_many = at_once(ask(service.clone(), request()));
    assert_eq!(reason_of(&one_too_many), Some(Reason::RateLimited));

    tokio::time::advance(Duration::from_millis(100)).await;
    assert_passes(&service);
    assert!(at_once(ask(service, request())).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_quota_bounds_how_many_of_each_begin() {
    let quota = Quota::try_new(10.0, 3).unwrap();
    let tenant = |request: &Request<Scripted>| request.headers().get("x-tenant").cloned();
    let service = Subject::new(QuotaLayer::new(quota, tenant)).over(&Below::new());
    (0..3).for_each(|_| assert_passes(&service));
    let one_too_many = at_once(ask(service.clone(), request()));
    assert_eq!(reason_of(&one_too_many), Some(Reason::Quota));

    let mut of_another = request();
    *of_another.headers_mut().get_mut("x-tenant").unwrap() = "green".parse().unwrap();
    assert_eq!(reason_of(&at_once(ask(service.clone(), of_another))), None);
    tokio::time::advance(Duration::from_millis(100)).await;
    assert_passes(&service);
}

#[tokio::test(start_paused = true)]
async fn maintenance_refuses_while_it_is_ordered() {
    let below = Below::new();
    let switch = Switch::new(false);
    let service = Subject::new(MaintenanceLayer::new(switch.clone())).over(&below);
    assert_passes(&service);
    switch.turn(true);
    let refused = at_once(ask(service.clone(), request()));
    assert_eq!(reason_of(&refused), Some(Reason::Maintenance));
    assert_eq!((below.calls(), below.held()), (1, 0));
    switch.turn(false);
    assert_passes(&service);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_refuses_after_so_many_failures_in_a_row() {
    let failures = 3;
    let config = state::Config {
        failures,
        ..state::Config::default()
    };
    let below = Below::new();
    let service = Subject::new(BreakerLayer::new(config)).over(&below);
    assert_passes(&service);
    let failing = Trouble::Failure(Reason::ConnectionRefused);
    below.meets_times(failures as usize, Point::Response, failing);
    for _ in 0..failures {
        let failed = at_once(ask(service.clone(), request()));
        assert_eq!(reason_of(&failed), Some(Reason::ConnectionRefused));
    }
    let refused = at_once(ask(service, request()));
    assert_eq!(reason_of(&refused), Some(Reason::NoEndpointUnusable));
    assert_eq!((below.calls(), below.held()), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn retry_bounds_the_attempts() {
    let attempts = 3;
    for (failing, expected) in [(attempts - 1, None), (attempts, Some(Reason::ConnectionRefused))] {
        let below = Below::new();
        let policy = Policy {
            attempts: attempts as u32,
            ..Policy::default()
        };
        let service = Subject::new(retries_of(policy)).over(&below);
        // Repeats have to be earned.
        (0..10).for_each(|_| assert_passes(&service));
        below.meets_times(
            failing,
            Point::Response,
            Trouble::Failure(Reason::ConnectionRefused),
        );
        let result = ask(service, request()).await;
        assert_eq!(reason_of(&result), expected);
        assert_eq!(below.calls(), 10 + attempts);
    }
}

/// What takes until just before the limit passes, and what takes until then fails with the reason.
async fn bounds_the_time_of(point: Point, layer: &Subject, reason: Reason) {
    for in_time in [true, false] {
        let below = Below::new();
        below.meets(point, Trouble::Pause);
        let service = layer.over(&below);
        let mut asked = task::spawn(ask(service.clone(), request()));
        assert_pending!(asked.poll());
        tokio::time::advance(LIMIT - GRAIN).await;
        assert_pending!(asked.poll());
        if in_time {
            below.is_well();
            assert_eq!(reason_of(&finish(&mut asked)), None, "{point:?}");
        } else {
            tokio::time::advance(GRAIN).await;
            assert!(asked.is_woken(), "{point:?}");
            assert_eq!(reason_of(&finish(&mut asked)), Some(reason), "{point:?}");
        }
        drop(asked);
        below.is_well();
        assert_eq!(below.held(), 0);
        assert_passes(&service);
    }
}

/// What is not bounded may take as long as it likes.
async fn has_all_the_time_for(point: Point, layer: &Subject) {
    let below = Below::new();
    below.meets(point, Trouble::Pause);
    let mut asked = task::spawn(ask(layer.over(&below), request()));
    assert_pending!(asked.poll());
    tokio::time::advance(10 * LIMIT).await;
    assert_pending!(asked.poll());
    below.is_well();
    assert_eq!(reason_of(&finish(&mut asked)), None, "{point:?}");
}
