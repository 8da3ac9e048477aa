//! The layer: what counts, for how long, and what who is refused is told.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use outrigger_gateway::{Failure, Reason, grpc};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Service, ServiceExt, service_fn, util::MapErr};
use tower_layer::Layer;
use tower_test::mock::{self, Spawn};

mod counting;
mod load;

use super::*;
use crate::{
    limit::adaptive::{Adaptive, AdaptiveLayer, Counted, Upload},
    priority::Priority,
};

type Asked = Request<Upload<Flow>>;
type Answered = Response<Flow>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Mock = MapErr<mock::Mock<Asked, Answered>, fn(BoxError) -> Failure>;
type Tested = Spawn<Adaptive<Mock>>;
type Handle = mock::Handle<Asked, Answered>;

const SMALLEST: usize = 10;

/// A body of unknown size, of which the end is not foretold; or none at all.
#[derive(Debug, Default)]
struct Flow {
    frames: VecDeque<Option<&'static str>>,
    is_none: bool,
}

impl Flow {
    fn none() -> Self {
        Self {
            is_none: true,
            ..Self::default()
        }
    }

    fn of<const N: usize>(texts: [&'static str; N]) -> Self {
        Self {
            frames: texts.into_iter().map(Some).collect(),
            is_none: false,
        }
    }

    fn stalled(text: &'static str) -> Self {
        Self {
            frames: [Some(text), None].into(),
            is_none: false,
        }
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match self.frames.pop_front() {
            Some(Some(text)) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))),
            Some(None) => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_none
    }
}

fn spawn(layer: &AdaptiveLayer) -> (Tested, Handle) {
    let (service, mut handle) = mock::pair();
    handle.allow(u64::MAX / 2);
    let classify: fn(BoxError) -> Failure = Failure::from_error;
    let service = ServiceExt::<Asked>::map_err(service, classify);
    (Spawn::new(layer.layer(service)), handle)
}

/// A request without a body.
fn get() -> Request<Flow> {
    Request::new(Flow::none())
}

fn answered(service: &mut Tested) -> task::Spawn<<Adaptive<Mock> as Service<Request<Flow>>>::Future> {
    assert_ready_ok!(service.poll_ready::<Request<Flow>>());
    task::spawn(service.call(get()))
}

/// Serves some, 10 ms each, so that it is known what is usual.
async fn learn(service: &mut Tested, handle: &mut Handle) {
    for _ in 0..20 {
        let mut response = answered(service);
        assert_pending!(response.poll());
        let (_, reply) = handle.next_request().await.unwrap();
        tokio::time::advance(Duration::from_millis(10)).await;
        reply.send_response(Response::new(Flow::none()));
        assert_ready_ok!(response.poll());
    }
}

/// Takes away what was asked by those that are dropped.
fn discard(handle: &mut Handle) {
    while task::spawn(handle.next_request()).poll().is_ready() {}
}

fn is_about_ten_millis(time: Option<Duration>) -> bool {
    (9.0..=11.0).contains(&(time.unwrap().as_secs_f64() * 1e3))
}

async fn fail(service: &mut Tested, handle: &mut Handle, reason: Reason) {
    // Whoever never yields is made to wait some time.
    tokio::task::yield_now().await;
    let mut response = answered(service);
    assert_pending!(response.poll());
    let (_, reply) = handle.next_request().await.unwrap();
    reply.send_error(Failure::new(reason));
    assert_eq!(assert_ready_err!(response.poll()).reason(), reason);
}

/// The head of a response with such a body, and how many are in flight then.
async fn head(
    service: &mut Tested,
    handle: &mut Handle,
    request: Request<Flow>,
    body: Flow,
) -> (Asked, Response<Counted<Flow>>) {
    assert_ready_ok!(service.poll_ready::<Request<Flow>>());
    let mut response = task::spawn(service.call(request));
    assert_pending!(response.poll());
    let (asked, reply) = handle.next_request().await.unwrap();
    reply.send_response(Response::new(body));
    (asked, assert_ready_ok!(response.poll()))
}

