use super::*;

#[tokio::test(start_paused = true)]
async fn a_get_that_meets_a_connection_just_being_closed_is_sent_again_on_a_fresh_one() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let mut old = warm_http1(&upstream, &mut dials).await;
    let call = call(&upstream, get());
    let first = old.head().await;
    drop(old);

    let mut fresh = peer::Http1::new(dials.accept().await);
    let again = fresh.serve().await;

    assert_eq!(again, first, "it is the same request");
    succeeds(call).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_idempotent_is_not_sent_again_after_such_a_race() {
    for (method, body) in [
        (Method::POST, no_body()),
        (Method::PATCH, no_body()),
        (Method::POST, full(b"body")),
    ] {
        let (upstream, mut dials) = upstream(2, Speak::Http1);
        let mut old = warm_http1(&upstream, &mut dials).await;
        let _other = warm_http1(&upstream, &mut dials).await;
        let call = call(&upstream, request(method.clone(), body));
        old.head().await;
        drop(old);

        let failure = fails(call).await;

        is(&failure, Reason::IdleRace);
        assert!(!failure.unprocessed(), "{method} may have been acted on");
        assert!(dials.are_over().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_get_is_sent_again_once_and_no_more() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let mut old = warm_http1(&upstream, &mut dials).await;
    let call = call(&upstream, get());
    old.head().await;
    drop(old);

    let mut fresh = peer::Http1::new(dials.accept().await);
    fresh.head().await;
    drop(fresh);

    is(&fails(call).await, Reason::ClosedBeforeResponse);
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_get_on_a_connection_never_used_before_is_not_sent_again() {
    let (upstream, mut dials) = upstream(2, Speak::Http1);
    let call = call(&upstream, get());
    let mut peer = peer::Http1::new(dials.accept().await);
    peer.head().await;
    drop(peer);

    is(&fails(call).await, Reason::ClosedBeforeResponse);
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_get_whose_response_had_begun_is_not_sent_again() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let mut old = warm_http1(&upstream, &mut dials).await;
    let call = call(&upstream, get());
    old.head().await;
    old.say(b"HTTP/1.1 20").await;
    drop(old);

    is(&fails(call).await, Reason::ResponseIncomplete);
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_handed_back_unsent_is_sent_again_whatever_its_method_and_body() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let old = warm_http1(&upstream, &mut dials).await;
    // Its task has no chance to see the end before the request is on its way.
    drop(old);
    let post = request(Method::POST, full(b"once"));
    let mut call = Box::pin(upstream.clone().call(post));
    assert!(futures_util::poll!(&mut call).is_pending());
    let call = tokio::spawn(call);

    let mut fresh = peer::Http1::new(dials.accept().await);
    fresh.head().await;
    assert_eq!(fresh.read_until("once").await, "once");
    fresh.say(peer::OK).await;

    succeeds(call).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_refused_is_sent_again_on_a_fresh_connection_whatever_its_method() {
    for method in [Method::GET, Method::POST] {
        let (upstream, mut dials) = upstream(1, Speak::Http2);
        let mut old = warm_http2(&upstream, &mut dials).await;
        let call = call(&upstream, request(method.clone(), no_body()));
        let (_, mut respond) = old.next().await;
        respond.send_reset(h2::Reason::REFUSED_STREAM);

        let mut fresh = peer::Http2::new(dials.accept().await);
        let again = fresh.serve().await;

        assert_eq!(again.method(), method);
        assert_eq!(again.uri(), "http://test/");
        succeeds(call).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_refused_on_a_fresh_connection_is_sent_again_on_another() {
    let (upstream, mut dials) = upstream(1, Speak::Http2);
    let call = call(&upstream, request(Method::POST, no_body()));
    let mut first = peer::Http2::new(dials.accept().await);
    first.next().await.1.send_reset(h2::Reason::REFUSED_STREAM);

    peer::Http2::new(dials.accept().await).serve().await;

    succeeds(call).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_refused_twice_is_told_as_refused_and_unprocessed() {
    let (upstream, mut dials) = upstream(1, Speak::Http2);
    let mut old = warm_http2(&upstream, &mut dials).await;
    let call = call(&upstream, get());
    old.next().await.1.send_reset(h2::Reason::REFUSED_STREAM);
    let mut fresh = peer::Http2::new(dials.accept().await);
    fresh.next().await.1.send_reset(h2::Reason::REFUSED_STREAM);

    let failure = fails(call).await;

    is(&failure, Reason::StreamRefused);
    assert!(failure.unprocessed());
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_reset_for_another_reason_is_not_sent_again() {
    let (upstream, mut dials) = upstream(2, Speak::Http2);
    let call = call(&upstream, get());
    let mut peer = peer::Http2::new(dials.accept().await);
    peer.next().await.1.send_reset(h2::Reason::CANCEL);

    let failure = fails(call).await;

    is(&failure, Reason::StreamReset);
    assert!(!failure.unprocessed());
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_to_another_endpoint_if_the_first_refuses_to_connect() {
    let (upstream, mut dials) = upstream(2, Speak::Http1);
    let call = call(&upstream, request(Method::POST, full(b"once")));
    let first = dials.next().await;
    let refusing = first.endpoint.clone();
    first.refuse(Reason::ConnectionRefused);

    let second = dials.next().await;
    assert_ne!(second.endpoint, refusing);
    let mut peer = peer::Http1::new(second.accept());
    peer.head().await;
    assert_eq!(peer.read_until("once").await, "once");
    peer.say(peer::OK).await;

    succeeds(call).await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_refuses_to_connect_is_not_asked_again() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let call = call(&upstream, get());
    dials.next().await.refuse(Reason::ConnectionRefused);

    let failure = fails(call).await;

    is(&failure, Reason::ConnectionRefused);
    assert_eq!(failure.endpoint().map(|at| &**at), Some("10.0.0.1:1"));
    assert!(failure.unprocessed());
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn of_many_endpoints_that_refuse_to_connect_two_are_asked() {
    let (upstream, mut dials) = upstream(5, Speak::Http1);
    let call = call(&upstream, get());
    dials.next().await.refuse(Reason::ConnectionRefused);
    dials.next().await.refuse(Reason::ConnectionRefused);

    is(&fails(call).await, Reason::ConnectionRefused);
    assert!(dials.are_over().await);
}

#[tokio::test(start_paused = true)]
async fn a_tls_alert_while_connecting_is_not_tried_again_anywhere() {
    for speak in [Speak::Http1, Speak::Http2] {
        let (upstream, mut dials) = upstream(2, speak);
        let call = call(&upstream, get());
        dials.next().await.refuse(Reason::TlsAlert);

        is(&fails(call).await, Reason::TlsAlert);
        assert!(dials.are_over().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tls_alert_after_the_handshake_is_named_and_not_tried_again_anywhere() {
    for speak in [Speak::Http1, Speak::Http2] {
        let (upstream, mut dials) = upstream(2, speak);
        let call = call(&upstream, get());
        let peer = dials.next().await.accept_to_alert(48);
        settle().await;
        drop(peer);

        let failure = fails(call).await;

        is(&failure, Reason::TlsAlert);
        assert_eq!(failure.detail(), Some("fatal alert 48"), "{speak:?}");
        assert!(dials.are_over().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tls_alert_is_named_even_if_the_request_was_handed_back() {
    for speak in [Speak::Http1, Speak::Http2] {
        let (upstream, mut dials) = upstream(2, speak);
        let call = call(&upstream, get());
        drop(dials.next().await.accept_to_alert(116));

        is(&fails(call).await, Reason::TlsAlert);
        assert!(dials.are_over().await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_request_is_sent_again_with_the_body_that_was_kept() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let mut old = warm_http1(&upstream, &mut dials).await;
    let call = call(&upstream, request(Method::PUT, full(b"the body")));
    let first = old.read_until("the body").await;
    drop(old);

    let mut fresh = peer::Http1::new(dials.accept().await);
    let again = fresh.read_until("the body").await;

    assert_eq!(again, first, "it is the same request");
    fresh.say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    succeeds(call).await;
}
