//! The connections to one endpoint, of one worker.
//!
//! Idle HTTP/1.1 connections are kept last in, first out; HTTP/2 connections are shared up to a number of
//! streams. Where it is not known yet whether the endpoint speaks HTTP/2, and where it does, one dial serves all
//! who wait for it, and goes on if the request that began it is given up. It bounds how long a connection idles
//! and how old it gets, not how many there are: requests in flight are bounded above, by the limit.

mod lease;
mod state;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use http_body::Body;
use outrigger_gateway::{Failure, Reason};
use outrigger_layers::{exchange::Exchange, random::random};
use tokio::{sync::oneshot, time::Instant};

pub(crate) use self::lease::{Lease, Leased};
use self::state::State;
use crate::{
    classify::{Phase, Scene},
    connect::{self, Connect, Protocol},
    connection::{Connection, Facts, HttpLimits},
    endpoint::Endpoint,
};

/// So many streams share one HTTP/2 connection before another is opened, if the peer does not allow fewer.
const STREAMS: usize = 100;

/// How connections are made and kept.
#[derive(Clone, Copy, Debug)]
pub struct PoolConfig {
    /// The most that connecting, TCP and TLS together, may take.
    pub connect_timeout: Duration,
    /// How long a connection may be idle; below what common servers allow themselves, so that we close first.
    pub idle: Duration,
    /// How old a connection may be when a request starts on it; each draws up to a tenth less.
    pub age: Duration,
    /// What a response's head may be like.
    pub http: HttpLimits,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            idle: Duration::from_secs(30),
            age: Duration::from_secs(15 * 60),
            http: HttpLimits::default(),
        }
    }
}

/// The connections to one endpoint.
pub(crate) struct Pool<C, B> {
    endpoint: Endpoint,
    connector: Arc<C>,
    /// What is spoken where nothing is negotiated.
    spoken: Option<Protocol>,
    config: PoolConfig,
    state: Mutex<State<B>>,
}

/// How a dial for all went: what is known of the connection that was made.
type Told = Result<Arc<Facts>, Failure>;

/// Who makes the connection that a request needs.
enum Dials {
    /// HTTP/1.1: each needs one of its own.
    Oneself,
    /// Someone does already, for everyone.
    Another,
    /// Nobody does yet, for everyone.
    Nobody,
}

/// A dial for all. However it ends, the next one may begin, and nobody waits in vain.
struct Dialing<'a, C, B>(&'a Pool<C, B>);

impl<C, B> Dialing<'_, C, B> {
    /// Those who wait to hear how it went.
    fn done(&self) -> Vec<oneshot::Sender<Told>> {
        let mut state = self.0.state();
        state.dialing = false;
        std::mem::take(&mut state.waiting)
    }
}

impl<C, B> Drop for Dialing<'_, C, B> {
    fn drop(&mut self) {
        self.done();
    }
}

