//! The product: what happens to a request, top to bottom. The first line sees the request first.
//!
//! Inbound and outbound are this same function; the app beside us is an upstream with one endpoint. Each worker
//! builds its own stack from the shared [`plan`](crate::plan): what workers have in common (limits, metrics,
//! endpoints) is in there.

use std::sync::Arc;

use hyper::body::Incoming;
use outrigger_layers::{
    deadline::WithDeadline,
    hop::{Hop, HopLayer},
    limit::{
        Limited,
        adaptive::{Adaptive, Upload},
    },
    maintenance::Maintenance,
    observe::{Observe, ObserveLayer},
    rate,
    respond::{Respond, RespondLayer},
    retry::{Replay, Retry},
    shed::Shed,
    stack::Room,
};
use tower::{ServiceBuilder, util::Either};

use crate::{
    admit::{Admit, AdmitLayer},
    config::Route,
    connector::Connector,
    plan::{Bound, Direction, Upstream},
    route::{Reach, Router},
};

/// What serves the requests of one direction. Its error is `Infallible`: every failure has become a response.
pub(crate) type Stack = Observe<Respond<Hop<Admit<Router<Reached>>>>>;

/// How one upstream is reached.
type Reached = Maintenance<WithDeadline<Rationed<Rated<Shed<Limited<Adaptive<Retry<Pooled>>>>>>>>;

/// Where a rate for each caller may be configured.
type Rationed<S> = Either<rate::Rationed<S, rate::ByCaller>, S>;

/// Where a rate may be configured.
type Rated<S> = Either<rate::Limited<S>, S>;

/// An upstream over connections of one worker.
pub(crate) type Pooled = outrigger_upstream::Upstream<Connector, Replay<Upload<Incoming>>>;

/// Which requests go to an upstream, what counts them there, and how it is reached.
type Way = (Route, Arc<Bound>, Reach<Reached>);

/// The way of one request.
pub(crate) fn stack(direction: &Direction) -> (Stack, Vec<Pooled>) {
    let (routes, pools): (Vec<_>, Vec<_>) = direction.upstreams.iter().map(reach).unzip();
    let stack = ServiceBuilder::new()
        // First, so that nothing goes untold; it tells at the end of the body, when everything is known.
        .layer(ObserveLayer::new(&direction.metrics, direction.access))
        // Above all that may fail: from here down a failure is a value, from here up it is a response.
        .layer(RespondLayer::gateway(&*direction.name, direction.details))
        // Before anyone reads a header: what was meant for us alone, or is not to be believed, goes.
        .layer(HopLayer::new(direction.via.clone()))
        // Before anything is done for the caller: may it come in?
        .layer(AdmitLayer {
            target_bytes: direction.target_bytes,
            header_fields: direction.limits.header_fields.get() as usize,
        })
        // Which upstream; the rest of the way is that upstream's own.
        .service(Router::new(routes));
    (stack, pools)
}

/// The rest of the way, once it is known which upstream.
fn reach(upstream: &Upstream) -> (Way, Pooled) {
    let (parts, pooled) = (&upstream.parts, upstream.pooled());
    let within = |room: &Room| {
        ServiceBuilder::new()
            // By order, before anything is spent on the request.
            .layer(parts.maintenance.clone())
            // Above every queue: time spent waiting counts.
            .layer(parts.deadline)
            // Who asks too often is told so, before it takes from what is there for all.
            .option_layer(parts.quota.clone())
            // What comes too fast does not even wait.
            .option_layer(parts.rate.clone())
            // Waiting for a place is bounded in number and time; beyond it the caller is told no at once.
            .layer(room.shed.clone())
            // A place is held until the response's body has ended, or what follows an upgrade.
            .layer(room.limit.clone())
            // Below the queue, since who waits for a place of ours says nothing of the upstream: a queue that stands there gets no
            // longer, and who is told no waits nowhere.
            .layer(room.adaptive.clone())
            // In the place that the request has already; only what is safe to repeat, within what successes earned.
            // The upstream below repeats by itself what was not processed, and takes the same copy for it: no head changes here.
            .layer(parts.retry.clone().lending())
            // Which endpoint, which connection, and what went wrong there.
            .service(pooled.clone())
    };
    let reach = Reach {
        requests: within(&parts.requests),
        streams: within(&parts.streams),
        exempt: within(&parts.exempt),
        checks: upstream.checks.clone(),
    };
    ((upstream.route.clone(), upstream.bound.clone(), reach), pooled)
}
