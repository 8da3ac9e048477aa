//! An upstream: sends a request to one of its endpoints, and says exactly what went wrong if that fails.
//!
//! It decides which endpoint (in turn, those left out that their breakers hold back), which protocol, how long to wait
//! for a head, and whether a failed attempt may be made once more: only what was provably not processed, or an idempotent
//! request without a body that met a connection just being closed. It does not bound the whole request (see deadline) nor
//! how many are in flight (see limit).

mod attempt;
mod incoming;
mod outgoing;
mod tunnel;
mod upgrade;

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicUsize},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use outrigger_gateway::{Failure, Reason, grpc};
use outrigger_layers::{
    breaker::{Breaker, Pass},
    deadline::Deadline,
    exchange::Exchange,
};
use tokio::time::Instant;
use tower_service::Service;

use self::{
    attempt::{Attempt, Rejected},
    outgoing::Outgoing,
    upgrade::Switch,
};
use crate::{
    body::{BoxError, RequestBody, ResponseBody},
    connect::{Connect, Protocol},
    discover::{Choice, Endpoints, Set},
    endpoint::Endpoint,
    pool::{Pool, PoolConfig},
};

/// Which HTTP version to speak to an upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speak {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; without TLS, with prior knowledge.
    Http2,
    /// What ALPN settles; without TLS, HTTP/2 for gRPC and HTTP/1.1 for everything else.
    #[default]
    Auto,
}

/// How long an upstream may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the end of the request's body to the response's head; not for gRPC.
    pub head: Duration,
    /// Without a byte moving, in a body up or down.
    pub idle: Duration,
    /// For one attempt, connecting left out, until the response's head.
    pub attempt: Option<Duration>,
    /// The same as `idle` for gRPC and server-sent events.
    pub stream_idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            attempt: None,
            idle: Duration::from_secs(60),
            stream_idle: Duration::from_secs(3600),
        }
    }
}

/// How an upstream is spoken to.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpstreamConfig {
    /// Which HTTP version.
    pub speak: Speak,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// How connections are made and kept.
    pub pool: PoolConfig,
}

/// Sends requests to the endpoints of one upstream, over connections of its own.
///
/// A clone shares them. One belongs to one worker: its locks are only ever taken by that worker's thread.
pub struct Upstream<C, B>(Arc<Inner<C, B>>);

struct Inner<C, B> {
    name: Arc<str>,
    connector: Arc<C>,
    switching: Option<Arc<C>>,
    endpoints: Endpoints,
    config: UpstreamConfig,
    slots: Mutex<Slots<C, B>>,
    next: AtomicUsize,
    outgoing: outgoing::Cache,
}

/// The connection pools for one set of endpoints.
struct Slots<C, B> {
    set: Option<Arc<Set>>,
    slots: Arc<[Slot<C, B>]>,
}

/// The pools of one endpoint.
struct Slot<C, B> {
    /// For everything, but where `grpc` has a pool of its own.
    main: Arc<Pool<C, RequestBody<B>>>,
    /// HTTP/2 with prior knowledge, beside HTTP/1.1.
    grpc: Option<Arc<Pool<C, RequestBody<B>>>>,
    /// HTTP/1.1, for requests that are to be switched to another protocol.
    switching: Option<Arc<Pool<C, RequestBody<B>>>>,
}

impl<C, B> Clone for Slot<C, B> {
    fn clone(&self) -> Self {
        Self {
            main: self.main.clone(),
            grpc: self.grpc.clone(),
            switching: self.switching.clone(),
        }
    }
}

impl<C, B> Slot<C, B> {
    fn of(main: Arc<Pool<C, RequestBody<B>>>) -> Self {
        Self {
            main,
            grpc: None,
            switching: None,
        }
    }

    /// The pool for a request of this kind.
    fn pool(&self, is_grpc: bool, switches: bool) -> &Arc<Pool<C, RequestBody<B>>> {
        let apart = match (switches, is_grpc) {
            (true, _) => &self.switching,
            (false, true) => &self.grpc,
            (false, false) => &None,
        };
        apart.as_ref().unwrap_or(&self.main)
    }

    fn pools(&self) -> impl Iterator<Item = &Arc<Pool<C, RequestBody<B>>>> {
        [Some(&self.main), self.grpc.as_ref(), self.switching.as_ref()]
            .into_iter()
            .flatten()
    }
}

impl<C, B> Clone for Upstream<C, B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C, B> fmt::Debug for Upstream<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}

impl<C: Connect, B> Upstream<C, B> {
    /// The upstream `name`, reached at `endpoints` through `connector`.
    pub fn new(name: Arc<str>, endpoints: Endpoints, connector: Arc<C>, config: UpstreamConfig) -> Self {
        Self::with_switching(name, endpoints, connector, None, config)
    }

    /// The same, with a connector that agrees on HTTP/1.1 where `connector` leaves the choice to the endpoint: for
    /// requests that are to be switched to another protocol, which HTTP/1.1 can everywhere.
    pub fn with_switching(
        name: Arc<str>,
        endpoints: Endpoints,
        connector: Arc<C>,
        switching: Option<Arc<C>>,
        config: UpstreamConfig,
    ) -> Self {
        let slots = Mutex::new(Slots {
            set: None,
            slots: Arc::new([]),
        });
        let next = AtomicUsize::new(outrigger_layers::random::random() as usize);
        let outgoing = outgoing::Cache::new(connector.is_secure());
        Self(Arc::new(Inner {
            name,
            connector,
            switching,
            endpoints,
            config,
            slots,
            next,
            outgoing,
        }))
    }

