//! What a request held is free again once it is over, however it came to its end: the layers under test and the
//! service below have [`ROOM`] places, so that whatever is kept once too often is missed by a request that follows.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use outrigger_gateway::Reason;
use tokio_test::{
    assert_pending,
    task::{self, Spawn},
};
use tower::ServiceExt;

use super::{
    Make, ROOM,
    below::{Below, Point, Trouble},
    body::Script,
    subject::{ask, assert_passes, at_once, finish, read, reason_of, request, request_of},
};

/// More polls than any exchange takes that comes to an end.
const POLLS: usize = 64;

/// Timers that are waited for end some of these later.
const MOMENT: Duration = Duration::from_millis(50);

/// The end of a response's body is its request's end, though the body itself is still there: whether the end is told by
/// a last frame, by `is_end_stream`, by trailers, or known from the start.
pub(crate) async fn the_end_of_a_body_is_seen(make: Make) {
    for script in Script::KINDS {
        let below = Below::answering(script);
        let service = make().over(&below);
        let mut ended = Vec::new();
        for _ in 0..=ROOM {
            let mut body = at_once(service.clone().oneshot(request())).unwrap().into_body();
            let (_, broken) = at_once(read(&mut body));
            assert!(broken.is_none());
            ended.push(body);
            assert_eq!(below.held(), 0, "{script:?}");
        }
    }
}

/// So is its failure.
pub(crate) async fn the_failure_of_a_body_is_seen(make: Make) {
    let below = Below::new();
    below.meets(Point::Body, Trouble::Failure(Reason::StreamReset));
    let service = make().over(&below);
    let mut broken = Vec::new();
    for _ in 0..=ROOM {
        let mut body = at_once(service.clone().oneshot(request())).unwrap().into_body();
        let (_, failure) = at_once(read(&mut body));
        assert_eq!(failure.unwrap().reason(), Reason::StreamReset);
        broken.push(body);
        assert_eq!(below.held(), 0);
    }
}

/// A request that failed holds nothing, though its future and the failure are still there.
pub(crate) async fn failures_hold_nothing(make: Make) {
    let below = Below::new();
    below.meets(Point::Response, Trouble::Failure(Reason::ResponseTimeout));
    let service = make().over(&below);
    let mut failed = Vec::new();
    for _ in 0..=ROOM {
        let mut asked = task::spawn(ask(service.clone(), request()));
        let result = finish(&mut asked);
        assert_eq!(reason_of(&result), Some(Reason::ResponseTimeout));
        failed.push((asked, result));
        assert_eq!(below.held(), 0);
    }
    below.is_well();
    assert_passes(&service);
}

/// An exchange that is dropped behind any of its polls leaves nothing: waiting for readiness, for the response, between
/// two frames, or before another attempt.
pub(crate) async fn dropped_at_any_point_it_leaves_nothing(make: Make) {
    let refused = Trouble::Failure(Reason::ConnectionRefused);
    for (times, point, trouble) in [
        (0, Point::Response, refused),
        (usize::MAX, Point::Ready, Trouble::Pause),
        (usize::MAX, Point::Response, Trouble::Pause),
        (usize::MAX, Point::Body, Trouble::Pause),
        (1, Point::Response, refused),
        (usize::MAX, Point::Response, refused),
    ] {
        let (below, caller) = (Below::hesitant(), Below::hesitant());
        let service = make().over(&below);
        for polls in 0..POLLS {
            below.meets_times(times, point, trouble);
            let mut asked = task::spawn(ask(service.clone(), request_of(&caller)));
            let over = poll_times(&mut asked, polls).await;
            drop(asked);
            below.is_well();
            let held = (below.held(), caller.held());
            assert_eq!(held, (0, 0), "{trouble:?} at {point:?}, {polls} polls");
            assert_passes(&service);
            assert!(
                !over || trouble != Trouble::Pause,
                "it was refused what had been dropped"
            );
            if over {
                break;
            }
        }
    }
}

