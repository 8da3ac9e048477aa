//! Everything that is measured: each layer of ours, and after it what others have for the same purpose.

mod others;

use std::{fmt::Debug, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::Body;
use metrics::NoopRecorder;
use outrigger_layers::{
    deadline::DeadlineLayer,
    hedge::Hedge,
    hop::{HopLayer, Name},
    limit::{LimitLayer, adaptive::AdaptiveLayer},
    maintenance::{MaintenanceLayer, Switch},
    observe::{Access, Direction, Metrics, ObserveLayer},
    rate::{Rate, RateLayer},
    respond::{Details, RespondLayer},
    retry::{self, RetryLayer, budget::Budget, policy},
    shed::ShedLayer,
    stack,
    timeout::TimeoutLayer,
};
use tower::{
    Layer, Service, ServiceBuilder,
    filter::FilterLayer,
    limit::{ConcurrencyLimitLayer, RateLimitLayer},
    load_shed::LoadShedLayer,
};
use tower_http::{
    catch_panic::CatchPanicLayer, set_header::SetRequestHeaderLayer, timeout::ResponseBodyDeadlineLayer,
    trace::TraceLayer,
};

use crate::app::{App, Question, ask};

const LONG: Duration = Duration::from_secs(30);
const MANY: usize = 1024;
const OURS: &str = "outrigger";
const TOWER: &str = "tower";
const TOWER_HTTP: &str = "tower-http";
const RESILIENCE: &str = "tower-resilience";

/// One service that is asked over and over.
pub(crate) struct Row {
    pub(crate) purpose: &'static str,
    pub(crate) whose: &'static str,
    pub(crate) method: Method,
    pub(crate) ask: Box<dyn FnMut(Question)>,
}

impl Row {
    /// A service is cloned for each request, as servers do.
    fn new<S, B>(purpose: &'static str, whose: &'static str, service: S) -> Self
    where
        S: Service<Question, Response = Response<B>, Error: Debug> + Clone + 'static,
        B: Body<Data = Bytes>,
    {
        Self {
            purpose,
            whose,
            method: Method::POST,
            ask: Box::new(move |question| ask(service.clone(), question)),
        }
    }

    /// One that cannot be cloned is kept.
    fn kept<S, B>(purpose: &'static str, whose: &'static str, mut service: S) -> Self
    where
        S: Service<Question, Response = Response<B>, Error: Debug> + 'static,
        B: Body<Data = Bytes>,
    {
        Self {
            purpose,
            whose,
            method: Method::POST,
            ask: Box::new(move |question| ask(&mut service, question)),
        }
    }

    fn by_get(self) -> Self {
        Self {
            method: Method::GET,
            ..self
        }
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.whose == OURS
    }

    /// Whether it is of others and for just the same purpose.
    pub(crate) fn is_equal(&self) -> bool {
        !self.is_ours() && !self.whose.contains(':')
    }
}

/// The first is the app alone, which all others wrap.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = vec![Row::new("the app alone", "", App)];
    rows.extend(time());
    rows.extend(room());
    rows.extend(repeats());
    rows.extend(messages());
    rows.extend(stacks());
    rows
}

fn time() -> [Row; 8] {
    let no_later = ServiceBuilder::new()
        .layer(ResponseBodyDeadlineLayer::new(LONG))
        .layer(others::timeout());
    [
        Row::new("timeout", OURS, TimeoutLayer::new(LONG).layer(App)),
        Row::new(
            "timeout",
            TOWER,
            tower::timeout::TimeoutLayer::new(LONG).layer(App),
        ),
        Row::new("timeout", TOWER_HTTP, others::timeout().layer(App)),
        Row::new("timeout", RESILIENCE, others::time_limiter().layer(App)),
        Row::new("deadline, none set", OURS, DeadlineLayer::new(None).layer(App)),
        Row::new("deadline", OURS, DeadlineLayer::new(Some(LONG)).layer(App)),
        Row::new("deadline", TOWER_HTTP, no_later.service(App)),
        Row::new("deadline", RESILIENCE, others::time_limiter().layer(App)),
    ]
}

