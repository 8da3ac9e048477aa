//! Which upstream a request is for: by its authority, then by its path.
//!
//! An exact host wins over a suffix, a longer suffix over a shorter one, any of them over a catch-all; within the
//! same host the longest path prefix wins. A request that no route wants fails with `no_route`.

use std::{
    cmp::Reverse,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, header};
use outrigger_gateway::{Failure, Reason};
use outrigger_layers::{exchange::Exchange, hop::Upgrade, observe::Bound, refusal::OrRefused};
use tower_service::Service;

use crate::{
    checks::Checks,
    config::{HostPattern, PathPrefix, Route, normalize_host},
    ready::call_ready,
};

/// Sends each request to the service of its route.
#[derive(Clone, Debug)]
pub(crate) struct Router<S> {
    ways: Arc<[Way<S>]>,
    /// Most sidecars have an app or a catch-all and nothing else: nothing to look at then.
    only: bool,
}

/// One combination of host and path that leads to a service.
#[derive(Clone, Debug)]
struct Way<S> {
    host: Option<HostPattern>,
    path: Option<PathPrefix>,
    bound: Arc<Bound>,
    reach: Reach<S>,
}

/// The services of one upstream.
#[derive(Clone, Debug)]
pub(crate) struct Reach<S> {
    /// For requests that end.
    pub(crate) requests: S,
    /// For those that are to be switched to another protocol: they last for hours, and must not take the places of
    /// the others.
    pub(crate) streams: S,
    /// For those that ask whether the app is well.
    pub(crate) exempt: S,
    /// Which these are.
    pub(crate) checks: Checks,
}

impl<S: Clone> Reach<S> {
    fn service<B>(&self, request: &mut Request<B>) -> S {
        if request.extensions().get::<Upgrade>().is_some() {
            return self.streams.clone();
        }
        match self.checks.mark(request) {
            false => self.requests.clone(),
            true => self.exempt.clone(),
        }
    }
}

impl<S: Clone> Router<S> {
    /// A router over these routes, in any order.
    pub(crate) fn new(routes: impl IntoIterator<Item = (Route, Arc<Bound>, Reach<S>)>) -> Self {
        let mut ways: Vec<Way<S>> = Vec::new();
        for (route, bound, reach) in routes {
            for host in or_any(&route.hosts) {
                for path in or_any(&route.paths) {
                    let (bound, reach) = (bound.clone(), reach.clone());
                    ways.push(Way {
                        host: host.cloned(),
                        path: path.cloned(),
                        bound,
                        reach,
                    });
                }
            }
        }
        ways.sort_by_key(|way| Reverse(way.rank()));
        let only = matches!(&*ways, [way] if way.host.is_none() && way.path.is_none());
        Self {
            ways: ways.into(),
            only,
        }
    }

    fn find<B>(&self, request: &Request<B>) -> Option<&Way<S>> {
        if self.only {
            return self.ways.first();
        }
        let host = request
            .headers()
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let host = normalize_host(host.unwrap_or_default());
        let path = request.uri().path();
        self.ways.iter().find(|way| way.wants(&host, path))
    }
}

/// Each pattern, or once "any" if there is none.
fn or_any<T>(patterns: &[T]) -> impl Iterator<Item = Option<&T>> + Clone {
    let any = patterns.is_empty().then_some(None);
    patterns.iter().map(Some).chain(any)
}

impl<S> Way<S> {
    /// The greater, the more specific.
    fn rank(&self) -> (u8, usize, usize) {
        let (kind, length) = match &self.host {
            Some(HostPattern::Exact(name)) => (2, name.len()),
            Some(HostPattern::Suffix(suffix)) => (1, suffix.len()),
            None => (0, 0),
        };
        (
            kind,
            length,
            self.path.as_ref().map_or(0, |path| path.as_str().len() + 1),
        )
    }

    fn wants(&self, host: &str, path: &str) -> bool {
        self.host
            .as_ref()
            .is_none_or(|pattern| pattern.matches_normalized(host))
            && self.path.as_ref().is_none_or(|prefix| prefix.matches(path))
    }
}

impl<S, A, B> Service<Request<A>> for Router<S>
where
    S: Service<Request<A>, Response = Response<B>, Error = Failure> + Clone,
{
    type Response = Response<B>;
    type Error = Failure;
    type Future = OrRefused<S::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        // Which service is to be ready only the request can tell.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let Some(way) = self.find(&request) else {
            return OrRefused::refused(lost(&request));
        };
        if let Some(exchange) = Exchange::of(request.extensions()) {
            exchange.bind(&way.bound);
        }
        let service = way.reach.service(&mut request);
        OrRefused::asked(call_ready(service, request))
    }
}

fn lost<B>(request: &Request<B>) -> Failure {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let path = request.uri().path();
    Failure::new(Reason::NoRoute).with_detail(format_args!("no upstream is configured for {host}{path}"))
}

#[cfg(test)]
mod tests;
