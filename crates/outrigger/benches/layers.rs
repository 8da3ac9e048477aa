//! What each layer adds to a request that meets no trouble, and the whole of a sidecar's stack of them.
//!
//! One request after the other on one thread: a figure is the time of one, its body read to the end, over a service
//! that answers at once. `nothing` is that service by itself.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use metrics::NoopRecorder;
use outrigger::{
    deadline::DeadlineLayer,
    hop::{HopLayer, Name},
    limit::LimitLayer,
    observe::{Access, Direction, Metrics, ObserveLayer},
    respond::{Details, RespondLayer},
    shed::ShedLayer,
    timeout::TimeoutLayer,
};
use tokio::{runtime::Builder, time::Instant};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt,
    layer::util::Identity,
    util::{ServiceFn, service_fn},
};

type Question = Request<Empty<Bytes>>;
type Answer = Ready<Result<Response<Full<Bytes>>, Infallible>>;
type App = ServiceFn<fn(Question) -> Answer>;

const LONG: Duration = Duration::from_secs(30);

fn layers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("layers");
    group.throughput(Throughput::Elements(1));
    let observe = ObserveLayer::new(
        &Metrics::new(Arc::new(NoopRecorder), Direction::Inbound),
        Access::Failures,
    );
    let respond = RespondLayer::gateway("bench", Details::Auto);
    let hop = HopLayer::new(Name::try_new("bench-in-1").expect("it is a token"));
    let (shed, limit) = (ShedLayer::new(128, LONG), LimitLayer::new(1024));

    add(&mut group, "nothing", Identity::new());
    add(&mut group, "respond", respond.clone());
    add(&mut group, "hop", hop.clone());
    add(&mut group, "observe", observe.clone());
    add(&mut group, "timeout", TimeoutLayer::new(LONG));
    add(&mut group, "deadline, none", DeadlineLayer::new(None));
    add(&mut group, "deadline", DeadlineLayer::new(Some(LONG)));
    add(&mut group, "limit", limit.clone());
    add(&mut group, "shed and limit", (shed.clone(), limit.clone()));
    let stack = ServiceBuilder::new()
        .layer(observe)
        .layer(respond)
        .layer(hop)
        .layer(DeadlineLayer::new(None))
        .layer(shed)
        .layer(limit);
    add(&mut group, "all, as in the sidecar", stack);
    group.finish();
}

/// Measures requests through one layer, or several.
fn add<L, S, B>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, layer: L)
where
    L: Layer<App, Service = S>,
    S: Service<Question, Response = Response<B>> + Clone,
    B: http_body::Body<Data = Bytes>,
{
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without sockets needs nothing");
    let service = layer.layer(service_fn(answer as fn(_) -> _));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| runtime.block_on(ask(&service, times)));
    });
}

/// The time of so many requests.
async fn ask<S, B>(service: &S, times: u64) -> Duration
where
    S: Service<Question, Response = Response<B>> + Clone,
    B: http_body::Body<Data = Bytes>,
{
    let started = Instant::now();
    for _ in 0..times {
        let response = service.clone().oneshot(question()).await;
        let Ok(response) = response else {
            panic!("the app does not fail, and nothing else may");
        };
        let body = response.into_body().collect().await.map(black_box);
        assert!(body.is_ok(), "the app's body does not fail");
    }
    started.elapsed()
}

fn question() -> Question {
    let request = Request::get("/cart")
        .header("host", "shop.example")
        .header("accept", "*/*");
    request.body(Empty::new()).expect("it is well-formed")
}

fn answer(_: Question) -> Answer {
    ready(Ok(Response::new(Full::from("two apples"))))
}

criterion_group!(benches, layers);
criterion_main!(benches);
