//! Where an upstream's endpoints are: addresses as given, and names that are looked up again and again.
//!
//! The set is swapped atomically, so a request reads it without a lock. A name that stops resolving because its
//! servers are silent keeps the addresses it had; one that is authoritatively gone loses them.

mod dns;
mod set;

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use outrigger_gateway::{Failure, Reason};
use outrigger_layers::breaker::state::{Config, View};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

pub use self::{
    dns::{Resolver, ResolverError},
    set::{Choice, Set},
};
use crate::endpoint::Endpoint;

/// Where endpoints are to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An address.
    Address(SocketAddr),
    /// A name to look up (A and AAAA), and the port.
    Dns {
        /// The DNS name.
        host: Arc<str>,
        /// The port at each of its addresses.
        port: u16,
    },
}

/// An upstream's endpoints, kept up to date by [`Endpoints::keep`]. A clone is another handle.
#[derive(Clone, Debug)]
pub struct Endpoints {
    sources: Arc<[Source]>,
    set: Arc<ArcSwap<Set>>,
    /// When an endpoint is held back after failures, if ever.
    breakers: Option<Config>,
    /// Whether every source was asked at least once.
    settled: Arc<watch::Sender<bool>>,
}

impl Endpoints {
    /// Endpoints from `sources`; names are only looked up while [`keep`](Self::keep) runs.
    pub fn new(sources: impl IntoIterator<Item = Source>) -> Self {
        let sources: Arc<[Source]> = sources.into_iter().collect();
        let fixed = sources.iter().filter_map(|source| match source {
            Source::Address(address) => Some(Endpoint::new(*address)),
            Source::Dns { .. } => None,
        });
        let set = Set::new(fixed.collect(), None, None, &Set::default());
        let settled = !sources.iter().any(|source| matches!(source, Source::Dns { .. }));
        Self {
            sources,
            set: Arc::new(ArcSwap::from_pointee(set)),
            breakers: None,
            settled: Arc::new(watch::Sender::new(settled)),
        }
    }

    /// Endpoints at these addresses.
    pub fn fixed(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self::new(addresses.into_iter().map(Source::Address))
    }

    /// The same, each with a breaker of its own, which it keeps for as long as it stays.
    #[must_use]
    pub fn with_breakers(mut self, config: Config) -> Self {
        self.breakers = Some(config);
        let known = self.set.load();
        let set = Set::new(
            known.endpoints.clone(),
            known.failure.clone(),
            self.breakers,
            &known,
        );
        self.set.store(Arc::new(set));
        self
    }

    /// Whether there are names to look up.
    pub fn needs_lookup(&self) -> bool {
        self.sources
            .iter()
            .any(|source| matches!(source, Source::Dns { .. }))
    }

    /// The addresses known now.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.set.load().endpoints.iter().map(Endpoint::address).collect()
    }

    /// The endpoints known now, and what their breakers do.
    pub fn look(&self) -> Vec<(Endpoint, View)> {
        self.set.load().look()
    }

    /// The set known now; at the very start, the first one, waited for no longer than `limit`.
    ///
    /// # Errors
    ///
    /// Why there is no endpoint: `dns_error` or `dns_timeout`.
    pub async fn current(&self, limit: Duration) -> Result<Arc<Set>, Failure> {
        let set = self.set.load_full();
        if !set.endpoints.is_empty() {
            return Ok(set);
        }
        let mut settled = self.settled.subscribe();
        // An answer that is late is an answer that has not come; the set says what is known.
        let _ = timeout(limit, settled.wait_for(|settled| *settled)).await;
        let set = self.set.load_full();
        match (&set.failure, set.endpoints.is_empty()) {
            (_, false) => Ok(set),
            (Some(failure), true) => Err(failure.clone()),
            (None, true) => Err(Failure::new(Reason::DnsTimeout)
                .with_detail(format_args!("no answer from the name servers within {limit:?}"))),
        }
    }

    /// Looks names up, again as their answers expire, for as long as it is polled. A name whose servers are silent
    /// does not hold up the others.
    pub async fn keep(self, resolver: Resolver) {
        let known = Mutex::new(vec![Known::default(); self.sources.len()]);
        let sources = self.sources.iter().enumerate();
        join_all(sources.map(|(index, source)| self.keep_one(index, source, &resolver, &known))).await;
    }

    async fn keep_one(&self, index: usize, source: &Source, resolver: &Resolver, known: &Mutex<Vec<Known>>) {
        loop {
            let found = look_up(source, resolver).await;
            let wait = found.good_for;
            {
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                known[index].learn(found);
                self.publish(&known);
            }
            sleep(wait).await;
        }
    }

    fn publish(&self, known: &[Known]) {
        let mut seen = HashSet::new();
        let endpoints = known.iter().flat_map(|known| &known.endpoints);
        let endpoints: Vec<_> = endpoints
            .filter(|endpoint| seen.insert(endpoint.address()))
            .cloned()
            .collect();
        let failure = known.iter().find_map(|known| known.failure.clone());
        let before = self.set.load();
        if let Some(error) = &failure
            && before.failure.is_none()
        {
            tracing::warn!(%error, "an upstream's name does not resolve");
        }
        let settled = !endpoints.is_empty() || known.iter().all(|known| known.asked);
        if before.endpoints != endpoints || before.failure.is_some() || failure.is_some() {
            let set = Set::new(endpoints, failure, self.breakers, &before);
            self.set.store(Arc::new(set));
        }
        if settled {
            self.settled.send_replace(true);
        }
    }
}

/// What one source has brought so far.
#[derive(Clone, Default)]
struct Known {
    endpoints: Vec<Endpoint>,
    failure: Option<Failure>,
    asked: bool,
}

impl Known {
    fn learn(&mut self, found: dns::Answer) {
        self.asked = true;
        match found.result {
            Ok(endpoints) => {
                self.endpoints = endpoints;
                self.failure = None;
            }
            Err(failure) => {
                if found.denied {
                    self.endpoints.clear();
                }
                self.failure = Some(failure);
            }
        }
    }
}

async fn look_up(source: &Source, resolver: &Resolver) -> dns::Answer {
    match source {
        Source::Address(address) => dns::Answer::fixed(*address),
        Source::Dns { host, port } => resolver.lookup(host, *port).await,
    }
}

#[cfg(test)]
mod tests;
