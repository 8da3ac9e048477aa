//! Room on a connection, taken and given back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use hyper::client::conn::http1;
use tokio::time::Instant;

use super::{Pool, state::Idle};
use crate::connection::{Connection, Facts, Sender};

/// A connection with room for one request.
pub(crate) struct Leased<B> {
    pub(crate) connection: Connection<B>,
    pub(super) stream: Option<Stream>,
    pub(super) expires: Instant,
}

/// A place on a connection while a response's body is read; giving it back keeps the connection.
pub(crate) enum Lease<C, B> {
    /// The whole connection. Dropped before its response has ended, it is closed.
    Http1 { pool: Arc<Pool<C, B>>, idle: Idle1<B> },
    /// One stream of it.
    Http2 { _stream: Option<Stream> },
}

/// An HTTP/1.1 connection on its way back into the pool.
pub(crate) struct Idle1<B> {
    sender: http1::SendRequest<B>,
    facts: Arc<Facts>,
    expires: Instant,
}

/// One stream of a shared connection.
pub(crate) struct Stream(Arc<AtomicUsize>);

impl Stream {
    pub(super) fn begin(streams: &Arc<AtomicUsize>) -> Self {
        streams.fetch_add(1, Relaxed);
        Self(streams.clone())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl<B> Leased<B> {
    /// What is held on to while the response's body is read.
    pub(crate) fn into_lease<C>(self, pool: &Arc<Pool<C, B>>) -> Lease<C, B> {
        let (facts, expires) = (self.connection.facts, self.expires);
        match self.connection.sender {
            Sender::Http1(sender) => Lease::Http1 {
                pool: pool.clone(),
                idle: Idle1 {
                    sender,
                    facts,
                    expires,
                },
            },
            Sender::Http2(_) => Lease::Http2 { _stream: self.stream },
        }
    }
}

impl<C, B> Lease<C, B> {
    /// The response has ended well: its connection may carry another.
    pub(crate) fn give_back(self) {
        if let Self::Http1 { pool, idle } = self
            && !idle.sender.is_closed()
        {
            let Idle1 {
                sender,
                facts,
                expires,
            } = idle;
            pool.state().idle.push_back(Idle {
                sender,
                facts,
                since: Instant::now(),
                expires,
            });
        }
    }
}
