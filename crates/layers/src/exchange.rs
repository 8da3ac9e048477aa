//! What the layers of one request share: an [`Exchange`], in the request's extensions.
//!
//! [`observe`](crate::observe) makes it; routing, upstreams and [`respond`](crate::respond) write into it; the
//! access log and the metrics are told from it when the response's body has ended. Every layer also works
//! without one.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::Extensions;
use outrigger_gateway::Failure;
use tokio::time::Instant;

use crate::{observe::Bound, trace::TraceId};

/// The shared record of one request and its response. A clone is another handle to the same record.
#[derive(Clone, Debug)]
pub struct Exchange(Arc<Record>);

#[derive(Debug)]
struct Record {
    started: Instant,
    trace: TraceId,
    grpc: bool,
    upstream: OnceLock<Arc<Bound>>,
    attempts: AtomicU32,
    /// Microseconds from the start; 0 = has not happened.
    head: AtomicU64,
    connect_time: AtomicU64,
    request_bytes: AtomicU64,
    tunnelled_bytes: AtomicU64,
    told: Mutex<Told>,
}

/// What is written at most a few times a request, and only where there is something to tell.
#[derive(Debug, Default)]
struct Told {
    endpoint: Option<Arc<str>>,
    failure: Option<Failure>,
}

impl Exchange {
    pub(crate) fn new(started: Instant, trace: TraceId, grpc: bool) -> Self {
        Self(Arc::new(Record {
            started,
            trace,
            grpc,
            upstream: OnceLock::new(),
            attempts: AtomicU32::new(0),
            head: AtomicU64::new(0),
            connect_time: AtomicU64::new(0),
            request_bytes: AtomicU64::new(0),
            tunnelled_bytes: AtomicU64::new(0),
            told: Mutex::default(),
        }))
    }

    /// The exchange that these extensions belong to, if anyone observes it.
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// When the request's head had arrived.
    pub fn started(&self) -> Instant {
        self.0.started
    }

    /// The trace that the request belongs to.
    pub fn trace(&self) -> TraceId {
        self.0.trace
    }

    /// Whether the caller speaks gRPC.
    pub fn is_grpc(&self) -> bool {
        self.0.grpc
    }

    /// Binds the exchange to the upstream that was chosen for it; the first choice stands.
    pub fn bind(&self, upstream: &Arc<Bound>) {
        if self.0.upstream.set(upstream.clone()).is_ok() {
            upstream.begin();
        }
    }

    /// The upstream that was chosen.
    pub fn upstream(&self) -> Option<&Arc<Bound>> {
        self.0.upstream.get()
    }

    /// Counts one more attempt, at this endpoint.
    pub fn attempt(&self, endpoint: &Arc<str>) {
        self.0.attempts.fetch_add(1, Relaxed);
        if let Some(bound) = self.upstream() {
            bound.attempt();
        }
        self.told().endpoint = Some(endpoint.clone());
    }

    /// How many attempts were made.
    pub fn attempts(&self) -> u32 {
        self.0.attempts.load(Relaxed)
    }

    /// The endpoint of the last attempt.
    pub fn endpoint(&self) -> Option<Arc<str>> {
        self.told().endpoint.clone()
    }

    /// Notes that a new connection was made, and how long that took.
    pub fn connected(&self, took: Duration) {
        self.0.connect_time.fetch_add(micros(took), Relaxed);
    }

    /// Time spent making connections, over all attempts.
    pub fn connect_time(&self) -> Duration {
        Duration::from_micros(self.0.connect_time.load(Relaxed))
    }

    /// Notes that the response's head is there.
    pub fn head_received(&self) {
        self.0
            .head
            .store(micros(self.0.started.elapsed()).max(1), Relaxed);
    }

    /// Time from the start to the response's head, once it is there.
    pub fn head_time(&self) -> Option<Duration> {
        match self.0.head.load(Relaxed) {
            0 => None,
            at => Some(Duration::from_micros(at)),
        }
    }

    /// Counts bytes of the request's body as they are sent on.
    pub fn count_request_bytes(&self, bytes: usize) {
        self.0.request_bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Bytes of the request's body that were sent on.
    pub fn request_bytes(&self) -> u64 {
        self.0.request_bytes.load(Relaxed)
    }

    /// Counts bytes that came from the upstream behind its response: after an upgrade there is no body.
    pub fn count_tunnelled_bytes(&self, bytes: u64) {
        self.0.tunnelled_bytes.fetch_add(bytes, Relaxed);
    }

    /// Bytes that came from the upstream behind its response.
    pub fn tunnelled_bytes(&self) -> u64 {
        self.0.tunnelled_bytes.load(Relaxed)
    }

    /// Notes the failure that the caller is told of; the last one stands.
    pub fn fail(&self, failure: &Failure) {
        self.told().failure = Some(failure.clone());
    }

    /// The failure that the caller was told of.
    pub fn failure(&self) -> Option<Failure> {
        self.told().failure.clone()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
