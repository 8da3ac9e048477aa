//! The herd over real sockets: an app of limited strength dies, and comes back cold to clients that kept their jobs.
//!
//! A few seconds and some clients here; `just herd-real` makes it half a minute and 200 of them, and prints the figures. What
//! the app has to do is counted, not spent, so that no machine is too slow for it.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Response, StatusCode};
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::harness::{App, Client, Reply, Sidecar, full, get, inbound_to, outbound_to, setting};

/// Requests a second that a warm app can serve, and fresh jobs of all clients together.
const CAPACITY: f64 = 100.0;
const LOAD: f64 = 70.0;
/// Two seconds of work: longer than anybody waits.
const QUEUE: usize = 200;
const PATIENCE: Duration = Duration::from_secs(1);
/// What a caller gives its sidecar, which makes several attempts.
const LONG_PATIENCE: Duration = Duration::from_secs(5);
/// A cold app has six tenths of its strength.
const COLD: f64 = 0.6;
const WARM_UP: Duration = Duration::from_secs(4);
/// So many probes in a row that would wait for so long kill it.
const PROBES: u32 = 3;
const PROBE: Duration = Duration::from_millis(750);
const PROBED_EACH: Duration = Duration::from_millis(250);
const RESTART: Duration = Duration::from_millis(1500);
/// For so long it is learned what is usual, and what came of it is looked at.
const BEFORE: Duration = Duration::from_secs(4);
const AFTER: Duration = Duration::from_secs(12);

/// An app with one queue.
struct Strained {
    work: Arc<Mutex<Work>>,
    addr: SocketAddr,
    app: Mutex<Option<App>>,
    knocked_down: AtomicU32,
}

struct Work {
    up_since: Instant,
    /// When each that was let in is done, whether somebody still waits for it or not.
    queue: VecDeque<Instant>,
}

impl Strained {
    async fn start() -> Arc<Self> {
        let work = Arc::new(Mutex::new(Work {
            up_since: Instant::now() - WARM_UP,
            queue: VecDeque::new(),
        }));
        let of_app = work.clone();
        let app = App::http1(move |_| serve(of_app.clone())).await;
        Arc::new(Self {
            work,
            addr: app.addr,
            app: Mutex::new(Some(app)),
            knocked_down: AtomicU32::new(0),
        })
    }

    /// Dies with all that is in it, and is back after so long.
    async fn die(&self, outage: Duration) {
        *self.app.lock().unwrap() = None;
        sleep(outage).await;
        {
            let mut work = self.work();
            work.queue.clear();
            work.up_since = Instant::now();
        }
        let work = self.work.clone();
        let app = App::http1_at(self.addr, move |_| serve(work.clone())).await;
        *self.app.lock().unwrap() = Some(app);
    }

    /// Probes it until the end, and kills it when that fails too often.
    async fn probe(self: Arc<Self>) {
        let mut failed = 0;
        loop {
            sleep(PROBED_EACH).await;
            let is_up = self.app.lock().unwrap().is_some();
            failed = if is_up && self.work().waits() > PROBE {
                failed + 1
            } else {
                0
            };
            if failed >= PROBES {
                self.knocked_down.fetch_add(1, Relaxed);
                self.die(RESTART).await;
            }
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap()
    }
}

impl Work {
    fn waits(&mut self) -> Duration {
        let now = Instant::now();
        while self.queue.front().is_some_and(|done| *done <= now) {
            self.queue.pop_front();
        }
        self.queue.back().map_or(Duration::ZERO, |done| *done - now)
    }

    /// When a request that comes now is done, if there is a place for it.
    fn take_in(&mut self) -> Option<Instant> {
        let begins = Instant::now() + self.waits();
        let warmth = (self.up_since.elapsed().as_secs_f64() / WARM_UP.as_secs_f64()).min(1.0);
        let rate = CAPACITY * (COLD + (1.0 - COLD) * warmth);
        let done = begins + Duration::from_secs_f64(1.0 / rate);
        (self.queue.len() < QUEUE).then(|| {
            self.queue.push_back(done);
            done
        })
    }
}

async fn serve(work: Arc<Mutex<Work>>) -> Response<crate::harness::Body> {
    let taken_in = work.lock().unwrap().take_in();
    let mut response = Response::new(full("done"));
    match taken_in {
        Some(done) => sleep_until(done).await,
        None => *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
    }
    response
}

/// One of many, with connections of its own.
struct Caller {
    addr: SocketAddr,
    /// Attempts that it makes itself, with no wait in between.
    attempts: u32,
    idle: Mutex<Vec<Client>>,
    sent: Arc<AtomicU32>,
    served: Arc<AtomicU32>,
}

impl Caller {
    /// Has jobs, each after so long, and keeps each until it is done.
    async fn work(self: Arc<Self>, first: Duration, pause: Duration) {
        let mut jobs = JoinSet::new();
        sleep(first).await;
        for n in 0.. {
            let caller = self.clone();
            jobs.spawn(async move {
                while !caller.is_done().await {
                    // Who was refused at the same moment need not come back at the same.
                    sleep(Duration::from_millis(1000 + u64::from(n * 37 % 500_u32))).await;
                }
                caller.served.fetch_add(1, Relaxed);
            });
            sleep(pause).await;
        }
    }