fn room() -> Vec<Row> {
    let rate = Rate::try_new(1e9, u32::MAX).expect("a rate that can be");
    let towers = (LoadShedLayer::new(), ConcurrencyLimitLayer::new(MANY));
    let filter = FilterLayer::new(|question: Question| Ok::<_, std::convert::Infallible>(question));
    vec![
        Row::new("limit", OURS, LimitLayer::new(MANY).layer(App)),
        Row::new(
            "limit",
            "tower: to the head",
            ConcurrencyLimitLayer::new(MANY).layer(App),
        ),
        Row::new("limit", RESILIENCE, others::bulkhead().layer(App)),
        Row::new(
            "limit and queue",
            OURS,
            ShedLayer::new(128, LONG).layer(LimitLayer::new(MANY).layer(App)),
        ),
        Row::new("limit and queue", "tower: no queue", towers.layer(App)),
        Row::new("limit and queue", RESILIENCE, others::bulkhead().layer(App)),
        Row::new("rate", OURS, RateLayer::new(rate).layer(App)),
        Row::kept(
            "rate",
            "tower: no clones",
            RateLimitLayer::new(1 << 60, LONG).layer(App),
        ),
        Row::new("rate", RESILIENCE, others::rate_limiter().layer(App)),
        Row::new(
            "maintenance",
            OURS,
            MaintenanceLayer::new(Switch::new(false)).layer(App),
        ),
        Row::new("maintenance", "tower", filter.layer(App)),
    ]
}

fn repeats() -> Vec<Row> {
    let config = || {
        let budget = Budget::try_new(0.2).expect("a share that can be");
        retry::Config::new(policy::Retries::new(policy::Policy::default(), budget))
    };
    let ours = || RetryLayer::new(config()).layer(App);
    let hedge = retry::Config {
        hedge: Some(Hedge::learned()),
        ..config()
    };
    vec![
        Row::new("retry, GET", OURS, ours()).by_get(),
        Row::new("retry, GET", TOWER, others::retry().layer(App)).by_get(),
        Row::new("retry, GET", RESILIENCE, others::resilient_retry().layer(App)).by_get(),
        Row::new("retry, POST", OURS, ours()),
        Row::new("retry, POST", TOWER, others::retry().layer(App)),
        Row::new("retry, POST", RESILIENCE, others::resilient_retry().layer(App)),
        Row::new("retry and hedge, GET", OURS, RetryLayer::new(hedge).layer(App)).by_get(),
        Row::kept("hedge", "tower: no clones", others::hedge()),
        Row::new("breaker", RESILIENCE, others::circuit_breaker().layer(App)),
        Row::new("adaptive limit", OURS, AdaptiveLayer::server().layer(App)),
        Row::new("adaptive limit", RESILIENCE, others::adaptive().layer(App)),
    ]
}

fn messages() -> [Row; 6] {
    let field = SetRequestHeaderLayer::overriding(
        HeaderName::from_static("via"),
        HeaderValue::from_static("1.1 cart.shop"),
    );
    [
        Row::new(
            "respond",
            OURS,
            RespondLayer::gateway("cart.shop", Details::Auto).layer(App),
        ),
        Row::new("respond", "tower-http: panics", CatchPanicLayer::new().layer(App)),
        Row::new("hop", OURS, hop().layer(App)),
        Row::new("hop", "tower-http: one field", field.layer(App)),
        Row::new("observe", OURS, observe().layer(App)),
        Row::new(
            "observe",
            "tower-http: trace, off",
            TraceLayer::new_for_http().layer(App),
        ),
    ]
}

fn stacks() -> Vec<Row> {
    let mut config = stack::Config::default();
    config.timeout.total = Some(LONG);
    let server = stack::ServerLayer::standard(&config).expect("a configuration that can be");
    let client = stack::ClientLayer::standard(&config).expect("a configuration that can be");
    let towers_server = ServiceBuilder::new()
        .layer(others::timeout())
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(MANY));
    let towers_client = ServiceBuilder::new()
        .layer(tower::timeout::TimeoutLayer::new(LONG))
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(MANY))
        .layer(others::retry());
    let gateway = ServiceBuilder::new()
        .layer(observe())
        .layer(RespondLayer::gateway("cart.shop", Details::Auto))
        .layer(hop())
        .layer(client.clone());
    vec![
        Row::new("standard stack, server", OURS, server.layer(App)),
        Row::new(
            "standard stack, server",
            "tower: no queue",
            towers_server.service(App),
        ),
        Row::new("standard stack, server", RESILIENCE, others::resilient_server()),
        Row::new("standard stack, client", OURS, client.layer(App)),
        Row::new(
            "standard stack, client",
            "tower: no queue",
            towers_client.service(App),
        ),
        Row::new("standard stack, client", RESILIENCE, others::resilient_client()),
        Row::new("all, as in the sidecar", OURS, gateway.service(App)),
    ]
}

fn observe() -> ObserveLayer {
    let metrics = Metrics::new(Arc::new(NoopRecorder), Direction::Inbound);
    ObserveLayer::new(&metrics, Access::Failures)
}

fn hop() -> HopLayer {
    HopLayer::new(Name::try_new("cart.shop-in-7f3a").expect("it is a token"))
}
