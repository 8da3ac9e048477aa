//! The adaptive limit: an app that is asked too much keeps answering soon, and one that is only slow is left alone.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::Response;
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use crate::harness::{App, Client, Reply, Sidecar, eventually, full, get, inbound_to, outbound_to};

/// An app that works on so many at once, each for so long; and how many are in there.
async fn app(workers: usize, service: Duration) -> (App, Arc<AtomicUsize>) {
    let workers = Arc::new(Semaphore::new(workers));
    let inside = Arc::new(AtomicUsize::new(0));
    let count = inside.clone();
    let app = App::http1(move |_| {
        let (workers, inside) = (workers.clone(), Inside::enter(&count));
        async move {
            let _worker = workers.acquire_owned().await;
            sleep(service).await;
            drop(inside);
            Response::new(full("ok"))
        }
    })
    .await;
    (app, inside)
}

struct Inside(Arc<AtomicUsize>);

impl Inside {
    fn enter(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count.clone())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// One client, for long enough that it is known what is usual.
async fn learn(sidecar: &Sidecar) {
    let client = Client::http1(sidecar.inbound()).await;
    for _ in 0..30 {
        assert_eq!(client.ask(get("/")).await.status, 200);
    }
}

/// The gauge of the app's adaptive limit.
async fn limit(sidecar: &Sidecar) -> f64 {
    let labels = [("upstream", "app"), ("kind", "adaptive")];
    sidecar.metrics().await.sum("outrigger_limit", &labels)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_is_asked_too_much_is_spared_and_the_rest_told_when_to_come_back() {
    let (app, inside) = app(1, Duration::from_millis(10)).await;
    let sidecar = Sidecar::start(&inbound_to(app.addr, "")).await;
    learn(&sidecar).await;
    assert_eq!(limit(&sidecar).await, 1024.0, "nothing binds");

    let (stop, refused) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(Mutex::new(Vec::<Reply>::new())),
    );
    let mut crowd = JoinSet::new();
    for n in 0..60 {
        let (stop, refused, addr) = (stop.clone(), refused.clone(), sidecar.inbound());
        crowd.spawn(async move {
            // One after the other: that each one more makes all wait longer is what tells a queue from a slow app.
            sleep(n * Duration::from_millis(30)).await;
            let client = Client::http1(addr).await;
            while !stop.load(Relaxed) {
                let reply = client.ask(get("/")).await;
                if reply.status == 503 {
                    refused.lock().unwrap().push(reply);
                    // Less patient than it was asked to be.
                    sleep(Duration::from_millis(100)).await;
                }
            }
        });
    }
    eventually("the limit to be far below the crowd", async || {
        (limit(&sidecar).await <= 30.0 && inside.load(Relaxed) <= 30).then_some(())
    })
    .await;
    stop.store(true, Relaxed);
    while let Some(result) = crowd.join_next().await {
        result.unwrap();
    }

    let refused = refused.lock().unwrap();
    let last = refused.last().unwrap();
    assert_eq!(last.reason().as_deref(), Some("overload"));
    assert!(
        refused
            .iter()
            .all(|reply| (1..=30).contains(&reply.field("retry-after").parse::<u64>().unwrap()))
    );
    let details = last.details();
    assert!(
        details.contains(" in flight: the adaptive limit of upstream app is "),
        "{details}"
    );
    assert!(
        details.contains(", usual latency ") && details.contains(" ms, now "),
        "{details}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_app_that_takes_all_at_once_is_left_alone() {
    let (app, inside) = app(1000, Duration::from_millis(500)).await;
    let sidecar = Sidecar::start(&inbound_to(app.addr, "")).await;
    let mut crowd = JoinSet::new();
    for _ in 0..100 {
        let addr = sidecar.inbound();
        crowd.spawn(async move {
            let client = Client::http1(addr).await;
            for _ in 0..5 {
                assert_eq!(client.ask(get("/")).await.status, 200);
            }
        });
    }
    eventually("a hundred at once", async || {
        (inside.load(Relaxed) == 100).then_some(())
    })
    .await;
    while let Some(result) = crowd.join_next().await {
        result.unwrap();
    }
    assert_eq!(limit(&sidecar).await, 1024.0);
}

#[tokio::test]
async fn an_app_that_is_gone_is_told_as_gone_however_many_ask() {
    for inbound in [true, false] {
        let (app, _) = app(1000, Duration::from_millis(5)).await;
        let config = if inbound {
            inbound_to(app.addr, "")
        } else {
            outbound_to(app.addr, "")
        };
        let sidecar = Sidecar::start(&config).await;
        let addr = if inbound {
            sidecar.inbound()
        } else {
            sidecar.outbound()
        };
        let client = Client::http1(addr).await;
        for _ in 0..30 {
            assert_eq!(client.ask(get("/")).await.status, 200);
        }
        drop(app);
        let mut crowd = JoinSet::new();
        for _ in 0..40 {
            crowd.spawn(async move {
                let client = Client::http1(addr).await;
                let mut told = Vec::new();
                for _ in 0..10 {
                    told.push(client.ask(get("/")).await);
                }
                told
            });
        }
        let told: Vec<Reply> = crowd.join_all().await.into_iter().flatten().collect();
        for reply in told {
            assert_eq!(reply.status, 502, "inbound {inbound}: {}", reply.details());
        }
    }
}
