//! Twice what can be done, for ten seconds: who is served is served soon, and as many as could be.

use std::{convert::Infallible, future::ready, rc::Rc, time::Duration};

use http::{Request, Response};
use http_body_util::Empty;
use outrigger_gateway::Failure;
use tokio::{
    task::LocalSet,
    time::{Instant, sleep, sleep_until},
};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    limit::LimitLayer,
    random::share,
    shed::{Config, ShedLayer},
};

const SECONDS: u64 = 10;

/// An app: how many it serves at once, and how long one takes on average.
#[derive(Clone, Copy, Debug)]
struct App {
    places: u32,
    takes: Duration,
}

/// What became of those who came.
struct Told {
    /// How long the served took, sorted.
    served: Vec<Duration>,
    refused: usize,
}

impl Told {
    fn quantile(&self, share: f64) -> Duration {
        self.served[((self.served.len() - 1) as f64 * share) as usize]
    }
}

impl App {
    /// Requests in a second.
    fn capacity(self) -> f64 {
        f64::from(self.places) / self.takes.as_secs_f64()
    }

    /// What comes in ten seconds, `load` times what can be done, at random times.
    async fn under(self, load: f64, codel: bool) -> Told {
        let shed = ShedLayer::with_config(Config {
            codel,
            ..Config::default()
        });
        let limit = LimitLayer::new(self.places as usize);
        let random = Rc::new(Numbers::default());
        let takes = self.takes;
        let numbers = random.clone();
        let app = service_fn(move |_: Request<()>| {
            // From half to one and a half times the average.
            let takes = takes.mul_f64(0.5 + numbers.share());
            async move {
                sleep(takes).await;
                ready(Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new()))).await
            }
        });
        let service = shed.layer(limit.layer(app));
        let tasks = LocalSet::new();
        let (start, mut at) = (Instant::now(), 0.0);
        let mut asked = Vec::new();
        while at < SECONDS as f64 {
            let (service, at_once) = (service.clone(), start + Duration::from_secs_f64(at));
            asked.push(tasks.spawn_local(async move {
                sleep_until(at_once).await;
                let response = service.oneshot(Request::new(())).await;
                response.map(drop).map(|()| at_once.elapsed())
            }));
            at += -(1.0 - random.share()).ln() / (load * self.capacity());
        }
        let answers = tasks.run_until(async move {
            let mut answers: Vec<Result<Duration, Failure>> = Vec::new();
            for answer in asked {
                answers.push(answer.await.unwrap());
            }
            answers
        });
        let (served, refused): (Vec<_>, Vec<_>) = answers.await.into_iter().partition(Result::is_ok);
        let mut served: Vec<_> = served.into_iter().flatten().collect();
        served.sort_unstable();
        Told {
            served,
            refused: refused.len(),
        }
    }
}

/// The same numbers in each run.
#[derive(Default)]
struct Numbers(std::cell::Cell<u64>);

impl Numbers {
    fn share(&self) -> f64 {
        let next = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(next);
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        share((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb))
    }
}

const fn app(places: u32, millis: u64) -> App {
    App {
        places,
        takes: Duration::from_millis(millis),
    }
}

const APPS: [App; 5] = [app(2, 20), app(4, 10), app(10, 20), app(40, 100), app(100, 1000)];

#[tokio::test(start_paused = true)]
async fn at_twice_the_load_the_served_are_served_soon_and_nothing_of_the_capacity_is_lost() {
    for app in APPS {
        let base = app.under(0.5, true).await;
        let over = app.under(2.0, true).await;
        let (usual, late) = (base.quantile(0.99), over.quantile(0.99));
        assert!(late <= 3 * usual, "{app:?}: {late:?} of {usual:?}");
        let possible = app.capacity() * SECONDS as f64;
        let goodput = over.served.len() as f64 / possible;
        assert!(goodput >= 0.95, "{app:?}: {goodput}");
        assert!(over.refused as f64 >= 0.8 * possible, "it was twice the load");
    }
}

/// The control: without it, all who are served have waited as long as they may.
#[tokio::test(start_paused = true)]
async fn first_come_first_served_makes_everyone_late() {
    let app = app(10, 20);
    let (base, over) = (app.under(0.5, false).await, app.under(2.0, false).await);
    assert!(over.quantile(0.5) > 8 * base.quantile(0.99));
}

#[tokio::test(start_paused = true)]
async fn within_its_capacity_next_to_nobody_is_refused() {
    for app in APPS {
        let told = app.under(0.7, true).await;
        let refused = told.refused as f64 / (told.served.len() + told.refused) as f64;
        assert!(refused < 0.02, "{app:?}: {refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_served() {
    let layer = ShedLayer::new(128, Duration::from_millis(250));
    let app = service_fn(async |_: Request<()>| {
        sleep(Duration::from_millis(20)).await;
        Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new()))
    });
    let service = layer.layer(LimitLayer::new(20).layer(app));
    for _ in 0..10 {
        // Five times what goes at once: the last ones wait for 80 ms.
        let asked = (0..100).map(|_| service.clone().oneshot(Request::new(())));
        let tasks = LocalSet::new();
        let asked: Vec<_> = asked.map(|asked| tasks.spawn_local(asked)).collect();
        tasks
            .run_until(async {
                for answer in asked {
                    assert!(answer.await.unwrap().is_ok());
                }
            })
            .await;
        sleep(Duration::from_millis(50)).await;
    }
}
