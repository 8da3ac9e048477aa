//! Says so in the log as one of our certificates enters each stage of its life.

use std::{sync::Arc, time::Duration};

use outrigger_identity::{Identity, UnixTime, Watch};
use tokio::time::sleep;

/// It looks at least this often: a clock that is set changes what time it is.
const LONGEST: Duration = Duration::from_secs(60);

/// Seconds since 1970, by the system's clock.
pub(crate) fn now() -> i64 {
    i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX)
}

/// Watches the identity's certificates, for as long as it is polled.
pub(crate) async fn watch(identity: Arc<Identity>) {
    let mut watch = Watch::new(identity.certificates());
    loop {
        watch.log(now());
        let wait = watch.next_change(now()).map_or(LONGEST, until);
        sleep(wait).await;
    }
}

fn until(change: i64) -> Duration {
    let seconds = u64::try_from(change.saturating_sub(now())).unwrap_or(0);
    Duration::from_secs(seconds).clamp(Duration::from_secs(1), LONGEST)
}
