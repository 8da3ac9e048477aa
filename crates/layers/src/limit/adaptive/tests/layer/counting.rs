//! What counts, and for how long.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_response_counts_to_its_end_and_for_a_second_at_most() {
    let layer = AdaptiveLayer::server();
    let limit = layer.limit().unwrap();
    let (mut service, mut handle) = spawn(&layer);
    let (_, response) = head(&mut service, &mut handle, get(), Flow::of(["a"])).await;
    assert_eq!(limit.in_flight(), 1);
    response.into_body().collect().await.unwrap();
    assert_eq!(limit.in_flight(), 0);

    let (_, stream) = head(&mut service, &mut handle, get(), Flow::of(["a"])).await;
    tokio::time::advance(Duration::from_millis(990)).await;
    assert_eq!(limit.in_flight(), 1);
    tokio::time::advance(Duration::from_millis(140)).await;
    assert_eq!(limit.in_flight(), 0);
    drop(stream);
    assert_eq!(limit.in_flight(), 0);

    // Nothing follows.
    let (_, response) = head(&mut service, &mut handle, get(), Flow::none()).await;
    assert_eq!(limit.in_flight(), 0);
    drop(response);
}

#[tokio::test(start_paused = true)]
async fn streams_never_fill_it() {
    let (mut service, mut handle, _) = restarted().await;
    let mut streams = Vec::new();
    for _ in 0..200 {
        streams.push(head(&mut service, &mut handle, get(), Flow::of(["a"])).await);
        tokio::time::advance(Duration::from_millis(150)).await;
    }
    let mut uploads = Vec::new();
    for _ in 0..200 {
        assert_ready_ok!(service.poll_ready::<Request<Flow>>());
        uploads.push(task::spawn(service.call(Request::new(Flow::of(["a"])))));
        tokio::time::advance(Duration::from_millis(150)).await;
    }
    for _ in 0..200 {
        // Polls that wait for an event.
        uploads.push(answered(&mut service));
        tokio::time::advance(Duration::from_secs(3)).await;
    }
    assert_pending!(answered(&mut service).poll());
}

#[tokio::test(start_paused = true)]
async fn the_time_of_an_upload_is_not_the_apps() {
    let layer = AdaptiveLayer::server();
    let limit = layer.limit().unwrap();
    let (mut service, mut handle) = spawn(&layer);
    learn(&mut service, &mut handle).await;
    let mut uploads = Vec::new();
    for _ in 0..100 {
        assert_ready_ok!(service.poll_ready::<Request<Flow>>());
        let mut response = task::spawn(service.call(Request::new(Flow::of(["a"]))));
        assert_pending!(response.poll());
        uploads.push((response, handle.next_request().await.unwrap()));
    }
    assert_eq!(limit.in_flight(), 100);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(limit.in_flight(), 0);
    for (mut response, (asked, reply)) in uploads {
        asked.into_body().collect().await.unwrap();
        assert_eq!(limit.in_flight(), 1);
        tokio::time::advance(Duration::from_millis(10)).await;
        reply.send_response(Response::new(Flow::none()));
        assert_ready_ok!(response.poll());
        assert_eq!(limit.in_flight(), 0);
    }
    learn(&mut service, &mut handle).await;
    assert_eq!(limit.max(), None);
    assert!(is_about_ten_millis(limit.usual()) && is_about_ten_millis(limit.recent()));
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_half_an_upload_is_not_measured() {
    let layer = AdaptiveLayer::server();
    let (mut service, mut handle) = spawn(&layer);
    let both_ways = Request::new(Flow::of(["a"]));
    let (asked, response) = head(&mut service, &mut handle, both_ways, Flow::of(["b"])).await;
    assert_eq!(layer.limit().unwrap().in_flight(), 1);
    drop((asked, response));
    assert_eq!(layer.limit().unwrap().in_flight(), 0);
}

proptest! {
    /// Requests come, are answered in any order, fail, are dropped at any point, and bodies end or not; with limits on the way.
    #[test]
    fn whatever_happens_everything_is_given_back_and_the_limit_kept(
        events in prop::collection::vec((0_u8..8, any::<prop::sample::Index>(), 0_u64..300), 1..200),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let (mut service, mut handle, layer) = restarted().await;
            let limit = layer.limit().unwrap();
            let mut futures: Vec<(task::Spawn<_>, (Asked, mock::SendResponse<Answered>))> = Vec::new();
            let mut bodies = Vec::new();
            for (what, which, pause) in events {
                tokio::time::advance(Duration::from_millis(pause)).await;
                if what < 3 || futures.is_empty() {
                    let body = if what == 0 { Flow::of(["up"]) } else { Flow::none() };
                    let (before, max) = (limit.in_flight(), limit.max());
                    assert_ready_ok!(service.poll_ready::<Request<Flow>>());
                    let mut response = task::spawn(service.call(Request::new(body)));
                    match response.poll() {
                        Poll::Pending => {
                            assert!(before < limit.max().or(max).unwrap_or(usize::MAX).max(before + 1));
                            assert!(max.is_none_or(|max| before < max) || limit.max() != max);
                            futures.push((response, handle.next_request().await.unwrap()));
                        }
                        Poll::Ready(result) => {
                            assert_eq!(limit.in_flight(), before);
                            assert!(result.is_err());
                        }
                    }
                    continue;
                }
                let (mut response, (asked, reply)) = futures.swap_remove(which.index(futures.len()));
                match what {
                    3 => drop(response),
                    4 => {
                        reply.send_error(Failure::new(Reason::ClosedBeforeResponse));
                        assert_ready_err!(response.poll());
                    }
                    5 => {
                        drop(asked);
                        reply.send_response(Response::new(Flow::of(["a"])));
                        bodies.push(assert_ready_ok!(response.poll()));
                    }
                    6 => {
                        asked.into_body().collect().await.unwrap();
                        reply.send_response(Response::new(Flow::of(["a"])));
                        assert_ready_ok!(response.poll()).into_body().collect().await.unwrap();
                    }
                    _ => {
                        reply.send_response(Response::new(Flow::stalled("a")));
                        let mut body = assert_ready_ok!(response.poll()).into_body();
                        body.frame().await.unwrap().unwrap();
                        drop((body, asked));
                    }
                }
            }
            drop(futures);
            drop(bodies);
            assert_eq!(limit.in_flight(), 0);
        });
    }
}
