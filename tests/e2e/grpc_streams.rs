//! Long streams and large messages: every message arrives, in bounded memory, no faster than it is read.
//!
//! `OUTRIGGER_SOAK_MESSAGES` is how many messages a stream has, and `OUTRIGGER_SOAK_MEGABYTES` how large a message is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use crate::harness::{
    App, Body, MIB, Pair, channel, eventually, full,
    grpc::{Messages, calling, message, response, status},
    setting,
};

/// Long enough for the long variants.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a stream may cost a sidecar beyond what the first thousand messages cost: windows and buffers, however many.
const SLACK: u64 = 32 * MIB;

fn messages() -> u64 {
    setting("OUTRIGGER_SOAK_MESSAGES", 20_000)
}

fn megabytes() -> usize {
    usize::try_from(setting("OUTRIGGER_SOAK_MEGABYTES", 20)).unwrap()
}

/// Counts: `Down` sends as many messages as it is asked for, `Up` tells how many it got; each must be the next number.
async fn count(request: Request<Incoming>) -> Response<Body> {
    let (mut sender, response) = response();
    let is_down = request.uri().path().ends_with("/Down");
    let mut messages = Messages::new(request.into_body());
    tokio::spawn(async move {
        if is_down {
            let asked = messages.next().await.unwrap().unwrap().get_u64();
            for n in 0..asked {
                sender.send_data(message(&n.to_be_bytes())).await?;
            }
        } else {
            let counted = counted(&mut messages).await;
            sender.send_data(message(&counted.to_be_bytes())).await?;
        }
        sender.send_trailers(status(0)).await
    });
    response
}

/// How many messages come, one number after the other.
async fn counted(messages: &mut Messages) -> u64 {
    let mut counted = 0;
    while let Some(mut payload) = messages.next().await.unwrap() {
        assert_eq!(payload.get_u64(), counted);
        counted += 1;
    }
    counted
}

/// A server streams this many.
async fn down(pair: &Pair, asked: u64) {
    let body = full(message(&asked.to_be_bytes()));
    let mut call = pair.http2().await.call(calling("Down", &[], body)).await;
    assert_eq!(counted(&mut call.messages).await, asked);
    assert_eq!(call.code().await, Some(0));
}

/// A client streams this many.
async fn up(pair: &Pair, asked: u64) {
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        for n in 0..asked {
            sender.send_data(message(&n.to_be_bytes())).await.unwrap();
        }
    });
    let mut call = pair.http2().await.call(calling("Up", &[], body)).await;
    let told = timeout(PATIENCE, call.messages.next()).await.unwrap();
    assert_eq!(told.unwrap().unwrap().get_u64(), asked);
    assert_eq!(call.code().await, Some(0));
}

/// The most memory that either sidecar ever had.
fn peaks(pair: &Pair) -> [u64; 2] {
    [&pair.outbound, &pair.inbound].map(|sidecar| sidecar.usage().peak)
}

#[track_caller]
fn assert_within(slack: u64, before: [u64; 2], after: [u64; 2]) {
    println!("the most memory that each had went from {before:?} to {after:?} bytes");
    let grown = after
        .iter()
        .zip(before)
        .all(|(after, before)| *after < before + slack);
    assert!(grown, "from {before:?} to {after:?} bytes");
}

#[tokio::test]
async fn a_server_streams_many_messages_in_bounded_memory() {
    let app = App::h2c(count).await;
    let pair = Pair::grpc(app.addr).await;
    down(&pair, 1_000).await;
    let before = peaks(&pair);
    timeout(PATIENCE, down(&pair, messages())).await.unwrap();
    assert_within(SLACK, before, peaks(&pair));
}

#[tokio::test]
async fn a_client_streams_many_messages_in_bounded_memory() {
    let app = App::h2c(count).await;
    let pair = Pair::grpc(app.addr).await;
    up(&pair, 1_000).await;
    let before = peaks(&pair);
    timeout(PATIENCE, up(&pair, messages())).await.unwrap();
    assert_within(SLACK, before, peaks(&pair));
}

/// Sends a message bit by bit, counting the bytes that were taken.
async fn send_counted(mut sender: crate::harness::Sender, large: Bytes, taken: Arc<AtomicU64>) {
    for piece in large.chunks(16_384) {
        let piece = large.slice_ref(piece);
        let length = piece.len() as u64;
        sender.send_data(piece).await.unwrap();
        taken.fetch_add(length, Relaxed);
    }
}

/// Waits until nothing is taken any more; how much has been.
async fn stalled(taken: &AtomicU64) -> u64 {
    eventually("a sender that is held up", async || {
        let before = taken.load(Relaxed);
        sleep(Duration::from_millis(400)).await;
        (before > 0 && taken.load(Relaxed) == before).then_some(before)
    })
    .await
}

/// A message whose bytes are not all the same.
fn large() -> Bytes {
    let payload = (0..megabytes() << 20).map(|n| (n ^ (n >> 9)) as u8);
    message(&payload.collect::<Vec<_>>())
}

#[tokio::test]
async fn a_large_answer_comes_no_faster_than_it_is_read() {
    let (large, taken) = (large(), Arc::<AtomicU64>::default());
    let (payload, counter) = (large.clone(), taken.clone());
    let app = App::h2c(move |_: Request<Incoming>| {
        let (sender, response) = response();
        tokio::spawn(send_counted(sender, payload.clone(), counter.clone()));
        async { response }
    })
    .await;
    let pair = Pair::grpc(app.addr).await;
    let before = peaks(&pair);
    let call = pair
        .http2()
        .await
        .call(calling("Get", &[], full(message(b""))))
        .await;
    let held = stalled(&taken).await;
    assert!(held < 12 * MIB, "{held} bytes are on their way");
    let got = timeout(PATIENCE, call.messages.into_body().collect())
        .await
        .unwrap();
    assert!(got.unwrap().to_bytes() == large, "it is whole");
    assert_within(SLACK, before, peaks(&pair));
}

#[tokio::test]
async fn a_large_upload_goes_no_faster_than_it_is_read() {
    let (large, taken, go) = (large(), Arc::<AtomicU64>::default(), Arc::new(Notify::new()));
    let begin = go.clone();
    let app = App::h2c(move |request: Request<Incoming>| {
        let begin = begin.clone();
        let (mut sender, response) = response();
        tokio::spawn(async move {
            begin.notified().await;
            let got = request.into_body().collect().await.unwrap().to_bytes();
            sender.send_data(message(&got)).await?;
            sender.send_trailers(status(0)).await
        });
        async { response }
    })
    .await;
    let pair = Pair::grpc(app.addr).await;
    let before = peaks(&pair);
    let (sender, body) = channel();
    tokio::spawn(send_counted(sender, large.clone(), taken.clone()));
    let mut call = pair.http2().await.call(calling("Put", &[], body)).await;
    let held = stalled(&taken).await;
    assert!(held < 12 * MIB, "{held} bytes are on their way");
    go.notify_one();
    let got = timeout(PATIENCE, call.messages.next()).await.unwrap();
    assert!(got.unwrap().unwrap() == large, "it is whole");
    assert_eq!(call.code().await, Some(0));
    assert_within(SLACK, before, peaks(&pair));
}
