//! The pressure that all threads share.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::pressure::Pressure;

/// What was let in, and how hard those are pressed who refuse.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    admitted: AtomicU64,
    /// Locked by refusals only.
    pressure: Mutex<Pressure>,
}

impl Refusals {
    /// One more was let in.
    pub(crate) fn admit(&self) {
        self.admitted.fetch_add(1, Relaxed);
    }

    /// One more was refused; when it should come back.
    pub(crate) fn refuse(&self, now: Duration, random: u64) -> Duration {
        // Whatever panicked elsewhere, the figures are only advice.
        let mut pressure = self.pressure.lock().unwrap_or_else(PoisonError::into_inner);
        pressure.refuse(now, self.admitted.load(Relaxed));
        pressure.retry_after(random)
    }
}
