//! Sessions that a client may resume, none longer than the server's certificate vouches for them.
//!
//! A resumed handshake verifies nothing again, and a ticket may live for seven days (RFC 8446 §4.6.1). Workload
//! certificates live for an hour: once the first of those that the sessions rest on has expired, all are dropped and
//! the next handshake is a full one.
//!
//! One store belongs to one connector, which expects one peer; so the server's name is no key here.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustls::{
    NamedGroup,
    client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue},
    time_provider::TimeProvider,
};
use rustls_pki_types::ServerName;

/// A TLS 1.3 ticket is used once; a burst of new connections finds this many.
const TICKETS: usize = 8;

#[derive(Debug)]
pub(crate) struct Sessions {
    clock: Arc<dyn TimeProvider>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    tls13: VecDeque<Tls13ClientSessionValue>,
    tls12: Option<Tls12ClientSessionValue>,
    group: Option<NamedGroup>,
    until: Option<i64>,
}

impl Sessions {
    pub(crate) fn new(clock: Arc<dyn TimeProvider>) -> Self {
        Self {
            clock,
            kept: Mutex::default(),
        }
    }

    /// Sessions made from here on rest on a certificate with this `not_after`.
    pub(crate) fn until(&self, not_after: i64) {
        let mut kept = self.lock();
        kept.until = Some(kept.until.map_or(not_after, |until| until.min(not_after)));
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Every change is a single assignment: a panic elsewhere leaves nothing half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What may still be resumed.
    fn usable(&self) -> MutexGuard<'_, Kept> {
        let now = self
            .clock
            .current_time()
            .and_then(|now| i64::try_from(now.as_secs()).ok());
        let mut kept = self.lock();
        if kept.until.is_some_and(|until| now.is_none_or(|now| now > until)) {
            *kept = Kept {
                group: kept.group,
                ..Kept::default()
            };
        }
        kept
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.lock().group = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.lock().group
    }

    fn set_tls12_session(&self, _: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.lock().tls12 = Some(session);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.usable().tls12.clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.lock().tls12 = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut kept = self.lock();
        if kept.tls13.len() == TICKETS {
            kept.tls13.pop_front();
        }
        kept.tls13.push_back(ticket);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.usable().tls13.pop_back()
    }
}
