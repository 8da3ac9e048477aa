mod overload;
mod threads;

use http::{Request, Response};
use http_body_util::BodyExt;
use outrigger_gateway::Reason;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower_test::mock::Spawn;

use super::*;
use crate::{
    limit::LimitLayer,
    testing::{self, Mock, Script},
};

const WAIT: Duration = Duration::from_millis(250);

type Tested = Spawn<Shed<Mock<()>>>;

fn request() -> Request<()> {
    Request::new(())
}

/// A shed over a mock that is not ready for anyone.
fn shut(queue: usize) -> (Tested, testing::Handle<()>, ShedLayer) {
    let layer = ShedLayer::new(queue, WAIT);
    let (service, mut handle) = testing::spawn(layer.clone());
    handle.allow(0);
    (service, handle, layer)
}

#[tokio::test(start_paused = true)]
async fn a_ready_service_is_called_at_once_without_a_place_in_the_queue() {
    let (mut service, mut handle, layer) = shut(0);
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(request()));
    let (_, reply) = handle.next_request().await.unwrap();
    assert_pending!(response.poll());
    assert_eq!(layer.waiting(), 0);
    reply.send_response(Response::new(()));
    assert_ready_ok!(response.poll());
}

#[tokio::test(start_paused = true)]
async fn time_after_the_call_is_not_bounded() {
    let (mut service, mut handle, _) = shut(0);
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(request()));
    let (_, reply) = handle.next_request().await.unwrap();
    assert_pending!(response.poll());
    tokio::time::advance(100 * WAIT).await;
    assert_pending!(response.poll());
    reply.send_response(Response::new(()));
    assert_ready_ok!(response.poll());
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_though_the_inner_service_is_not_and_the_request_waits() {
    let (mut service, mut handle, layer) = shut(1);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(request()));
    assert_pending!(response.poll());
    assert_eq!(layer.waiting(), 1);

    handle.allow(1);
    assert!(response.is_woken());
    assert_pending!(response.poll());
    assert_eq!(layer.waiting(), 0);
    let (_, reply) = handle.next_request().await.unwrap();
    tokio::time::advance(2 * WAIT).await;
    assert_pending!(response.poll());
    reply.send_response(Response::new(()));
    assert_ready_ok!(response.poll());
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_vain_fails_at_the_limit_and_not_before() {
    let (mut service, _handle, layer) = shut(1);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(request()));
    assert_pending!(response.poll());
    tokio::time::advance(WAIT - Duration::from_millis(1)).await;
    assert_pending!(response.poll());
    tokio::time::advance(Duration::from_millis(1)).await;
    let failure = assert_ready_err!(response.poll());
    assert_eq!(failure.reason(), Reason::Overload);
    assert_eq!(failure.detail(), Some("waited 250ms: the limit here"));
    drop(response);
    assert_eq!(layer.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn as_many_wait_as_the_queue_holds_across_all_clones_and_the_next_fails_at_once() {
    let (mut service, _handle, layer) = shut(2);
    let mut clone = Spawn::new(service.get_ref().clone());
    assert_ready_ok!(service.poll_ready());
    let mut first = task::spawn(service.call(request()));
    let mut second = task::spawn(clone.call(request()));
    let mut third = task::spawn(clone.call(request()));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    let failure = assert_ready_err!(third.poll());
    assert_eq!(failure.reason(), Reason::Overload);
    assert_eq!(failure.detail(), Some("2 requests waiting: the limit here"));

    drop(first);
    assert_eq!(layer.waiting(), 1);
    let mut fourth = task::spawn(clone.call(request()));
    assert_pending!(fourth.poll());
}

#[tokio::test(start_paused = true)]
async fn a_queue_of_zero_refuses_what_cannot_go_at_once() {
    let (mut service, _handle, _) = shut(0);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(request()));
    assert_eq!(assert_ready_err!(response.poll()).reason(), Reason::Overload);
}