    /// Drops connections that were idle for too long; call it now and then.
    pub fn sweep(&self) {
        let slots = self.0.lock().slots.clone();
        let now = Instant::now();
        for slot in slots.iter() {
            slot.pools().for_each(|pool| pool.sweep(now));
        }
    }
}

impl<C, B> Inner<C, B> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Slots<C, B>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Connect, B> Inner<C, B> {
    /// The endpoints known now, and the pools of each; pools of endpoints that stay are kept.
    async fn slots(&self) -> Result<(Arc<Set>, Arc<[Slot<C, B>]>), Failure> {
        let set = self.endpoints.current(self.config.pool.connect_timeout).await?;
        let mut slots = self.lock();
        if slots.set.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &set)) {
            let kept = slots.slots.clone();
            let slot = |endpoint: &Endpoint| {
                let same = |slot: &&Slot<C, B>| slot.main.endpoint() == endpoint;
                kept.iter()
                    .find(same)
                    .cloned()
                    .unwrap_or_else(|| self.slot(endpoint))
            };
            slots.slots = set.endpoints.iter().map(slot).collect();
            slots.set = Some(set.clone());
        }
        Ok((set, slots.slots.clone()))
    }

    fn slot(&self, endpoint: &Endpoint) -> Slot<C, B> {
        let pool = |connector: &Arc<C>, spoken| {
            Arc::new(Pool::new(
                endpoint.clone(),
                connector.clone(),
                spoken,
                self.config.pool,
            ))
        };
        let http1 = |connector| pool(connector, Some(Protocol::Http1));
        let http2 = |connector| pool(connector, Some(Protocol::Http2));
        let connector = &self.connector;
        match (self.config.speak, connector.is_secure()) {
            (Speak::Http1, _) => Slot::of(http1(connector)),
            (Speak::Http2, _) => Slot::of(http2(connector)),
            (Speak::Auto, true) => Slot {
                switching: self.switching.as_ref().map(http1),
                ..Slot::of(pool(connector, None))
            },
            (Speak::Auto, false) => Slot {
                grpc: Some(http2(connector)),
                ..Slot::of(http1(connector))
            },
        }
    }
}

impl<C, B> Inner<C, B>
where
    C: Connect,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    async fn send(
        &self,
        exchange: Option<&Exchange>,
        request: &mut Option<Request<RequestBody<B>>>,
    ) -> Result<Response<ResponseBody<C, RequestBody<B>>>, Failure> {
        let ours = |failure: Failure| failure.at_upstream(self.name.clone());
        let (set, slots) = self.slots().await.map_err(ours)?;
        let sent = request.as_mut().expect("there is a request to send");
        let is_grpc = exchange.map_or_else(|| grpc::is_grpc(sent.headers()), Exchange::is_grpc);
        let outgoing = Outgoing::of(sent, &self.outgoing).map_err(ours)?;
        let switch = Switch::of(sent);
        let switches = switch.is_some();
        let deadline = sent.extensions().get::<Deadline>().copied();
        let attempt = Attempt {
            exchange,
            deadline,
            outgoing,
            timeouts: self.config.timeouts,
            is_grpc,
            switch,
        };

        let choice = set.choose(&self.next, None).or_else(|| set.last_resort(None));
        let Choice { mut index, mut pass } = choice.ok_or_else(|| ours(set.refusal()))?;
        let mut fresh = false;
        // One repeat of what was provably not processed is free; every other is the business of retry.
        for tried in 0.. {
            let pool = slots[index].pool(is_grpc, switches);
            let Rejected { failure, reused } = match attempt.make(pool, request, fresh).await {
                Ok(response) => {
                    if let Some(pass) = pass
                        && pass.answered(response.status(), response.headers(), deadline)
                    {
                        set.served(index);
                    }
                    return Ok(response);
                }
                Err(rejected) => rejected,
            };
            failed(pass, &failure);
            let hopeless = failure.reason() == Reason::TlsAlert;
            if tried > 0 || request.is_none() || hopeless {
                return Err(ours(failure));
            }
            // A server on its way out refuses on fresh connections too; the next one may reach its successor.
            let again = || {
                set.admit(index)
                    .filter(|_| reused || failure.reason() == Reason::StreamRefused)
            };
            let elsewhere = set
                .choose(&self.next, Some(index))
                .or_else(|| set.last_resort(Some(index)));
            fresh = elsewhere.is_none();
            Choice { index, pass } = match elsewhere.or_else(again) {
                Some(choice) => choice,
                None => return Err(ours(failure)),
            };
        }
        unreachable!("the second turn returns")
    }
}

/// Tells an endpoint's breaker what became of an attempt.
fn failed(pass: Option<Pass<&Breaker>>, failure: &Failure) {
    // What this process has no room for is no endpoint's fault.
    if let Some(pass) = pass.filter(|_| failure.reason() != Reason::Internal) {
        pass.failed(failure);
    }
}

impl<C, B> Service<Request<B>> for Upstream<C, B>
where
    C: Connect,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<C, RequestBody<B>>>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let exchange = Exchange::of(request.extensions()).cloned();
        let request = request.map(|body| RequestBody::new(body, exchange.clone()));
        let (inner, mut request) = (self.0.clone(), Some(request));
        // A block takes up what an `async fn` would hold twice: its arguments.
        Box::pin(async move { inner.send(exchange.as_ref(), &mut request).await })
    }
}
