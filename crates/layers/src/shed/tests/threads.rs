//! Several threads in one line: nobody is forgotten in it.

use std::{convert::Infallible, thread, time::Duration};

use http::{Request, Response};
use http_body_util::Empty;
use tokio::{
    runtime,
    task::{LocalSet, spawn_local, yield_now},
    time::timeout,
};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::{limit::LimitLayer, priority::Priority, random::random, shed::ShedLayer};

const THREADS: usize = 4;
const AT_ONCE: usize = 40;
const ROUNDS: usize = 25;
/// Only a request that is forgotten takes so long.
const NEVER: Duration = Duration::from_secs(60);

async fn yields() {
    for _ in 0..random() % 4 {
        yield_now().await;
    }
}

async fn ask<S>(service: S, impatient: bool)
where
    S: Service<Request<()>>,
{
    let mut request = Request::new(());
    let priority = Priority::ALL[random() as usize % Priority::ALL.len()];
    request.extensions_mut().insert(priority);
    let asked = timeout(NEVER, service.oneshot(request));
    if impatient {
        tokio::select! {
            answer = asked => assert!(answer.is_ok_and(|answer| answer.is_ok())),
            () = yields() => {}
        }
    } else {
        assert!(asked.await.is_ok_and(|answer| answer.is_ok()));
    }
}

#[test]
fn everyone_is_served_or_leaves_and_nothing_stays_behind() {
    let shed = ShedLayer::new(THREADS * AT_ONCE, NEVER);
    let limit = LimitLayer::new(3);
    let app = service_fn(async |_: Request<()>| {
        yields().await;
        Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new()))
    });
    let service = shed.layer(limit.layer(app));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let service = service.clone();
            scope.spawn(move || {
                let runtime = runtime::Builder::new_current_thread()
                    .enable_time()
                    .build()
                    .unwrap();
                LocalSet::new().block_on(&runtime, async move {
                    for _ in 0..ROUNDS {
                        let asked = (0..AT_ONCE).map(|n| spawn_local(ask(service.clone(), n % 4 == 0)));
                        for answer in asked.collect::<Vec<_>>() {
                            answer.await.unwrap();
                        }
                    }
                });
            });
        }
    });
    assert_eq!((shed.waiting(), limit.limit().in_flight()), (0, 0));
}
