//! Whose turn it is: readiness, clones, wakers.

use std::pin::pin;

use outrigger_gateway::Reason;
use tokio_test::{assert_pending, task};
use tower::{Service as _, ServiceExt};

use super::{
    Make, ROOM,
    below::{Below, Point, Trouble},
    subject::{ask, assert_passes, at_once, finish, numbered, poll_for_another, reason_of, request},
};

/// A service below that is not ready is not called, and not asked again and again either; once it is ready, the
/// request goes. Whether the layer is pending meanwhile or the request's future is does not matter to the caller.
pub(crate) async fn what_is_not_ready_is_waited_for(make: Make) {
    let below = Below::new();
    let mut asked = task::spawn(ask(make().over(&below), request()));
    below.meets(Point::Ready, Trouble::Pause);
    assert_pending!(asked.poll());
    assert!(!asked.is_woken());
    assert_eq!(below.calls(), 0);

    below.is_well();
    assert!(asked.is_woken());
    assert_eq!(reason_of(&finish(&mut asked)), None);
}

/// A service below that fails to become ready fails the request that waited for it, with its reason. The layer keeps
/// nothing for it, though it is still there; a clone may find better.
pub(crate) async fn an_error_of_readiness_passes(make: Make) {
    let below = Below::new();
    let service = make().over(&below);
    let mut broken = Vec::new();
    for _ in 0..=ROOM {
        below.meets(Point::Ready, Trouble::Failure(Reason::Draining));
        let mut service = service.clone();
        let result = at_once(ask(&mut service, request()));
        assert_eq!(reason_of(&result), Some(Reason::Draining), "{result:?}");
        assert_eq!(below.calls(), 0);
        broken.push(service);
    }
    below.is_well();
    assert_passes(&service);
}

/// A clone is not ready because its original is: `Below` would say so.
pub(crate) async fn a_clone_starts_without_readiness(make: Make) {
    let below = Below::new();
    let mut service = make().over(&below);
    at_once(service.ready()).unwrap();
    let clone = service.clone();
    assert_passes(&clone);
    let response = at_once(service.call(request())).unwrap();
    drop(response);
    assert_eq!(below.calls(), 2);
}

/// Clones that wait for nothing hold nothing, not even those of a service that was ready.
pub(crate) async fn idle_clones_hold_nothing(make: Make) {
    let below = Below::new();
    let mut service = make().over(&below);
    at_once(service.ready()).unwrap();
    let idle: Vec<_> = (0..=ROOM).map(|_| service.clone()).collect();
    let first = at_once(service.call(request())).unwrap();
    let second = at_once(idle[0].clone().oneshot(request())).unwrap();
    assert_eq!(below.held(), ROOM);
    drop((first, second, service));
    assert_eq!(below.held(), 0);
    assert_passes(&idle[1]);
}

/// Readiness that nobody used is given back when the service is dropped, to whoever waits for it.
pub(crate) async fn readiness_that_is_not_used_is_given_back(make: Make) {
    let below = Below::new();
    let service = make().over(&below);
    let mut ready: Vec<_> = (0..ROOM).map(|_| service.clone()).collect();
    ready
        .iter_mut()
        .for_each(|service| drop(at_once(service.ready())));
    let mut waits = task::spawn(ask(service.clone(), request()));
    // Unless being ready takes no room.
    if waits.poll().is_pending() {
        ready.pop();
        assert!(waits.is_woken());
        assert_eq!(reason_of(&finish(&mut waits)), None);
    }
    drop(ready);
    assert_eq!(below.held(), 0);
    assert_passes(&service);
}

/// A future may go from one task to another at any time: the one that polled it last is woken.
pub(crate) async fn who_polled_last_is_woken(make: Make) {
    for point in [Point::Ready, Point::Response, Point::Body] {
        let below = Below::new();
        below.meets(point, Trouble::Pause);
        let mut asked = pin!(ask(make().over(&below), request()));
        assert_pending!(poll_for_another(asked.as_mut()));
        let mut asked = task::spawn(asked);
        assert_pending!(asked.poll());
        below.is_well();
        assert!(asked.is_woken(), "{point:?}");
        assert_eq!(reason_of(&finish(&mut asked)), None, "{point:?}");
    }
}

/// The same where all room is taken.
pub(crate) async fn who_waited_last_is_woken(make: Make) {
    let below = Below::new();
    let service = make().over(&below);
    let mut in_flight: Vec<_> = (0..ROOM)
        .map(|_| at_once(service.clone().oneshot(request())).unwrap())
        .collect();
    let mut waits = pin!(ask(service, request()));
    assert_pending!(poll_for_another(waits.as_mut()));
    let mut waits = task::spawn(waits);
    assert_pending!(waits.poll());
    in_flight.pop();
    assert!(waits.is_woken());
    assert_eq!(reason_of(&finish(&mut waits)), None);
}

/// Being polled without need does no harm, at whatever point: nothing is asked twice.
pub(crate) async fn polls_without_need_do_no_harm(make: Make) {
    for point in [Point::Ready, Point::Response, Point::Body] {
        let below = Below::new();
        below.meets(point, Trouble::Pause);
        let mut asked = task::spawn(ask(make().over(&below), request()));
        (0..5).for_each(|_| assert_pending!(asked.poll()));
        below.is_well();
        let result = finish(&mut asked);
        assert_eq!(reason_of(&result), None, "{point:?}");
        assert_eq!(below.calls(), 1, "{point:?}");
    }
}

/// One service may have several requests on their way, which need not end in the order they began.
pub(crate) async fn each_request_gets_its_own_answer(make: Make) {
    let below = Below::hesitant();
    let mut service = make().over(&below);
    for round in 0..5 {
        at_once(service.ready()).unwrap();
        let first = service.call(numbered(2 * round));
        at_once(service.ready()).unwrap();
        let second = service.call(numbered(2 * round + 1));
        for (asked, number) in [(second, 2 * round + 1), (first, 2 * round)] {
            let response = at_once(asked).unwrap();
            assert_eq!(response.extensions().get(), Some(&super::below::Number(number)));
        }
    }
}
