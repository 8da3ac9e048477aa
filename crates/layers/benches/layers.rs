//! What each layer adds to the time of a request that meets no trouble.
//!
//! One request after the other, on one thread: a figure is the time of one, from the clone of the service to the
//! drop of the response's body, which has been read to its end. How to read it:
//!
//! - `nothing` is the app that all others wrap: subtract it. Making request and response is not measured.
//! - `at once` answers at the first poll; `after a wait` at the second, as an app behind a network does: what a layer
//!   does only while it waits (start a timer) is seen there alone.
//! - `..., of tower` is the layer of tower that comes nearest. It does less: its limit is free again at the response's
//!   head, its shedding knows no queue, and neither names what went wrong.
//! - On a shared machine a difference below a tenth means nothing. What `allocations` counts is exact.

mod stacks;

use std::{fmt::Debug, future::ready, hint::black_box, sync::Arc, time::Duration};

use bytes::Bytes;
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use http::Response;
use http_body::Body;
use outrigger_gateway::Failure;
use outrigger_layers::hop::Client;
use tokio::{runtime::Builder, time::Instant};
use tower::{Service, service_fn};

use self::stacks::{Answer, Each, Question, after_a_wait, ask, client, question, visit_all};

/// So many requests are made before the clock runs.
const BATCH: u64 = 64;

fn layers(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without sockets needs nothing");
    let _timers = runtime.enter();
    visit_all(&mut Timed::new(criterion, "layers, at once"), &at_once());
    visit_all(
        &mut Timed::new(criterion, "layers, after a wait"),
        &after_a_wait(),
    );
}

/// An app that answers at the first poll.
fn at_once() -> impl Service<Question, Response = Answer, Error = Failure> + Clone {
    service_fn(|question: Question| ready(Ok(*question.into_body())))
}

struct Timed<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    client: Arc<Client>,
}

impl<'a> Timed<'a> {
    fn new(criterion: &'a mut Criterion, name: &str) -> Self {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        let client = client();
        Self { group, client }
    }
}

impl Each for Timed<'_> {
    fn visit<S, B>(&mut self, name: &str, service: S)
    where
        S: Service<Question, Response = Response<B>, Error: Debug> + Clone,
        B: Body<Data = Bytes>,
    {
        let client = &self.client;
        self.group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| time(times, client, |question| ask(&service, question)));
        });
    }
}

/// The time that so many requests take, without that of making them.
fn time(times: u64, client: &Arc<Client>, mut ask: impl FnMut(Question)) -> Duration {
    let mut left = times;
    let mut took = Duration::ZERO;
    while left > 0 {
        let batch: Vec<_> = (0..left.min(BATCH)).map(|_| question(client)).collect();
        left -= batch.len() as u64;
        let started = Instant::now();
        batch.into_iter().for_each(|question| ask(black_box(question)));
        took += started.elapsed();
    }
    took
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50)
        .nresamples(10_000)
        .without_plots();
    targets = layers
}
criterion_main!(benches);
