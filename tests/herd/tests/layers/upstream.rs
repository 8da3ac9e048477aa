//! An upstream with one queue, a cold start, and a liveness probe that waits behind real work.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use outrigger_gateway::{Failure, Reason};
use outrigger_herd::random::Random;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};
use tower_service::Service;

/// Requests a second that it serves when it is warm.
pub(crate) const CAPACITY: f64 = 100.0;
/// Places in its queue: two seconds of work, which is longer than anybody waits.
const QUEUE: usize = 200;
const COLD: f64 = 0.6;
const WARM_UP: Duration = Duration::from_secs(10);
const RESTART: Duration = Duration::from_secs(5);
/// How long a probe may wait, and how many may fail in a row.
const PROBE: Duration = Duration::from_secs(1);
const PROBES: u32 = 3;

pub(crate) type Body = Empty<Bytes>;

/// A handle to it; a request through it is one attempt.
#[derive(Clone)]
pub(crate) struct Upstream {
    state: Arc<Mutex<State>>,
    /// Which process it is: who waits for another one is cut off.
    process: Arc<watch::Sender<u32>>,
}

struct State {
    random: Random,
    up_since: Option<Instant>,
    /// When each that was let in is done, whether somebody still waits for it or not.
    queue: VecDeque<Instant>,
    probes_failed: u32,
    knocked_down: u32,
    taken_in: u32,
}

impl Upstream {
    /// Warm.
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            random: Random::new(seed),
            up_since: Some(Instant::now() - WARM_UP),
            queue: VecDeque::new(),
            probes_failed: 0,
            knocked_down: 0,
            taken_in: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            process: Arc::new(watch::Sender::new(0)),
        }
    }

    /// How often its probes have killed it.
    pub(crate) fn knocked_down(&self) -> u32 {
        self.state().knocked_down
    }

    /// How many requests it has queued.
    pub(crate) fn taken_in(&self) -> u32 {
        self.state().taken_in
    }

    /// It goes down, for so long, with all that is in it.
    pub(crate) async fn fail(&self, outage: Duration) {
        {
            let mut state = self.state();
            state.up_since = None;
            state.queue.clear();
            state.probes_failed = 0;
        }
        self.process.send_modify(|number| *number += 1);
        sleep(outage).await;
        self.state().up_since = Some(Instant::now());
    }

    /// Probes it once a second, and restarts it when that fails too often.
    pub(crate) async fn probe(self) {
        loop {
            sleep(Duration::from_secs(1)).await;
            if self.state().fails_probe(Instant::now()) {
                self.fail(RESTART).await;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds it")
    }
}

impl State {
    fn waits(&mut self, now: Instant) -> Duration {
        while self.queue.front().is_some_and(|done| *done <= now) {
            self.queue.pop_front();
        }
        let busy_until = self.queue.back().copied().unwrap_or(now);
        busy_until - now
    }

    fn fails_probe(&mut self, now: Instant) -> bool {
        let failed = self.up_since.is_some() && (self.waits(now) > PROBE || self.queue.len() >= QUEUE);
        self.probes_failed = if failed { self.probes_failed + 1 } else { 0 };
        let is_killed = self.probes_failed >= PROBES;
        self.knocked_down += u32::from(is_killed);
        is_killed
    }

    /// When a request that comes now is done; `None` if there is no place for it.
    fn take_in(&mut self, now: Instant) -> Result<Option<Instant>, Failure> {
        let up_since = self
            .up_since
            .ok_or_else(|| Failure::new(Reason::ConnectionRefused))?;
        let waits = self.waits(now);
        if self.queue.len() >= QUEUE {
            return Ok(None);
        }
        let warmth = ((now - up_since).as_secs_f64() / WARM_UP.as_secs_f64()).min(1.0);
        let rate = CAPACITY * (COLD + (1.0 - COLD) * warmth);
        let done = now + waits + Duration::from_secs_f64(self.random.exponential(1.0 / rate));
        self.queue.push_back(done);
        self.taken_in += 1;
        Ok(Some(done))
    }
}

impl<B> Service<Request<B>> for Upstream {
    type Response = Response<Body>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let upstream = self.clone();
        Box::pin(async move {
            let taken_in = upstream.state().take_in(Instant::now())?;
            let mut response = Response::new(Body::new());
            let Some(done) = taken_in else {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                return Ok(response);
            };
            let mut process = upstream.process.subscribe();
            match timeout_at(done, process.changed()).await {
                Ok(_) => Err(Failure::new(Reason::ClosedBeforeResponse)),
                Err(_) => Ok(response),
            }
        })
    }
}