/// A limit of ten: the app was gone for a moment.
async fn restarted() -> (Tested, Handle, AdaptiveLayer) {
    let layer = AdaptiveLayer::server().of_upstream("app".into());
    let (mut service, mut handle) = spawn(&layer);
    learn(&mut service, &mut handle).await;
    fail(&mut service, &mut handle, Reason::ConnectionRefused).await;
    learn(&mut service, &mut handle).await;
    assert_eq!(layer.limit().unwrap().max(), Some(SMALLEST));
    (service, handle, layer)
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_does_not_bind_refuses_nothing() {
    let layer = AdaptiveLayer::server();
    let limit = layer.limit().unwrap();
    let (mut service, mut handle) = spawn(&layer);
    assert_eq!((limit.max(), limit.usual()), (None, None));
    // Not even after a failure: it has not learned yet.
    fail(&mut service, &mut handle, Reason::ConnectionRefused).await;
    learn(&mut service, &mut handle).await;
    assert!(is_about_ten_millis(limit.usual()), "{:?}", limit.usual());
    let mut held: Vec<_> = (0..5000).map(|_| answered(&mut service)).collect();
    held.iter_mut()
        .for_each(|response| assert_pending!(response.poll()));
    assert_eq!((limit.max(), limit.in_flight()), (None, 5000));
    drop(held);
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_reaches_nobody_and_is_told_the_figures_and_when_to_come_back() {
    let (mut service, mut handle, layer) = restarted().await;
    let held: Vec<_> = (0..SMALLEST).map(|_| answered(&mut service)).collect();
    for _ in 0..SMALLEST {
        handle.next_request().await.unwrap();
    }
    let mut refused = answered(&mut service);
    let failure = assert_ready_err!(refused.poll());
    assert_eq!(failure.reason(), Reason::Overload);
    assert!(failure.unprocessed());
    assert!((1..=30).contains(&failure.retry_after().unwrap().as_secs()));
    let detail = failure.detail().unwrap();
    let figures = "10 in flight: the adaptive limit of upstream app is 10, usual latency ";
    assert!(
        detail.starts_with(figures) && detail.ends_with(" ms, now 10 ms"),
        "{detail}"
    );
    assert_eq!(failure.upstream().map(AsRef::as_ref), Some("app"));
    assert_pending!(task::spawn(handle.next_request()).poll());
    assert_eq!(layer.limit().unwrap().in_flight(), SMALLEST);
    drop(held);
    assert_pending!(answered(&mut service).poll());
}

#[tokio::test(start_paused = true)]
async fn clones_and_services_of_one_layer_share_the_limit() {
    let (mut service, _handle, layer) = restarted().await;
    let mut clone = Spawn::new(service.get_ref().clone());
    let (mut other, _other) = spawn(&layer.clone());
    let _held: Vec<_> = (0..5)
        .flat_map(|_| [answered(&mut service), answered(&mut clone)])
        .collect();
    assert_ready_err!(answered(&mut other).poll());
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_gone_is_told_as_gone() {
    let (mut service, mut handle, layer) = restarted().await;
    fail(&mut service, &mut handle, Reason::ConnectionRefused).await;
    let held: Vec<_> = (0..SMALLEST).map(|_| answered(&mut service)).collect();
    let failure = assert_ready_err!(answered(&mut service).poll());
    assert_eq!(failure.reason(), Reason::ConnectionRefused);
    assert_eq!(
        failure.detail(),
        Some(
            "10 in flight: the adaptive limit of upstream app is 10 while all that comes back is connection_refused"
        )
    );
    drop(held);
    discard(&mut handle);
    learn(&mut service, &mut handle).await;
    let _held: Vec<_> = (0..SMALLEST).map(|_| answered(&mut service)).collect();
    let failure = assert_ready_err!(answered(&mut service).poll());
    assert_eq!(failure.reason(), Reason::Overload);
    assert_eq!(layer.limit().unwrap().max(), Some(SMALLEST));
}

#[tokio::test(start_paused = true)]
async fn health_checks_and_operators_are_never_refused() {
    let (mut service, _handle, _) = restarted().await;
    let _held: Vec<_> = (0..SMALLEST).map(|_| answered(&mut service)).collect();
    let mut request = get();
    request.extensions_mut().insert(Priority::Exempt);
    assert_ready_ok!(service.poll_ready::<Request<Flow>>());
    assert_pending!(task::spawn(service.call(request)).poll());
    assert_ready_err!(answered(&mut service).poll());
}

#[tokio::test(start_paused = true)]
async fn a_client_is_cut_by_refusals_and_told_what_comes_back_by_failures() {
    let said_no = |status: StatusCode, code: Option<&'static str>| {
        let mut response = Response::new(Flow::none());
        *response.status_mut() = status;
        if let Some(code) = code {
            response.headers_mut().insert(grpc::STATUS, code.parse().unwrap());
        }
        response
    };
    for (status, code) in [(503, None), (429, None), (200, Some("14")), (200, Some("8"))] {
        let layer = AdaptiveLayer::client().of_upstream("orders".into());
        let (mut service, mut handle) = spawn(&layer);
        learn(&mut service, &mut handle).await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
            let mut response = answered(&mut service);
            assert_pending!(response.poll());
            let (_, reply) = handle.next_request().await.unwrap();
            reply.send_response(said_no(StatusCode::from_u16(status).unwrap(), code));
            assert_ready_ok!(response.poll());
        }
        assert_eq!(layer.limit().unwrap().max(), Some(1), "{status} {code:?}");
        let held = answered(&mut service);
        let failure = assert_ready_err!(answered(&mut service).poll());
        assert_eq!(failure.reason(), Reason::Overload);
        drop(held);
        discard(&mut handle);
        fail(&mut service, &mut handle, Reason::ResponseTimeout).await;
        let _held = answered(&mut service);
        let failure = assert_ready_err!(answered(&mut service).poll());
        assert_eq!(failure.reason(), Reason::ResponseTimeout);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_callers_or_ours_is_nobodys_overload() {
    let layer = AdaptiveLayer::client();
    let (mut service, mut handle) = spawn(&layer);
    learn(&mut service, &mut handle).await;
    for reason in [Reason::BadRequest, Reason::RequestTimeout, Reason::Internal] {
        for _ in 0..50 {
            fail(&mut service, &mut handle, reason).await;
        }
    }
    assert_eq!(layer.limit().unwrap().max(), None);
}

#[tokio::test(start_paused = true)]
async fn off_it_measures_nothing() {
    let layer = AdaptiveLayer::off();
    assert!(layer.limit().is_none());
    let (mut service, mut handle) = spawn(&layer);
    let (asked, response) = head(&mut service, &mut handle, get(), Flow::of(["a"])).await;
    assert!(asked.into_body().is_end_stream());
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_panic_below_gives_everything_back() {
    let layer = AdaptiveLayer::server();
    let broken =
        service_fn(async |_: Request<Upload<Flow>>| -> Result<Answered, Failure> { panic!("a bug") });
    let mut service = layer.layer(broken);
    for body in [Flow::none(), Flow::of(["a"])] {
        let mut response = Box::pin(service.call(Request::new(body)));
        assert_eq!(layer.limit().unwrap().in_flight(), 1);
        let mut cx = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| response.as_mut().poll(&mut cx).is_ready()));
        assert!(polled.is_err());
        drop(response);
        assert_eq!(layer.limit().unwrap().in_flight(), 0);
    }
    let panics = service_fn(
        |_: Request<Upload<Flow>>| -> std::future::Ready<Result<Answered, Failure>> { panic!("a bug") },
    );
    let mut service = layer.layer(panics);
    assert!(catch_unwind(AssertUnwindSafe(|| service.call(get()))).is_err());
    assert_eq!(layer.limit().unwrap().in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn readiness_and_errors_of_the_inner_service_pass() {
    let layer = AdaptiveLayer::server();
    let (service, mut handle) = mock::pair::<Asked, Answered>();
    handle.allow(0);
    let classify: fn(BoxError) -> Failure = Failure::from_error;
    let mut service: Tested = Spawn::new(layer.layer(ServiceExt::<Asked>::map_err(service, classify)));
    assert_pending!(service.poll_ready::<Request<Flow>>());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready::<Request<Flow>>());
    handle.send_error(Failure::new(Reason::Draining));
    let failure = assert_ready_err!(service.poll_ready::<Request<Flow>>());
    assert_eq!(failure.reason(), Reason::Draining);
}
