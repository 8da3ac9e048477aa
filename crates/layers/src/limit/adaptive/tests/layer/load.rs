//! Whole apps behind the layer, in virtual time.

use http_body_util::{Empty, Full};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use super::*;

/// What a load through the layer came to.
#[derive(Default)]
struct Came {
    took: Vec<Duration>,
    refused: u32,
}

/// Requests at even distances to a service that takes so long for each, so many at a time.
async fn load(
    layer: &AdaptiveLayer,
    workers: &Arc<Semaphore>,
    service: Duration,
    every: Duration,
    count: u32,
) -> Came {
    let workers = workers.clone();
    let app = service_fn(move |_: Request<Upload<Empty<Bytes>>>| {
        let workers = workers.clone();
        async move {
            let _worker = workers.acquire_owned().await.map_err(Failure::from_error)?;
            tokio::time::sleep(service).await;
            Ok::<_, Failure>(Response::new(Full::<Bytes>::default()))
        }
    });
    let mut asked = JoinSet::new();
    let mut came = Came::default();
    for _ in 0..count {
        let request = layer.layer(app.clone()).oneshot(Request::new(Empty::new()));
        asked.spawn(async move {
            let begun = Instant::now();
            request.await.map(|_| begun.elapsed())
        });
        tokio::time::sleep(every).await;
        while let Some(result) = asked.try_join_next() {
            came.note(result.unwrap());
        }
    }
    while let Some(result) = asked.join_next().await {
        came.note(result.unwrap());
    }
    came
}

impl Came {
    fn note(&mut self, result: Result<Duration, Failure>) {
        match result {
            Ok(took) => self.took.push(took),
            Err(failure) => {
                assert_eq!(failure.reason(), Reason::Overload);
                assert!(failure.detail().unwrap().contains("the adaptive limit here is "));
                self.refused += 1;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_worker_under_three_times_its_load_answers_soon_and_refuses_the_rest() {
    let millis = Duration::from_millis;
    let layer = AdaptiveLayer::server();
    let worker = Arc::new(Semaphore::new(1));
    let well = load(&layer, &worker, millis(10), millis(20), 500).await;
    assert_eq!((well.refused, layer.limit().unwrap().max()), (0, None));
    let at_first = load(&layer, &worker, millis(10), millis(3), 1500).await;
    assert!(at_first.refused > 500);
    let then = load(&layer, &worker, millis(10), millis(3), 6000).await;
    assert!(
        then.took.iter().all(|took| *took < millis(250)),
        "{:?}",
        then.took.iter().max()
    );
    assert!(then.took.len() >= 1700, "{}", then.took.len());
    assert_eq!(layer.limit().unwrap().in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_app_that_takes_all_at_once_refuses_nobody() {
    let millis = Duration::from_millis;
    let layer = AdaptiveLayer::server();
    let workers = Arc::new(Semaphore::new(1000));
    for every in [50, 5, 2, 5] {
        let came = load(&layer, &workers, millis(500), millis(every), 2000).await;
        assert_eq!((came.refused, layer.limit().unwrap().max()), (0, None));
    }
}
