//! "Metastable Failures in Distributed Systems" (HotOS 2021, OSDI 2022): an overload by repeats that outlives its cause.
//!
//! It does if what is offered with all repeats exceeds the capacity, and work waits for longer than its callers do. Either
//! half broken, it ends with its cause: here a brown-out of 10 s, to a tenth of the capacity.

use crate::{
    scenario::{Outage, Scenario, Workload},
    strategy::Strategy,
    world,
};

/// Goodput over fresh load 40 to 60 s after the brown-out, with room for so many seconds of work in the queue.
pub fn goodput(strategy: &Strategy, load: f64, queue: f64, seed: u64) -> f64 {
    let scenario = Scenario {
        workload: Workload::Rpc,
        kind: Outage::Brown,
        outage: 10.0,
        cold: 1.0,
        load,
        queue: (queue * 1000.0) as usize,
        probe_threshold: 0,
        horizon: 90.0,
        seed,
        ..Scenario::default()
    };
    let series = world::run(&scenario, strategy).series;
    series.goodput(series.up + 40, series.up + 60)
}