impl<C, B> Pool<C, B> {
    pub(crate) fn new(
        endpoint: Endpoint,
        connector: Arc<C>,
        spoken: Option<Protocol>,
        config: PoolConfig,
    ) -> Self {
        let state = State {
            protocol: spoken,
            idle: VecDeque::new(),
            shared: Vec::new(),
            dialing: false,
            waiting: Vec::new(),
        };
        Self {
            endpoint,
            connector,
            spoken,
            config,
            state: Mutex::new(state),
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn connector(&self) -> &C {
        &self.connector
    }

    /// Drops connections that are closed, too old, or idle for too long.
    pub(crate) fn sweep(&self, now: Instant) {
        let idle_limit = self.config.idle;
        let mut state = self.state();
        state
            .idle
            .retain(|idle| !idle.sender.is_closed() && idle.expires > now && now < idle.since + idle_limit);
        state.shared.retain(|shared| {
            let idles = shared.streams.load(Relaxed) == 0;
            !shared.sender.is_closed()
                && !(idles && (shared.expires <= now || shared.since + idle_limit <= now))
        });
    }

    /// Only this worker uses the pool, so the lock is free whenever it is asked for.
    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expiry(&self, born: Instant) -> Instant {
        let age = self.config.age;
        let tenth = u64::try_from(age.as_nanos() / 10).unwrap_or(u64::MAX).max(1);
        born + age - Duration::from_nanos(random() % tenth)
    }
}

impl<C, B> Pool<C, B>
where
    C: Connect,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Room for one request on a connection that is there already.
    pub(crate) fn room(&self) -> Option<Leased<B>> {
        let now = Instant::now();
        let mut state = self.state();
        state
            .shared_room(now)
            .or_else(|| state.idle_room(now, self.config.idle))
    }

    /// Room for one request on a new connection; one that becomes free meanwhile will do, unless `fresh` insists.
    pub(crate) async fn connect(
        self: &Arc<Self>,
        fresh: bool,
        exchange: Option<&Exchange>,
    ) -> Result<Leased<B>, Failure> {
        if fresh {
            return self.dial(exchange.cloned()).await;
        }
        let mut made = None::<Arc<Facts>>;
        loop {
            if let Some(leased) = self.room() {
                return Ok(leased);
            }
            if let Some(facts) = made.take_if(|facts| facts.has_ended()) {
                return Err(self.gone(facts).await);
            }
            let waiting = match self.who_dials() {
                Dials::Oneself => return self.dial(exchange.cloned()).await,
                Dials::Another => self.enqueue(),
                Dials::Nobody => {
                    let waiting = self.enqueue();
                    tokio::spawn(self.clone().dial_for_all(exchange.cloned()));
                    waiting
                }
            };
            // The dialing task never goes away without a word, unless its runtime does.
            made = Some(waiting.await.unwrap_or_else(|_| Err(Reason::Internal.into()))?);
        }
    }

    fn who_dials(&self) -> Dials {
        let mut state = self.state();
        if state.protocol == Some(Protocol::Http1) {
            return Dials::Oneself;
        }
        match std::mem::replace(&mut state.dialing, true) {
            true => Dials::Another,
            false => Dials::Nobody,
        }
    }

    fn enqueue(&self) -> oneshot::Receiver<Told> {
        let (tell, waiting) = oneshot::channel();
        self.state().waiting.push(tell);
        waiting
    }

    /// Dials once for all who wait, and tells them how it went.
    async fn dial_for_all(self: Arc<Self>, exchange: Option<Exchange>) {
        let dialing = Dialing(&self);
        let result = self.dial(exchange).await;
        let waiting = dialing.done();
        let told = result.map(|leased| {
            let facts = leased.connection.facts.clone();
            self.state().put(leased);
            facts
        });
        for waiting in waiting {
            // Whoever has given up waiting does not hear it.
            let _ = waiting.send(told.clone());
        }
    }

    /// The connection ended before HTTP began on it.
    fn stillborn(&self, error: hyper::Error) -> Failure {
        let failure = self.connector.classify(&error).unwrap_or_else(|| {
            let text = format_args!("the connection ended before HTTP began: {error}");
            Failure::new(Reason::ClosedBeforeResponse).with_detail(text)
        });
        let failure = failure.with_unprocessed(true).with_source(error);
        failure.at_endpoint(self.endpoint.label().clone())
    }

    /// The connection made for all ended before any request could use it; the next one would fare no better.
    async fn gone(&self, facts: Arc<Facts>) -> Failure {
        let cause = facts.cause().await;
        let scene = Scene {
            connector: &*self.connector,
            endpoint: &self.endpoint,
            phase: Phase::Head,
            reused: false,
            answered: facts.received.bytes(),
            protocol: Protocol::Http2,
            received: &facts.received,
        };
        let failure = match cause {
            Some(error) => scene.failure(&*error).with_source(error),
            None => scene.closed("closed").at_endpoint(self.endpoint.label().clone()),
        };
        failure.with_unprocessed(true)
    }

    async fn dial(&self, exchange: Option<Exchange>) -> Result<Leased<B>, Failure> {
        let limit = self.config.connect_timeout;
        let (connected, took) = connect::within(&*self.connector, &self.endpoint, limit).await?;
        if let Some(exchange) = &exchange {
            exchange.connected(took);
        }
        let protocol = connected.protocol.or(self.spoken).unwrap_or(Protocol::Http1);
        let begun = Connection::begin(connected, protocol, self.config.http).await;
        let connection = begun.map_err(|error| self.stillborn(error))?;
        let expires = self.expiry(connection.facts.born);
        let mut state = self.state();
        state.protocol = Some(protocol);
        let stream = state.share(&connection, expires);
        Ok(Leased {
            connection,
            stream,
            expires,
        })
    }
}

#[cfg(test)]
mod tests;