/// So does a panic below, in whatever it happens; it is not swallowed, but goes up to where the server handles it.
pub(crate) async fn a_panic_leaves_nothing(make: Make) {
    for point in Point::ALL {
        let below = Below::new();
        let service = make().over(&below);
        for _ in 0..=ROOM {
            below.meets(point, Trouble::Panic);
            let mut asked = task::spawn(ask(service.clone(), request()));
            let outcome = catch_unwind(AssertUnwindSafe(|| finish(&mut asked)));
            assert!(outcome.is_err(), "{point:?}");
            drop(asked);
            below.is_well();
            assert_eq!(below.held(), 0, "{point:?}");
            assert_passes(&service);
        }
    }
}

/// Nor does one while the request's body is read, or in an attempt that follows another.
pub(crate) async fn a_panic_later_on_leaves_nothing(make: Make) {
    for of_caller in [true, false] {
        let (below, caller) = (Below::new(), Below::new());
        let service = make().over(&below);
        for _ in 0..=ROOM {
            if of_caller {
                caller.meets(Point::Body, Trouble::Panic);
            } else {
                below.meets_times(1, Point::Response, Trouble::Failure(Reason::ConnectionRefused));
                below.meets(Point::Response, Trouble::Panic);
            }
            let mut asked = task::spawn(ask(service.clone(), request_of(&caller)));
            for _ in 0..POLLS {
                let Ok(polled) = catch_unwind(AssertUnwindSafe(|| asked.poll().is_ready())) else {
                    break;
                };
                // Only some layers make another attempt.
                if polled {
                    assert!(!of_caller);
                    break;
                }
                tokio::time::sleep(MOMENT).await;
            }
            drop(asked);
            below.is_well();
            caller.is_well();
            assert_eq!((below.held(), caller.held()), (0, 0));
            assert_passes(&service);
        }
    }
}

/// Who waits for room and goes away, at whatever moment and however, does not leave those behind it waiting.
pub(crate) async fn who_leaves_a_line_holds_up_nobody(make: Make) {
    for leaving in [0, 1] {
        for way in ["early", "when it is its turn", "failing", "panicking"] {
            let below = Below::new();
            let service = make().over(&below);
            let ask_for_head = || at_once(service.clone().oneshot(request())).unwrap();
            let in_flight: Vec<_> = (0..ROOM).map(|_| ask_for_head()).collect();
            let wait = |_| task::spawn(ask(service.clone(), request()));
            let mut waiting: Vec<_> = (0..ROOM).map(wait).collect();
            waiting.iter_mut().for_each(|asked| assert_pending!(asked.poll()));

            match way {
                "failing" => below.meets_times(1, Point::Ready, Trouble::Failure(Reason::Draining)),
                "panicking" => below.meets_times(1, Point::Ready, Trouble::Panic),
                _ => {}
            }
            let mut leaver = waiting.remove(leaving);
            if way == "early" {
                drop(leaver);
                drop(in_flight);
            } else {
                drop(in_flight);
                if way != "when it is its turn" {
                    let _ = catch_unwind(AssertUnwindSafe(|| leaver.poll().is_ready()));
                }
                drop(leaver);
            }
            let mut left = waiting.remove(0);
            assert!(left.is_woken(), "{way}");
            // The trouble may have met it instead.
            if let Ok(result) = catch_unwind(AssertUnwindSafe(|| finish(&mut left))) {
                let met = reason_of(&result);
                assert!(met.is_none() || met == Some(Reason::Draining), "{way}: {met:?}");
            }
            drop(left);
            assert_eq!(below.held(), 0, "{way}");
            below.is_well();
            (0..=ROOM).for_each(|_| assert_passes(&service));
        }
    }
}

/// Whether it was over by then.
async fn poll_times<F: Future>(task: &mut Spawn<F>, polls: usize) -> bool {
    for _ in 0..polls {
        if task.poll().is_ready() {
            return true;
        }
        if !task.is_woken() {
            // It waits for a timer, or for nothing that will come.
            tokio::time::sleep(MOMENT).await;
        }
    }
    false
}
