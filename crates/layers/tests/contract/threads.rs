//! Threads share a layer and lose no wake-up between them: whoever waits is served in the end, whatever others do.

use std::{thread, time::Duration};

use outrigger_gateway::Reason;
use tokio::{runtime::Builder, time::timeout};
use tokio_test::task;

use super::{
    Make, ROOM,
    below::Below,
    subject::{Service, ask, assert_passes, reason_of, request},
};

/// Twice as many as there is room for.
const THREADS: usize = 2 * ROOM;
const REQUESTS: usize = 150;

/// Far longer than it takes; a wake-up that is lost shows as this.
const HUNG: Duration = Duration::from_secs(120);

/// Every third request is given up after one poll, which is when places and turns are handed on.
pub(crate) async fn threads_lose_no_wake_up(make: Make) {
    let below = Below::hesitant();
    let service = make().over(&below);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let service = service.clone();
            scope.spawn(move || {
                let runtime = Builder::new_current_thread().enable_time().build().unwrap();
                let done = runtime.block_on(async { timeout(HUNG, many(service)).await });
                assert!(done.is_ok(), "somebody waits, and is not woken");
            });
        }
    });
    assert_eq!(below.held(), 0);
    assert_passes(&service);
}

async fn many(service: Service) {
    for number in 0..REQUESTS {
        if number % 3 == 0 {
            drop(task::spawn(ask(service.clone(), request())).poll());
            continue;
        }
        let met = reason_of(&ask(service.clone(), request()).await);
        // Who comes to a line in which those still stand whose turn it is may find it full.
        assert!(met.is_none() || met == Some(Reason::Overload), "{met:?}");
    }
}
