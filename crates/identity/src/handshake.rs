//! What a handshake's verifier has to tell beyond rustls's error.
//!
//! rustls turns a verifier's error into the alert that the peer gets, so it must stay one of rustls's own kinds; but
//! the certificate at fault is known to the verifier only. It leaves what it knows in a note that belongs to the
//! handshake's task and is read when the handshake has failed.

use std::{
    cell::{Cell, RefCell},
    io,
};

use outrigger_gateway::Reason;

tokio::task_local! {
    static NOTES: Notes;
}

#[derive(Default)]
struct Notes {
    refusal: RefCell<Option<Refusal>>,
    vouched_until: Cell<Option<i64>>,
}

/// Why we refuse the peer's certificate.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

/// Runs a handshake; its error comes with the refusal that our verifier noted, if that was the cause.
pub(crate) async fn observe<T>(
    handshake: impl Future<Output = io::Result<T>>,
) -> Result<T, (io::Error, Option<Refusal>)> {
    let noted = async {
        let result = handshake.await;
        result.map_err(|error| (error, NOTES.with(|notes| notes.refusal.take())))
    };
    NOTES.scope(Notes::default(), noted).await
}

/// Notes why the peer's certificate is refused.
pub(crate) fn refuse(refusal: Refusal) {
    // Outside of `observe` nobody asks, and rustls's own error tells enough.
    let _ = NOTES.try_with(|notes| notes.refusal.replace(Some(refusal)));
}

/// Notes until when the peer's certificate, or the ticket in its place, vouches for it.
pub(crate) fn vouch_until(not_after: i64) {
    let _ = NOTES.try_with(|notes| notes.vouched_until.set(Some(not_after)));
}

/// Until when the peer is vouched for; `None` if it presented nothing.
pub(crate) fn vouched_until() -> Option<i64> {
    NOTES.try_with(|notes| notes.vouched_until.get()).ok().flatten()
}
