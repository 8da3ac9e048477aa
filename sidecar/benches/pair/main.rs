//! Requests through real sidecars, over loopback.
//!
//! One app and its callers share a thread; each sidecar has one worker, a thread of its own. Connections are kept. A
//! figure is the time from one answer to the next, and what it makes a second. How to read it:
//!
//! - `direct` is the app without a sidecar: what is left is client, app and two trips through the kernel.
//! - `one after the other` is latency: every hop waits for the one before, and most of that is threads being woken.
//! - `32 at once` is throughput: on two cores it is the CPU time of all together, divided by two.
//! - The pair speaks mutual TLS and HTTP/2 between themselves, as ALPN has it, and HTTP/1.1 to the app.
//! - These figures vary by a quarter on a machine that is shared. They are for before and after, side by side, not for
//!   comparing machines.

mod caller;
mod world;

use std::{hint::black_box, time::Duration};

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use futures_util::future::join_all;
use tokio::{
    runtime::{Builder, Runtime},
    time::Instant,
};

use self::{
    caller::{Caller, Speaks},
    world::World,
};

/// The allocator that the binary has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AT_ONCE: usize = 32;

fn requests(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the system has room for one more runtime");
    let world = runtime.block_on(World::start());
    let world = world.expect("loopback has free ports");
    let ways = [
        ("direct, HTTP/1.1", world.app, Speaks::Http1),
        ("one sidecar, plain HTTP/1.1", world.plain(), Speaks::Http1),
        ("a pair, HTTP/1.1", world.pair(), Speaks::Http1),
        ("a pair, HTTP/2", world.pair(), Speaks::Http2),
    ];
    for (name, count) in [("one after the other", 1), ("32 at once", AT_ONCE)] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        for (way, addr, speaks) in ways {
            let callers = runtime.block_on(Caller::several(count, addr, speaks));
            measure(&mut group, way, &runtime, callers);
        }
    }
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, way: &str, runtime: &Runtime, mut callers: Vec<Caller>) {
    group.bench_function(way, |bencher| {
        bencher.iter_custom(|times| runtime.block_on(time(&mut callers, times)));
    });
}

/// The time that so many requests take, spread over these callers.
async fn time(callers: &mut [Caller], times: u64) -> Duration {
    let (count, started) = (callers.len() as u64, Instant::now());
    let shares = callers.iter_mut().zip(0..count).map(async |(caller, index)| {
        let share = times / count + u64::from(index < times % count);
        for _ in 0..share {
            black_box(caller.ask().await);
        }
    });
    join_all(shares).await;
    started.elapsed()
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
        .nresamples(10_000)
        .without_plots();
    targets = requests
}
criterion_main!(benches);
