//! Waiting, bounded: a test that would hang fails, and says for what it waited.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// Longer than anything healthy takes on a busy machine; a test has ten seconds in all.
pub(crate) const LONG: Duration = Duration::from_secs(8);

/// What comes of `future`, which must come in time.
#[track_caller]
pub(crate) fn within<F: Future>(limit: Duration, what: &str, future: F) -> impl Future<Output = F::Output> {
    let asked_at = std::panic::Location::caller();
    async move {
        match timeout(limit, future).await {
            Ok(output) => output,
            Err(_) => panic!("{asked_at}: waited {limit:?} for {what}"),
        }
    }
}

/// Looks again and again until `look` finds something.
#[track_caller]
pub(crate) fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> impl Future<Output = T>
where
    F: Future<Output = Option<T>>,
{
    let asked_at = std::panic::Location::caller();
    async move {
        let end = Instant::now() + LONG;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(Instant::now() < end, "{asked_at}: never: {what}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}
