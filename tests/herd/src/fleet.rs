//! Many runs at once, on as many threads as there are processors; the order of the answers is that of the questions.

use std::{
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use crate::{report::Report, scenario::Scenario, strategy::Strategy, world};

/// Runs each of these.
pub fn run(jobs: &[(Scenario, Strategy)]) -> Vec<Report> {
    let next = AtomicUsize::new(0);
    let reports = Mutex::new(vec![None; jobs.len()]);
    let work = || {
        while let index = next.fetch_add(1, Relaxed)
            && let Some((scenario, strategy)) = jobs.get(index)
        {
            let report = world::run(scenario, strategy);
            reports.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(report);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            scope.spawn(work);
        }
    });
    let reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.into_iter().flatten().collect()
}
