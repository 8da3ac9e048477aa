//! What is measured: each layer alone, tower's beside ours where there is one, and all of ours as the sidecar stacks
//! them. None of them meets any trouble.

use std::{
    fmt::Debug,
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, Version};
use http_body::Body;
use http_body_util::Full;
use metrics::NoopRecorder;
use outrigger_gateway::Failure;
use outrigger_layers::{
    breaker::{BreakerLayer, state},
    deadline::DeadlineLayer,
    hop::{Client, HopLayer, Name},
    limit::LimitLayer,
    observe::{Access, Direction, Metrics, ObserveLayer},
    respond::{Details, RespondLayer},
    shed::ShedLayer,
    timeout::TimeoutLayer,
};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer, load_shed::LoadShedLayer,
    service_fn,
};

/// A request that brings its response along, so that making neither is measured.
pub(crate) type Question = Request<Box<Answer>>;
pub(crate) type Answer = Response<Full<Bytes>>;

const LONG: Duration = Duration::from_secs(30);
const MANY: usize = 1024;

/// Does something with each service that is measured.
pub(crate) trait Each {
    /// One of them, by its name.
    fn visit<S, B>(&mut self, name: &str, service: S)
    where
        S: Service<Question, Response = Response<B>, Error: Debug> + Clone,
        B: Body<Data = Bytes>;
}

/// Everything that is measured; the first is the app that the others wrap.
pub(crate) fn visit_all<A>(each: &mut impl Each, app: &A)
where
    A: Service<Question, Response = Answer, Error = Failure> + Clone,
{
    let app = || app.clone();
    let (observe, respond, hop) = (observe(), respond(), hop());
    let (shed, limit) = (ShedLayer::new(128, LONG), LimitLayer::new(MANY));

    each.visit("nothing", app());
    each.visit("timeout", TimeoutLayer::new(LONG).layer(app()));
    each.visit(
        "timeout, of tower",
        tower::timeout::TimeoutLayer::new(LONG).layer(app()),
    );
    each.visit("deadline, none", DeadlineLayer::new(None).layer(app()));
    each.visit("deadline", DeadlineLayer::new(Some(LONG)).layer(app()));
    each.visit("limit", limit.layer(app()));
    each.visit("limit, of tower", ConcurrencyLimitLayer::new(MANY).layer(app()));
    each.visit("shed and limit", shed.layer(limit.layer(app())));
    let towers = (LoadShedLayer::new(), ConcurrencyLimitLayer::new(MANY));
    each.visit("shed and limit, of tower", towers.layer(app()));
    each.visit(
        "breaker",
        BreakerLayer::new(state::Config::default()).layer(app()),
    );
    each.visit("hop", hop.layer(app()));
    each.visit("respond", respond.layer(app()));
    each.visit("observe", observe.layer(app()));

    // The order of the sidecar's stack.rs.
    let stack = ServiceBuilder::new()
        .layer(observe)
        .layer(respond)
        .layer(hop)
        .layer(DeadlineLayer::new(None))
        .layer(shed)
        .layer(limit);
    each.visit("all, as in the sidecar", stack.service(app()));
}

/// An app that answers at the second, as one does that is asked over a network.
pub(crate) fn after_a_wait() -> impl Service<Question, Response = Answer, Error = Failure> + Clone {
    service_fn(async |question: Question| {
        let mut waited = false;
        poll_fn(|_| match std::mem::replace(&mut waited, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
        Ok(*question.into_body())
    })
}

/// Asks once and reads the answer to its end. Layers with timers need a runtime's context, but nobody waits: what is
/// pending is polled again at once.
pub(crate) fn ask<S, B>(service: &S, question: Question)
where
    S: Service<Question, Response = Response<B>, Error: Debug> + Clone,
    B: Body<Data = Bytes>,
{
    let mut asked = pin!(async {
        let response = service.clone().oneshot(question).await;
        let mut body = pin!(response.expect("nothing here may fail").into_body());
        while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            assert!(frame.is_ok(), "the app's body does not fail");
        }
    });
    let mut context = Context::from_waker(Waker::noop());
    while asked.as_mut().poll(&mut context).is_pending() {}
}

fn observe() -> ObserveLayer {
    let metrics = Metrics::new(Arc::new(NoopRecorder), Direction::Inbound);
    ObserveLayer::new(&metrics, Access::Failures)
}

fn respond() -> RespondLayer {
    RespondLayer::gateway("cart.shop", Details::Auto)
}

fn hop() -> HopLayer {
    HopLayer::new(Name::try_new("cart.shop-in-7f3a").expect("it is a token"))
}

/// A request as one service sends it to another, with the client that the sidecar knows it from.
pub(crate) fn question(client: &Arc<Client>) -> Question {
    let mut question = Request::new(Box::new(answer()));
    *question.uri_mut() = Uri::from_static("/v1/carts/4711/items?limit=20");
    *question.version_mut() = Version::HTTP_11;
    *question.headers_mut() = fields(&[
        ("host", "cart.shop.svc"),
        ("user-agent", "checkout/2.14 (rust; hyper/1.12)"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, br"),
        ("accept-language", "en"),
        (
            "authorization",
            "Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJjaGVja291dCJ9.c2lnbmF0dXJl",
        ),
        ("content-type", "application/json"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("tracestate", "vendor=00f067aa0ba902b7"),
        ("x-request-id", "6b1f8f0e-5f57-4b0a-9c0f-0d0a7f6f3c11"),
        ("x-tenant", "blue"),
        ("x-api-version", "2026-11-01"),
    ]);
    question.extensions_mut().insert(client.clone());
    question
}

/// Who it comes from.
pub(crate) fn client() -> Arc<Client> {
    let addr = SocketAddr::from(([10, 0, 0, 7], 40_312));
    Arc::new(Client::new(Some(addr), true).with_trust(true))
}

fn answer() -> Answer {
    let mut answer = Response::new(Full::from("[]"));
    *answer.headers_mut() = fields(&[
        ("content-type", "application/json"),
        ("content-length", "2"),
        ("date", "Sun, 22 Nov 2026 17:39:00 GMT"),
        ("server", "cart/1.9"),
        ("cache-control", "no-store"),
        ("etag", "\"5f2b\""),
        ("vary", "accept-encoding"),
        ("x-request-id", "6b1f8f0e-5f57-4b0a-9c0f-0d0a7f6f3c11"),
    ]);
    answer
}

fn fields(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}
