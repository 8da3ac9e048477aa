//! Where an upstream's endpoints are: addresses as given, and names that are looked up again and again.
//!
//! The set is swapped atomically, so a request reads it without a lock. A name that stops resolving because its
//! servers are silent keeps the addresses it had; one that is authoritatively gone loses them.

mod dns;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use outrigger_gateway::{Failure, Reason};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

pub use self::dns::{Resolver, ResolverError};
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

/// The endpoints known at one moment.
#[derive(Debug, Default)]
pub(crate) struct Set {
    pub(crate) endpoints: Vec<Endpoint>,
    /// Why there is none, or not all.
    pub(crate) failure: Option<Failure>,
}

/// An upstream's endpoints, kept up to date by [`Endpoints::keep`]. A clone is another handle.
#[derive(Clone, Debug)]
pub struct Endpoints {
    sources: Arc<[Source]>,
    set: Arc<ArcSwap<Set>>,
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
        let set = Set {
            endpoints: fixed.collect(),
            failure: None,
        };
        let settled = !sources.iter().any(|source| matches!(source, Source::Dns { .. }));
        Self {
            sources,
            set: Arc::new(ArcSwap::from_pointee(set)),
            settled: Arc::new(watch::Sender::new(settled)),
        }
    }

    /// Endpoints at these addresses.
    pub fn fixed(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self::new(addresses.into_iter().map(Source::Address))
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

    /// The set known now; at the very start, the first one, waited for no longer than `limit`.
    pub(crate) async fn current(&self, limit: Duration) -> Result<Arc<Set>, Failure> {
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

    /// Looks names up, again as their answers expire, for as long as it is polled.
    pub async fn keep(self, resolver: Resolver) {
        let mut known: Vec<Vec<SocketAddr>> = vec![Vec::new(); self.sources.len()];
        loop {
            let mut failure = None;
            let mut next = dns::LONGEST;
            for (source, known) in self.sources.iter().zip(&mut known) {
                match source {
                    Source::Address(address) => *known = vec![*address],
                    Source::Dns { host, port } => {
                        let answer = resolver.lookup(host, *port).await;
                        next = next.min(answer.good_for);
                        match answer.result {
                            Ok(addresses) => *known = addresses,
                            Err(error) => {
                                if error.reason() == Reason::DnsError && answer.denied {
                                    known.clear();
                                }
                                tracing::warn!(host = &**host, error = %error, "a name does not resolve");
                                failure = Some(error);
                            }
                        }
                    }
                }
            }
            self.publish(known.iter().flatten().copied(), failure);
            sleep(next).await;
        }
    }

    fn publish(&self, addresses: impl Iterator<Item = SocketAddr>, failure: Option<Failure>) {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for address in addresses {
            if endpoints.iter().all(|endpoint| endpoint.address() != address) {
                endpoints.push(Endpoint::new(address));
            }
        }
        let before = self.set.load();
        if before.endpoints != endpoints || before.failure.is_some() || failure.is_some() {
            self.set.store(Arc::new(Set { endpoints, failure }));
        }
        self.settled.send_replace(true);
    }
}
