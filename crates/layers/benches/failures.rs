//! What a failure costs: naming it in `Proxy-Status`, answering it in each form, and refusing under overload, when
//! a request that is turned away should cost far less than one that is served.

use std::task::{Context, Poll, Waker};
use std::{convert::Infallible, future::ready, hint::black_box, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use criterion::{BatchSize, Bencher, Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::Full;
use outrigger_gateway::{
    Extra, Failure, Reason, Voice,
    proxy_status::{self, Member, PROXY_STATUS},
};
use outrigger_layers::{
    limit::LimitLayer,
    respond::{Details, RespondLayer},
    shed::ShedLayer,
};
use tower::{Layer, ServiceExt, service_fn};

/// As the hop behind us would have written it.
const ANOTHER: &str = r#"orders.shop;error=connection_refused;next-hop="10.0.0.7:8080";details="10.0.0.7:8080 refused the connection""#;

fn failure() -> Failure {
    Failure::new(Reason::TlsAlert)
        .with_detail("10.0.0.9:15006 refused our certificate: it has expired")
        .at_upstream(Arc::from("orders"))
        .at_endpoint(Arc::from("10.0.0.9:15006"))
        .with_extra("alert-id", Extra::Integer(45))
        .with_extra("alert-message", Extra::Token("certificate_expired".to_owned()))
}

fn proxy_status_field(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("proxy-status");
    let failure = failure();
    let another = HeaderMap::from_iter([(PROXY_STATUS, HeaderValue::from_static(ANOTHER))]);
    let both = {
        let mut both = another.clone();
        proxy_status::append(&mut both, &Member::for_failure("cart.shop", &failure, true));
        both
    };
    let write = |headers: &mut HeaderMap| {
        proxy_status::append(headers, &Member::for_failure("cart.shop", &failure, true));
    };
    group.bench_function("write the first member", |bencher| {
        bencher.iter_batched_ref(HeaderMap::new, write, BatchSize::SmallInput);
    });
    group.bench_function("write a second member", |bencher| {
        bencher.iter_batched_ref(|| another.clone(), write, BatchSize::SmallInput);
    });
    group.bench_function("read two members", |bencher| {
        bencher.iter(|| proxy_status::members(black_box(&both)));
    });
}

fn answers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    let (html, text) = (
        HeaderValue::from_static("text/html"),
        HeaderValue::from_static("text/plain"),
    );
    let voice = Voice {
        detailed: true,
        proxy_status: true,
        request_id: Some("0af7651916cd43dd8448eb211c80319c"),
        ..Voice::new("cart.shop")
    };
    let html = Voice {
        accept: Some(&html),
        ..voice
    };
    let text = Voice {
        accept: Some(&text),
        ..voice
    };
    let grpc = Voice { grpc: true, ..voice };
    let failure = failure();
    for (name, voice) in [
        ("problem+json", voice),
        ("html", html),
        ("one line", text),
        ("grpc", grpc),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| voice.answer(black_box(&failure))));
    }
    group.bench_function("refused by a full queue", refuse);
}

/// From the request to the 503 in hand: a limit without room under a queue without room.
fn refuse(bencher: &mut Bencher<'_>) {
    let app =
        service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))));
    let closed = LimitLayer::new(0).layer(app);
    let shed = ShedLayer::new(0, Duration::ZERO).layer(closed);
    let service = RespondLayer::gateway("cart.shop", Details::Auto).layer(shed);
    let mut context = Context::from_waker(Waker::noop());
    bencher.iter(|| {
        let asked = pin!(service.clone().oneshot(Request::new(())));
        match asked.poll(&mut context) {
            Poll::Ready(Ok(response)) => assert_eq!(response.status(), 503),
            Poll::Pending => panic!("nobody waits in a queue of zero"),
        }
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50)
        .nresamples(10_000)
        .without_plots();
    targets = proxy_status_field, answers
}
criterion_main!(benches);
