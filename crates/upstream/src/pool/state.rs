//! What a pool holds: idle connections, shared ones, and who waits for one.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hyper::client::conn::{http1, http2};
use tokio::{sync::oneshot, time::Instant};

use super::{Leased, STREAMS, Told, lease::Stream};
use crate::{
    connect::Protocol,
    connection::{Connection, Facts, Sender},
};

pub(super) struct State<B> {
    /// What the endpoint is known to speak; `None` until ALPN has told.
    pub(super) protocol: Option<Protocol>,
    pub(super) idle: VecDeque<Idle<B>>,
    pub(super) shared: Vec<Shared<B>>,
    pub(super) dialing: bool,
    pub(super) waiting: Vec<oneshot::Sender<Told>>,
}

pub(super) struct Idle<B> {
    pub(super) sender: http1::SendRequest<B>,
    pub(super) facts: Arc<Facts>,
    pub(super) since: Instant,
    pub(super) expires: Instant,
}

pub(super) struct Shared<B> {
    pub(super) sender: http2::SendRequest<B>,
    pub(super) facts: Arc<Facts>,
    pub(super) streams: Arc<AtomicUsize>,
    pub(super) expires: Instant,
    /// When a stream last began; connections that idle longer than they may are dropped.
    pub(super) since: Instant,
    pub(super) used: bool,
}

impl<B> State<B> {
    /// Room for a stream on an HTTP/2 connection.
    pub(super) fn shared_room(&mut self, now: Instant) -> Option<Leased<B>> {
        if self.shared.is_empty() {
            return None;
        }
        self.shared.retain(|shared| !shared.sender.is_closed());
        let shared = self.shared.iter_mut().find(|shared| {
            let room = STREAMS.min(shared.facts.streams_allowed());
            shared.expires > now && shared.streams.load(Relaxed) < room
        })?;
        shared.since = now;
        let reused = std::mem::replace(&mut shared.used, true);
        let connection = Connection {
            sender: Sender::Http2(shared.sender.clone()),
            facts: shared.facts.clone(),
            reused,
        };
        Some(Leased {
            connection,
            stream: Some(Stream::begin(&shared.streams)),
            expires: shared.expires,
        })
    }

    /// The HTTP/1.1 connection that was used last, if it is still good.
    pub(super) fn idle_room(&mut self, now: Instant, idle_limit: Duration) -> Option<Leased<B>> {
        let mut busy = Vec::new();
        let mut found = None;
        while let Some(idle) = self.idle.pop_back() {
            if idle.sender.is_closed() || idle.expires <= now || idle.since + idle_limit <= now {
                continue;
            }
            // Its task has not yet seen the end of the last exchange, or still reads a request's rest.
            if !idle.sender.is_ready() {
                busy.push(idle);
                continue;
            }
            let Idle {
                sender,
                facts,
                expires,
                ..
            } = idle;
            let reused = facts.received.bytes() > 0;
            let connection = Connection {
                sender: Sender::Http1(sender),
                facts,
                reused,
            };
            found = Some(Leased {
                connection,
                stream: None,
                expires,
            });
            break;
        }
        self.idle.extend(busy.into_iter().rev());
        found
    }

    /// Lets others share a new HTTP/2 connection, and takes the first stream of it.
    pub(super) fn share(&mut self, connection: &Connection<B>, expires: Instant) -> Option<Stream> {
        let Sender::Http2(sender) = &connection.sender else {
            return None;
        };
        let streams = Arc::new(AtomicUsize::new(0));
        let stream = Stream::begin(&streams);
        let (facts, since) = (connection.facts.clone(), connection.facts.born);
        self.shared.push(Shared {
            sender: sender.clone(),
            facts,
            streams,
            expires,
            since,
            used: false,
        });
        Some(stream)
    }

    /// Takes in a connection that was dialed for whoever comes first.
    pub(super) fn put(&mut self, leased: Leased<B>) {
        if let Sender::Http1(sender) = leased.connection.sender {
            let (facts, expires) = (leased.connection.facts, leased.expires);
            self.idle.push_back(Idle {
                since: facts.born,
                sender,
                facts,
                expires,
            });
        }
    }
}
