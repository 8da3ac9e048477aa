//! GOAWAY under load: sidecars before an app leave and come back one after the other, and no call is lost.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{task::JoinSet, time::sleep};

use crate::harness::{
    App, Body, Certificates, Client, Keys, LONG, Sidecar, full,
    grpc::{Call, Messages, calling, message, response, status},
    pair, within,
};

const DRAIN: &str = "[drain]\ndelay = \"300ms\"\ngrace = \"5s\"\n";

/// Answers its one message after a moment, so that calls are under way whenever a connection is asked to end.
async fn echo(request: Request<Incoming>) -> Response<Body> {
    let (mut sender, response) = response();
    let mut messages = Messages::new(request.into_body());
    tokio::spawn(async move {
        if let Ok(Some(payload)) = messages.next().await {
            sleep(Duration::from_millis(20)).await;
            sender.send_data(message(&payload)).await?;
        }
        sender.send_trailers(status(0)).await
    });
    response
}

/// Calls over one connection, over and over; what went wrong first.
async fn call_until(addr: SocketAddr, stop: Arc<AtomicBool>, answered: Arc<AtomicUsize>) -> Option<String> {
    let client = Client::http2(addr).await;
    while !stop.load(Relaxed) {
        let number = answered.fetch_add(1, Relaxed).to_be_bytes();
        let mut call = client.call(calling("Unary", &[], full(message(&number)))).await;
        if let Err(wrong) = ends_well(&mut call, &number).await {
            return Some(wrong);
        }
    }
    None
}

async fn ends_well(call: &mut Call, expected: &[u8]) -> Result<(), String> {
    let next = within(LONG, "an answer", call.messages.next()).await;
    let answer = next.map_err(|error| format!("{error:?}"))?;
    let end = within(LONG, "an end", call.messages.next()).await;
    end.map_err(|error| format!("{error:?}"))?;
    match (answer.as_deref() == Some(expected), &*call.trailer("grpc-status")) {
        (true, "0") => Ok(()),
        (_, code) => Err(format!("{answer:?}, {code}: {}", call.trailer("grpc-message"))),
    }
}

#[tokio::test]
async fn no_call_is_lost_while_each_of_two_is_drained_and_restarted() {
    let app = App::h2c(echo).await;
    let certificates = Certificates::new();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let keys = Keys {
        app: "protocol = \"http2\"",
        ..Keys::default()
    };
    let start =
        async |listen| Sidecar::start(&(pair::inbound(&certificates, listen, app.addr, keys) + DRAIN)).await;
    let mut inbound = [start(any).await, start(any).await];
    let addrs = [inbound[0].inbound(), inbound[1].inbound()];
    let outbound = Sidecar::start(&pair::outbound(&certificates, &addrs, Keys::default())).await;

    let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let mut clients = JoinSet::new();
    for _ in 0..32 {
        clients.spawn(call_until(outbound.outbound(), stop.clone(), answered.clone()));
    }
    for round in 0..4 {
        let turn = round % 2;
        inbound[turn].signal("TERM");
        assert_eq!(inbound[turn].ended().await, Some(0), "round {round}");
        inbound[turn] = start(addrs[turn]).await;
        sleep(Duration::from_millis(200)).await;
    }
    stop.store(true, Relaxed);
    let wrong: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    let answered = answered.load(Relaxed);
    assert!(wrong.is_empty(), "of {answered}: {wrong:#?}");
    assert!(answered > 300, "there was load: {answered}");
}