    async fn is_done(&self) -> bool {
        for _ in 0..self.attempts {
            self.sent.fetch_add(1, Relaxed);
            let patience = if self.attempts > 1 {
                PATIENCE
            } else {
                LONG_PATIENCE
            };
            if timeout(patience, self.attempt()).await == Ok(Some(true)) {
                return true;
            }
        }
        false
    }

    /// Whether it was served; `None` if there was no answer.
    async fn attempt(&self) -> Option<bool> {
        let idle = self.idle.lock().unwrap().pop();
        let client = match idle {
            Some(client) => client,
            None => Client::http1_over(TcpStream::connect(self.addr).await.ok()?).await,
        };
        let response = client.try_send(get("/")).await.ok()?;
        let status = Reply::read(response).await.status;
        self.idle.lock().unwrap().push(client);
        Some(status == 200)
    }
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    knocked_down: u32,
    /// Jobs done over those that came, from the end of the outage on.
    goodput: f64,
    /// Requests of callers for each of them.
    tries: f64,
}

/// So many clients that reach the app through these, with an outage of so long.
async fn run(
    app: Arc<Strained>,
    entries: &[SocketAddr],
    attempts: u32,
    clients: u32,
    outage: Duration,
) -> Outcome {
    let (sent, served) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let pause = Duration::from_secs_f64(f64::from(clients) / LOAD);
    let mut tasks = JoinSet::new();
    tasks.spawn(app.clone().probe());
    for n in 0..clients {
        let caller = Caller {
            addr: entries[n as usize % entries.len()],
            attempts,
            idle: Mutex::default(),
            sent: sent.clone(),
            served: served.clone(),
        };
        tasks.spawn(Arc::new(caller).work(pause * n / clients, pause));
    }
    sleep(BEFORE).await;
    app.die(outage).await;
    let before = (sent.load(Relaxed), served.load(Relaxed));
    sleep(AFTER + outage).await;
    let done = f64::from(served.load(Relaxed) - before.1);
    Outcome {
        knocked_down: app.knocked_down.load(Relaxed),
        goodput: done / (LOAD * (AFTER + outage).as_secs_f64()),
        tries: f64::from(sent.load(Relaxed) - before.0) / done.max(1.0),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn naive_clients_knock_a_recovering_app_down_again_and_ours_do_not() {
    let outage = Duration::from_secs(setting("OUTRIGGER_HERD_SECONDS", 4));
    let clients = u32::try_from(setting("OUTRIGGER_HERD_CLIENTS", 40)).unwrap();

    let alone = Strained::start().await;
    let protected = Strained::start().await;
    let beside_the_app = Sidecar::start(&inbound_to(protected.addr, "")).await;
    let keys = "timeout = { attempt = \"1s\" }";
    let mut beside_clients = Vec::new();
    for _ in 0..4 {
        beside_clients.push(Sidecar::start(&outbound_to(beside_the_app.inbound(), keys)).await);
    }
    let entries: Vec<_> = beside_clients.iter().map(Sidecar::outbound).collect();

    let naive_entries = [alone.addr];
    let (naive, ours) = tokio::join!(
        run(alone, &naive_entries, 4, clients, outage),
        run(protected, &entries, 1, clients, outage),
    );
    println!("{clients} clients, {outage:?} down\nnaive: {naive:?}\nours: {ours:?}");
    assert!(
        naive.knocked_down >= 2,
        "a harness in which nothing falls proves nothing: {naive:?}"
    );
    assert_eq!(ours.knocked_down, 0, "{ours:?}");
    assert!(
        ours.goodput > naive.goodput && ours.tries < naive.tries,
        "{ours:?}, {naive:?}"
    );
}