#[tokio::test(start_paused = true)]
async fn the_refused_are_told_a_whole_number_of_seconds_drawn_from_the_window() {
    let told = |random| async move {
        let layer = ShedLayer::with_config(Config {
            queue: 0,
            random,
            ..Config::default()
        });
        let (mut service, mut handle) = testing::spawn::<(), _>(layer);
        handle.allow(0);
        let mut response = task::spawn(service.call(request()));
        assert_ready_err!(response.poll()).retry_after().unwrap()
    };
    // One refused and none admitted: a window of ten seconds.
    assert_eq!(told(|| 0).await, Duration::from_secs(1));
    assert_eq!(told(|| 9).await, Duration::from_secs(10));
    assert_eq!(told(|| 10).await, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_inner_service_pass_as_they_are() {
    let (mut service, mut handle, layer) = shut(1);
    let mut waiting = task::spawn(service.call(request()));
    assert_pending!(waiting.poll());
    handle.send_error(Failure::new(Reason::Draining));
    assert_eq!(assert_ready_err!(waiting.poll()).reason(), Reason::Draining);
    drop(waiting);
    assert_eq!(layer.waiting(), 0);
    handle.send_error(Failure::new(Reason::Draining));
    assert_eq!(assert_ready_err!(service.poll_ready()).reason(), Reason::Draining);
}

mod over_a_limit {
    use super::*;

    type Stack = Spawn<Shed<crate::limit::Limited<Mock<Script>>>>;

    /// One may be in flight and one may wait.
    fn stack() -> (Stack, testing::Handle<Script>, Limit) {
        let limits = LimitLayer::new(1);
        let limit = limits.limit().clone();
        let config = Config {
            queue: 1,
            wait: WAIT,
            upstream: Some("orders".into()),
            limit: Some(limit.clone()),
            ..Config::default()
        };
        let (service, mut handle) = testing::pair();
        handle.allow(u64::MAX / 2);
        (
            Spawn::new(ShedLayer::with_config(config).layer(limits.layer(service))),
            handle,
            limit,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn one_goes_one_waits_one_is_refused_and_told_why() {
        let (mut service, mut handle, limit) = stack();
        assert_ready_ok!(service.poll_ready());
        let mut first = task::spawn(service.call(request()));
        assert_pending!(first.poll());
        assert_ready_ok!(service.poll_ready());
        let mut second = task::spawn(service.call(request()));
        assert_pending!(second.poll());
        assert_ready_ok!(service.poll_ready());
        let mut third = task::spawn(service.call(request()));
        let refused = assert_ready_err!(third.poll());
        let detail = "1 requests in flight and 1 waiting: the limit of upstream orders";
        assert_eq!(refused.detail(), Some(detail));
        assert_eq!(refused.upstream().map(AsRef::as_ref), Some("orders"));

        let (_, reply) = handle.next_request().await.unwrap();
        reply.send_response(Response::new(Script::data(["a"])));
        let mut body = assert_ready_ok!(first.poll()).into_body();
        assert_pending!(second.poll());
        assert!(body.frame().await.unwrap().is_ok());
        assert!(!second.is_woken());
        assert!(body.frame().await.is_none());
        drop(third);
        assert!(second.is_woken());
        assert_pending!(second.poll());
        assert_eq!(limit.in_flight(), 1);
        assert!(handle.next_request().await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clone_is_not_ready_because_its_original_was() {
        let (mut service, _handle, limit) = stack();
        assert_ready_ok!(service.poll_ready());
        let mut clone = Spawn::new(service.get_ref().clone());
        let mut waiting = task::spawn(clone.call(request()));
        assert_pending!(waiting.poll());
        assert_eq!(limit.in_flight(), 1);
        drop(service);
        assert!(waiting.is_woken());
    }

    #[tokio::test(start_paused = true)]
    async fn readiness_is_spent_by_one_call() {
        let (mut service, _handle, limit) = stack();
        assert_ready_ok!(service.poll_ready());
        let mut first = task::spawn(service.call(request()));
        let mut second = task::spawn(service.call(request()));
        assert_pending!(second.poll());
        assert_pending!(first.poll());
        assert_eq!(limit.in_flight(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_in_vain_says_for_what() {
        let (mut service, _handle, limit) = stack();
        assert_ready_ok!(service.poll_ready());
        let mut first = task::spawn(service.call(request()));
        assert_pending!(first.poll());
        assert_ready_ok!(service.poll_ready());
        let mut second = task::spawn(service.call(request()));
        assert_pending!(second.poll());
        tokio::time::advance(WAIT).await;
        let detail = "waited 250ms behind 1 requests in flight: the limit of upstream orders";
        assert_eq!(assert_ready_err!(second.poll()).detail(), Some(detail));
        assert_eq!(limit.in_flight(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_at_any_point_frees_place_and_permit() {
        let (mut service, _handle, limit) = stack();
        // Ready and never called; called and never polled; waiting; granted and never polled again.
        assert_ready_ok!(service.poll_ready());
        drop(Spawn::new(service.get_ref().clone()));
        let called = service.call(request());
        assert_eq!(limit.in_flight(), 1);
        assert_ready_ok!(service.poll_ready());
        let mut waiting = task::spawn(service.call(request()));
        assert_pending!(waiting.poll());
        drop(called);
        assert!(waiting.is_woken());
        assert_eq!(limit.in_flight(), 1);
        drop(waiting);
        assert_eq!(limit.in_flight(), 0);
        assert_ready_ok!(service.poll_ready());
        assert_eq!(limit.in_flight(), 1);
        drop(service);
        assert_eq!(limit.in_flight(), 0);
    }
}

mod in_line {
    use super::*;
    use crate::{deadline::Deadline, limit::Limited, priority::Priority};

    type Waiting = task::Spawn<ResponseFuture<Limited<Mock<Script>>, Request<()>>>;

    /// Waiters behind one that has the only place.
    struct Scene {
        service: Spawn<Shed<Limited<Mock<Script>>>>,
        handle: testing::Handle<Script>,
        limit: Limit,
        layer: ShedLayer,
    }

    fn scene(queue: usize) -> (Scene, Waiting) {
        let limits = LimitLayer::new(1);
        let limit = limits.limit().clone();
        let layer = ShedLayer::new(queue, WAIT);
        let (inner, mut handle) = testing::pair();
        handle.allow(u64::MAX / 2);
        let service = Spawn::new(layer.layer(limits.layer(inner)));
        let mut scene = Scene {
            service,
            handle,
            limit,
            layer,
        };
        let holder = scene.ask(request());
        (scene, holder)
    }

    fn with(extension: impl Clone + Send + Sync + 'static) -> Request<()> {
        let mut request = request();
        request.extensions_mut().insert(extension);
        request
    }

    impl Scene {
        fn ask(&mut self, request: Request<()>) -> Waiting {
            assert_ready_ok!(self.service.poll_ready());
            let mut response = task::spawn(self.service.call(request));
            assert_pending!(response.poll());
            response
        }

        fn asked(&mut self) -> bool {
            let mut next = task::spawn(self.handle.next_request());
            next.poll().is_ready()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_matters_more_goes_first_and_one_alone_asks_for_the_place() {
        let (mut scene, holder) = scene(3);
        assert!(scene.asked());
        let mut front = scene.ask(request());
        let mut normal = scene.ask(request());
        let mut critical = scene.ask(with(Priority::Critical));
        assert_eq!((scene.layer.waiting(), scene.limit.in_flight()), (3, 1));

        drop(holder);
        assert!(front.is_woken() && !normal.is_woken() && !critical.is_woken());
        assert_pending!(front.poll());
        assert!(scene.asked());
        assert!(critical.is_woken() && !normal.is_woken());
        assert_pending!(critical.poll());
        drop(front);
        assert!(critical.is_woken());
        assert_pending!(critical.poll());
        assert!(scene.asked());
        assert!(normal.is_woken());
        assert_pending!(normal.poll());
        drop(critical);
        assert_pending!(normal.poll());
        assert!(scene.asked());
        assert_eq!((scene.layer.waiting(), scene.limit.in_flight()), (0, 1));
        drop(normal);
        assert_eq!(scene.limit.in_flight(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_pushed_out_is_told_so() {
        let (mut scene, _holder) = scene(2);
        let _front = scene.ask(request());
        let mut lesser = scene.ask(with(Priority::Sheddable));
        let _greater = scene.ask(request());
        assert!(lesser.is_woken());
        let failure = assert_ready_err!(lesser.poll());
        assert_eq!(failure.reason(), Reason::Overload);
        assert!(failure.detail().unwrap().contains("gave way"), "{failure:?}");
        assert_eq!(scene.layer.waiting(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_deadline_has_passed_is_given_no_place() {
        let (mut scene, holder) = scene(3);
        assert!(scene.asked());
        let deadline = |ms| Deadline::at(tokio::time::Instant::now() + Duration::from_millis(ms));
        let mut front = scene.ask(with(deadline(50)));
        let mut behind = scene.ask(with(deadline(50)));
        let mut last = scene.ask(with(deadline(51)));
        tokio::time::advance(Duration::from_millis(50)).await;
        drop(holder);
        for late in [&mut front, &mut behind] {
            let failure = assert_ready_err!(late.poll());
            assert_eq!(failure.reason(), Reason::DeadlineExceeded);
        }
        drop((front, behind));
        assert_pending!(last.poll());
        assert!(scene.asked());
        assert_eq!(scene.limit.in_flight(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_from_the_front_with_a_place_passes_it_on() {
        let (mut scene, holder) = scene(2);
        assert!(scene.asked());
        let front = scene.ask(request());
        let mut next = scene.ask(request());
        drop(holder);
        assert!(front.is_woken());
        drop(front);
        assert!(next.is_woken());
        assert_pending!(next.poll());
        assert!(scene.asked());
        assert_eq!((scene.layer.waiting(), scene.limit.in_flight()), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_asked_before_there_was_a_line_and_joined_it_later_holds_nothing() {
        let (mut scene, holder) = scene(2);
        assert!(scene.asked());
        // Asked while nobody waited, and called once someone did.
        let mut early = Spawn::new(scene.service.get_ref().clone());
        assert_ready_ok!(early.poll_ready());
        let mut front = scene.ask(request());
        let mut behind = task::spawn(early.call(request()));
        assert_pending!(behind.poll());
        drop(holder);
        assert!(front.is_woken() && !behind.is_woken());
        assert_pending!(front.poll());
        assert!(scene.asked());
    }

    #[tokio::test(start_paused = true)]
    async fn the_task_that_polled_last_is_the_one_woken() {
        let (mut scene, holder) = scene(2);
        let front = scene.ask(request());
        let behind = scene.ask(request());
        let mut behind = Box::pin(behind.into_inner());
        let mut late = task::spawn(());
        assert!(late.enter(|cx, _| behind.as_mut().poll(cx)).is_pending());
        drop(front);
        assert!(late.is_woken());
        drop(holder);
    }
}
