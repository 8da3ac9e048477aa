//! What is not a failure, though it is near to one: over real sockets, many times, for who is faster is chance.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use outrigger_faults::{Fault, Server};
use outrigger_gateway::Reason;
use outrigger_upstream::Speak;
use tokio::time::sleep;

use crate::plain::{Ended, PlainUpstream, call, send, upstream};

const ROUNDS: usize = 20;

async fn is_well(upstream: &PlainUpstream, method: Method) {
    match call(upstream, method.clone()).await {
        Ended::Well(status, body) => assert_eq!((status.as_u16(), &*body), (200, &b"ok"[..])),
        failed => panic!("{method}: {failed:?}"),
    }
}

#[tokio::test]
async fn an_answer_that_says_no_is_passed_on_as_it_is() {
    for (fault, status, body) in [
        (Fault::ServiceUnavailable, 503, "not today"),
        (Fault::BadGateway, 502, "from the app"),
        (Fault::EarlyAnswer, 413, "too much"),
    ] {
        let server = Server::start(fault);
        let upstream = upstream([server.addr()], Speak::Http1);

        match call(&upstream, Method::GET).await {
            Ended::Well(told, said) => assert_eq!((told.as_u16(), &*said), (status, body.as_bytes())),
            failed => panic!("{fault:?}: {failed:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_before_the_upload_has_ended_is_never_lost() {
    let server = Server::start(Fault::EarlyAnswer);
    for _ in 0..ROUNDS {
        let upstream = upstream([server.addr()], Speak::Http1);
        let large = Bytes::from(vec![b'x'; 4 << 20]);

        match send(&upstream, Method::POST, large.into()).await {
            Ended::Well(status, _) => assert_eq!(status, 413),
            // The kernel throws away what is unread when it gets the reset: nothing more can be known then.
            Ended::InHead(failure) => {
                assert_eq!(failure.reason(), Reason::ClosedBeforeResponse, "{failure:?}")
            }
            Ended::InBody(failure) => assert_eq!(failure.reason(), Reason::ResponseIncomplete, "{failure:?}"),
        }
    }
}

#[tokio::test]
async fn more_than_was_announced_does_not_reach_the_next_response() {
    let server = Server::start(Fault::MoreThanAnnounced);
    let upstream = upstream([server.addr()], Speak::Http1);
    for _ in 0..ROUNDS {
        match call(&upstream, Method::GET).await {
            Ended::Well(status, body) => assert_eq!((status.as_u16(), &*body), (200, &b"part"[..])),
            failed => panic!("{failed:?}"),
        }
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_not_noticed_by_any_request() {
    let server = Server::start(Fault::CloseIdle(Duration::from_millis(2)));
    let upstream = upstream([server.addr()], Speak::Http1);
    for round in 0..ROUNDS {
        is_well(&upstream, Method::GET).await;
        sleep(Duration::from_micros(250) * u32::try_from(round).unwrap()).await;
    }
}

#[tokio::test]
async fn a_connection_timed_out_while_idle_is_not_noticed_by_any_request() {
    let server = Server::start(Fault::TimeoutIdle(Duration::from_millis(2)));
    let upstream = upstream([server.addr()], Speak::Http1);
    for _ in 0..ROUNDS {
        is_well(&upstream, Method::POST).await;
        // Much longer than the server takes: on a busy machine both may wake together.
        sleep(Duration::from_millis(60)).await;
    }
}

#[tokio::test]
async fn a_connection_closed_as_it_is_used_again_is_not_noticed_by_a_get() {
    let server = Server::start(Fault::CloseOnNext);
    let upstream = upstream([server.addr()], Speak::Http1);
    for _ in 0..ROUNDS {
        is_well(&upstream, Method::GET).await;
    }
}

#[tokio::test]
async fn a_connection_closed_as_it_is_used_again_is_told_of_to_a_post() {
    let server = Server::start(Fault::CloseOnNext);
    for _ in 0..ROUNDS {
        let upstream = upstream([server.addr()], Speak::Http1);
        is_well(&upstream, Method::POST).await;

        match call(&upstream, Method::POST).await {
            Ended::InHead(failure) => {
                assert_eq!(failure.reason(), Reason::IdleRace, "{failure:?}");
                assert!(!failure.unprocessed());
                assert!(failure.detail().is_some_and(|text| text.contains("kept-alive")));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_nobody_listens_at_is_not_noticed_where_there_is_another() {
    let (dead, alive) = (Server::start(Fault::Refuse), Server::start(Fault::None));
    let upstream = upstream([dead.addr(), alive.addr()], Speak::Http1);
    for _ in 0..ROUNDS {
        is_well(&upstream, Method::POST).await;
    }
}

#[tokio::test]
async fn requests_one_after_another_use_one_connection() {
    for (fault, speak) in [(Fault::None, Speak::Http1), (Fault::H2None, Speak::Http2)] {
        let server = Server::start(fault);
        let upstream = upstream([server.addr()], speak);
        for _ in 0..ROUNDS {
            is_well(&upstream, Method::GET).await;
        }

        assert_eq!(server.accepted(), 1, "{speak:?}");
    }
}
