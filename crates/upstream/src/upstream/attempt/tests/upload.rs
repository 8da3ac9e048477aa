use std::{io, time::Duration};

use tokio::time::Instant;

use super::*;

const IDLE: Duration = Duration::from_secs(60);

/// A body without end, fed as fast as it is taken.
fn endless() -> TestBody {
    let (mut feed, body) = fed();
    tokio::spawn(async move {
        let part = Bytes::from(vec![b'x'; 65_536]);
        while feed.send_data(part.clone()).await.is_ok() {}
    });
    body
}

/// Either end of a connection that answers nothing, for as long as it is held.
async fn silent(speak: Speak, dials: &mut Dials) -> (Option<peer::Http1>, Option<peer::Http2>) {
    let io = dials.accept().await;
    match speak {
        Speak::Http2 => (None, Some(peer::Http2::new(io))),
        _ => (Some(peer::Http1::new(io)), None),
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_stops_taking_the_upload_is_given_up_when_idle_for_too_long() {
    for speak in [Speak::Http1, Speak::Http2] {
        let (upstream, mut dials) = upstream(1, speak);
        let call = call(&upstream, request(Method::POST, endless()));
        let _silent = silent(speak, &mut dials).await;
        let begun = Instant::now();

        let failure = fails(call).await;

        is(&failure, Reason::WriteTimeout);
        assert_eq!(begun.elapsed(), IDLE, "{speak:?}");
        assert_eq!(
            failure.detail(),
            Some("the upstream took nothing of the request's body for 60s")
        );
        assert!(dials.are_over().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_starves_the_upload_is_told_so() {
    for speak in [Speak::Http1, Speak::Http2] {
        let (upstream, mut dials) = upstream(1, speak);
        let (mut feed, body) = fed();
        let call = call(&upstream, request(Method::POST, body));
        let _silent = silent(speak, &mut dials).await;
        feed.send_data(Bytes::from_static(b"part")).await.unwrap();
        let begun = Instant::now();

        let failure = fails(call).await;

        is(&failure, Reason::RequestTimeout);
        assert_eq!(begun.elapsed(), IDLE, "{speak:?}");
        assert_eq!(
            failure.detail(),
            Some("nothing of the request's body came from the client for 60s")
        );
        assert!(dials.are_over().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_sends_of_its_body_is_told_so() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let (_feed, body) = fed();
    let call = call(&upstream, request(Method::POST, body));
    let _silent = dials.accept().await;

    is(&fails(call).await, Reason::RequestTimeout);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_in_its_upload_is_not_blamed_on_the_upstream() {
    for speak in [Speak::Http1, Speak::Http2] {
        let (upstream, mut dials) = upstream(2, speak);
        let (mut feed, body) = fed();
        let call = call(&upstream, request(Method::POST, body));
        let _silent = silent(speak, &mut dials).await;
        feed.send_data(Bytes::from_static(b"part")).await.unwrap();

        feed.abort(io::Error::from(io::ErrorKind::ConnectionReset).into());

        let failure = fails(call).await;
        is(&failure, Reason::ClientGone);
        assert!(dials.are_over().await, "{speak:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_the_client_framed_wrongly_is_a_bad_request() {
    for speak in [Speak::Http1, Speak::Http2] {
        let (upstream, mut dials) = upstream(2, speak);
        let (feed, body) = fed();
        let call = call(&upstream, request(Method::POST, body));
        let _silent = silent(speak, &mut dials).await;

        feed.abort(io::Error::new(io::ErrorKind::InvalidInput, "invalid chunk size line").into());

        let failure = fails(call).await;
        is(&failure, Reason::BadRequest);
        assert!(dials.are_over().await, "{speak:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_the_bodys_own_layer_named_keeps_its_name() {
    for speak in [Speak::Http1, Speak::Http2] {
        let (upstream, mut dials) = upstream(1, speak);
        let (feed, body) = fed();
        let call = call(&upstream, request(Method::POST, body));
        let _silent = silent(speak, &mut dials).await;

        feed.abort(Failure::new(Reason::RequestTooLarge).into());

        is(&fails(call).await, Reason::RequestTooLarge);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_upload_has_ended_is_passed_on() {
    for speak in [Speak::Http1, Speak::Http2] {
        let (upstream, mut dials) = upstream(1, speak);
        let call = call(&upstream, request(Method::POST, endless()));
        let peers = silent(speak, &mut dials).await;
        let status = match peers {
            (Some(mut peer), _) => {
                peer.head().await;
                let head = b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                peer.say(head).await;
                soon(call).await.unwrap().unwrap().status()
            }
            (_, Some(mut peer)) => {
                let (_body, mut respond) = peer.next().await;
                let response = Response::builder().status(413).body(()).unwrap();
                respond.send_response(response, true).unwrap();
                soon(call).await.unwrap().unwrap().status()
            }
            _ => unreachable!("one of them is played"),
        };

        assert_eq!(status, 413, "{speak:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_request_is_still_going_up_is_not_used_for_another() {
    let (upstream, mut dials) = upstream(1, Speak::Http1);
    let (_feed, body) = fed();
    let first = call(&upstream, request(Method::POST, body));
    let mut busy = peer::Http1::new(dials.accept().await);
    busy.serve().await;
    succeeds(first).await;

    let second = call(&upstream, get());
    let mut other = peer::Http1::new(dials.accept().await);
    other.serve().await;

    succeeds(second).await;
}
