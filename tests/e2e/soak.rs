//! Everything at once, for as long as one likes: healthy clients, failing upstreams, hostile clients and clients that
//! leave, through a pair. The healthy ones must not notice, and nothing of it may stay.
//!
//! `OUTRIGGER_SOAK_SECONDS` says for how long (`just soak`: ten minutes). A third of that again comes before it, so that
//! memory is compared with what it was behind the same load.

mod load;
mod world;

use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::{load::Load, world::World};
use crate::harness::{Client, MIB, Sidecar, Usage, setting};

/// Clients' connections end before that, and so do those to upstreams that have ended.
const UNTIL_IDLE: Duration = Duration::from_secs(20);

/// How much more an allocator may keep than it did behind the same load before.
fn slack(time: Duration) -> u64 {
    // Seconds of warming up have not met every fault at its worst yet: what is too much then is what grows without end.
    match time < Duration::from_secs(60) {
        true => 48 * MIB,
        false => 8 * MIB,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stays_of_mixed_faults_under_load() {
    let time = Duration::from_secs(setting("OUTRIGGER_SOAK_SECONDS", 9));
    let mut world = World::start().await;
    let fresh = usage(&world);

    run(&mut world, time / 3).await;
    let before = at_rest(&world, None).await;
    run(&mut world, time).await;
    still_serves(&world).await;
    world.end_upstreams();
    let after = at_rest(&world, Some(fresh)).await;

    println!("fresh: {fresh:?}\nwarm: {before:?}\nafter {time:?} more: {after:?}");
    for (before, after) in before.iter().zip(after) {
        assert!(
            after.resident < before.resident + slack(time),
            "from {before:?} to {after:?}"
        );
    }
    world.revive().await;
    still_serves(&world).await;
}

/// Loads the pair for so long; nothing that is well may fail meanwhile.
async fn run(world: &mut World, time: Duration) {
    let load = Load::on(world);
    let end = Instant::now() + time;
    while Instant::now() < end {
        world.kill_and_restart_an_app().await;
        world.outbound.metrics().await;
        world.inbound.metrics().await;
    }
    let (told, failed) = load.end().await;
    println!("{told:?}");
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(told.healthy > 10 && told.faulty > 10, "there was load: {told:?}");
}

/// Waits until no request, place or connection is counted any more, and no descriptor is open that was not when the
/// sidecars were `fresh`; what they use then.
async fn at_rest(world: &World, fresh: Option<[Usage; 2]>) -> [Usage; 2] {
    let end = Instant::now() + UNTIL_IDLE;
    loop {
        let (outbound, inbound) = (left(&world.outbound).await, left(&world.inbound).await);
        let now = usage(world);
        let more = fresh.is_some_and(|fresh| (0..2).any(|at| now[at].descriptors > fresh[at].descriptors));
        if outbound + inbound == 0.0 && !more {
            // What was freed goes back to the system a little later.
            sleep(Duration::from_secs(2)).await;
            return usage(world);
        }
        assert!(
            Instant::now() < end,
            "left: outbound {outbound}, inbound {inbound}, {now:?}; fresh: {fresh:?}"
        );
        sleep(Duration::from_millis(100)).await;
    }
}

/// Requests, places and connections that are still counted.
async fn left(sidecar: &Sidecar) -> f64 {
    let metrics = sidecar.metrics().await;
    let gauges = [
        "outrigger_requests_in_flight",
        "outrigger_limit_in_flight",
        "outrigger_connections",
    ];
    gauges.iter().map(|name| metrics.sum(name, &[])).sum()
}

async fn still_serves(world: &World) {
    for client in [
        Client::http1(world.outbound.outbound()).await,
        Client::http2(world.outbound.outbound()).await,
    ] {
        let reply = client.ask(load::get("app")).await;
        assert_eq!((reply.status.as_u16(), &*reply.text()), (200, "ok"));
    }
}

fn usage(world: &World) -> [Usage; 2] {
    [&world.outbound, &world.inbound].map(Sidecar::usage)
}
