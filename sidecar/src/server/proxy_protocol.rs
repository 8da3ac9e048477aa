//! Who a connection is made for, where a balancer in front of us says so by a PROXY header.
//!
//! The header is waited for before anything else and at most as long as a handshake may take, and not a byte behind
//! it is taken. A connection that does not begin with one is closed: who could do without would choose its own
//! address. Its word is the address of the client, for `Forwarded` and the log, and no more: at such a listener nobody
//! is trusted for being on this host, neither the balancer, which speaks for strangers, nor who claims an address of
//! this host in its header. A verified certificate is worth what it is worth elsewhere.

use std::{fmt, io, net::SocketAddr};

use outrigger_gateway::Reason;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::count;
use crate::{
    plan::Direction,
    proxy_protocol::{Malformed, Source, read},
};

/// Who is at the other end, before any certificate tells more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    /// Its address, if it is known.
    pub(super) addr: Option<SocketAddr>,
    /// Whether it is trusted for being on this host.
    pub(super) local: bool,
}

/// Why there is no header.
#[derive(Debug)]
enum Missing {
    /// It went away without a word.
    Silent,
    /// It went away within its header.
    Cut,
    Malformed(Malformed),
    Broken(io::Error),
    /// It did not come in time.
    Late,
}

impl Caller {
    /// Gets to know who a connection from `addr` is made for, before `end`; tells if that is not said.
    pub(super) async fn meet(
        direction: &Direction,
        stream: &mut TcpStream,
        addr: SocketAddr,
        end: Instant,
    ) -> Option<Self> {
        if !direction.proxy_protocol {
            return Some(Self {
                addr: Some(addr),
                local: addr.ip().to_canonical().is_loopback(),
            });
        }
        let said = timeout_at(end, source(stream)).await;
        match said.unwrap_or(Err(Missing::Late)) {
            Ok(source) => Some(Self {
                addr: match source {
                    Source::Client(client) => Some(client),
                    Source::Sender => Some(addr),
                    Source::Unknown => None,
                },
                local: false,
            }),
            Err(missing) => {
                tell(direction, addr, &missing);
                None
            }
        }
    }
}

/// Takes the header off the stream, and nothing else.
async fn source(stream: &mut TcpStream) -> Result<Source, Missing> {
    let (mut head, mut seen) = (Vec::new(), [0; 256]);
    loop {
        let bytes = stream.peek(&mut seen).await?;
        let before = head.len();
        match bytes {
            0 if before == 0 => return Err(Missing::Silent),
            0 => return Err(Missing::Cut),
            bytes => head.extend_from_slice(&seen[..bytes]),
        }
        let header = read(&head)?;
        // What is no whole header is a part of one, all of it.
        let own = header.map_or(head.len(), |header| header.length);
        stream.read_exact(&mut seen[..own - before]).await?;
        if let Some(header) = header {
            return Ok(header.source);
        }
    }
}

fn tell(direction: &Direction, addr: SocketAddr, missing: &Missing) {
    let reason = match missing {
        // Whoever looks whether somebody listens comes and goes like this.
        Missing::Silent | Missing::Broken(_) => {
            tracing::debug!(%addr, %missing, "a connection ended before anything was said");
            return;
        }
        Missing::Late => Reason::RequestTimeout,
        Missing::Cut | Missing::Malformed(_) => Reason::BadRequest,
    };
    count(
        direction,
        reason,
        &format!("a connection from {addr} was closed: {missing}"),
    );
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("it said nothing"),
            Self::Cut => f.write_str("its PROXY header was cut"),
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Broken(error) => error.fmt(f),
            Self::Late => f.write_str("its PROXY header did not arrive in time"),
        }
    }
}

impl From<Malformed> for Missing {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<io::Error> for Missing {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}
