//! The layers themselves, as they ship, around an upstream that is down for a while and comes back cold.
//!
//! The scenario of pent-up jobs at a tenth of the model's scale, on a paused clock: what the simulation says of the types
//! that decide must be true of the layers that ask them.

mod upstream;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use outrigger_herd::random::Random;
use outrigger_layers::{
    classify::BoxError,
    stack::{ClientLayer, Config, ServerLayer, Timeouts},
};
use tokio::time::{sleep, timeout};
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

use self::upstream::{Body, CAPACITY, Upstream};

/// Fresh jobs a second.
const LOAD: f64 = 0.7 * CAPACITY;
const PATIENCE: Duration = Duration::from_secs(1);
const BEFORE: Duration = Duration::from_secs(15);
const OUTAGE: Duration = Duration::from_secs(20);
/// What is looked at in the end.
const AFTER: Duration = Duration::from_secs(40);
const LAST: Duration = Duration::from_secs(20);

type Network = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// What came of a run.
#[derive(Debug)]
struct Outcome {
    knocked_down: u32,
    /// Served in the last 20 s, over the fresh load.
    goodput: f64,
    /// Taken in by the upstream in that time, over what was served.
    tries: f64,
}

/// Whether our stack is in the clients, and beside the upstream.
#[derive(Clone, Copy)]
struct With {
    clients: bool,
    server: bool,
}

async fn run(clients: usize, with: With, seed: u64) -> Outcome {
    let upstream = Upstream::new(seed);
    tokio::spawn(upstream.clone().probe());
    let network = network(&upstream, with.server);
    let served = Arc::new(AtomicU32::new(0));
    for client in 0..clients {
        let random = Random::new(seed ^ (client as u64 + 1) << 32);
        let pause = clients as f64 / LOAD;
        tokio::spawn(client_of(
            ask(network.clone(), with.clients),
            random,
            pause,
            served.clone(),
        ));
    }
    sleep(BEFORE).await;
    upstream.fail(OUTAGE).await;
    sleep(AFTER).await;
    let before = (served.load(Relaxed), upstream.taken_in());
    sleep(LAST).await;
    let last = f64::from(served.load(Relaxed) - before.0);
    Outcome {
        knocked_down: upstream.knocked_down(),
        goodput: last / (LOAD * LAST.as_secs_f64()),
        tries: f64::from(upstream.taken_in() - before.1) / last.max(1.0),
    }
}

/// The upstream as its callers reach it: as it is, or behind our server's side.
fn network(upstream: &Upstream, server: bool) -> Network {
    if !server {
        return erased(upstream.clone());
    }
    let stack = ServerLayer::standard(&Config::default()).expect("the defaults can be obeyed");
    erased(stack.layer(upstream.clone()))
}

/// One call as a client makes it: by our stack, or four times in a row.
fn ask(network: Network, ours: bool) -> Network {
    if ours {
        let config = Config {
            timeout: Timeouts {
                attempt: Some(PATIENCE),
                ..Timeouts::default()
            },
            ..Config::default()
        };
        let plain = tower::service_fn(move |request: Request<_>| {
            network.clone().oneshot(request.map(|_| Body::new()))
        });
        return erased(
            ClientLayer::standard(&config)
                .expect("an attempt may take a second")
                .layer(plain),
        );
    }
    erased(tower::service_fn(move |_: Request<Body>| {
        let network = network.clone();
        async move {
            let mut last = Err("nobody answered".into());
            for _ in 0..4 {
                let answer = timeout(PATIENCE, network.clone().oneshot(Request::default())).await;
                last = answer.unwrap_or_else(|late| Err(late.into()));
                if last
                    .as_ref()
                    .is_ok_and(|response| response.status() == StatusCode::OK)
                {
                    break;
                }
            }
            last
        }
    }))
}

/// Without types and bodies.
fn erased<S, R>(service: S) -> Network
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    R: 'static,
{
    let service = service.map_response(|response: Response<R>| response.map(|_| Body::new()));
    BoxCloneSyncService::new(service.map_err(Into::into))
}

/// Has jobs, and keeps each until it is done.
async fn client_of(client: Network, mut random: Random, pause: f64, served: Arc<AtomicU32>) {
    loop {
        sleep(Duration::from_secs_f64(random.exponential(pause))).await;
        let (client, served, mut random) = (client.clone(), served.clone(), Random::new(random.next()));
        tokio::spawn(async move {
            while !is_done(client.clone()).await {
                sleep(random.time_between(4.0, 6.0)).await;
            }
            served.fetch_add(1, Relaxed);
        });
    }
}

async fn is_done(mut client: Network) -> bool {
    let Ok(client) = client.ready().await else {
        return false;
    };
    let answer = client.call(Request::default()).await;
    answer.is_ok_and(|response| response.status() == StatusCode::OK)
}

#[tokio::test(start_paused = true)]
async fn clients_without_our_stack_knock_it_down_again_and_again() {
    for clients in [10, 100] {
        let with = With {
            clients: false,
            server: false,
        };
        let outcome = run(clients, with, 1).await;
        assert!(
            outcome.knocked_down >= 4 && outcome.goodput < 0.5,
            "{clients}: {outcome:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn our_stack_on_both_sides_lets_it_come_back() {
    for (clients, seed) in [(10, 1), (10, 2), (100, 1), (100, 2)] {
        let with = With {
            clients: true,
            server: true,
        };
        let outcome = run(clients, with, seed).await;
        assert_eq!(outcome.knocked_down, 0, "{clients}: {outcome:?}");
        assert!(
            outcome.goodput >= 0.9 && outcome.tries <= 1.5,
            "{clients}: {outcome:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn our_servers_side_alone_keeps_it_up() {
    for clients in [10, 100] {
        let with = With {
            clients: false,
            server: true,
        };
        let outcome = run(clients, with, 1).await;
        assert_eq!(outcome.knocked_down, 0, "{clients}: {outcome:?}");
    }
}
