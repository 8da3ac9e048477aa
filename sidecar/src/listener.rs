//! Listening sockets. One accepts for all workers, and hands each connection to the one with the fewest.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::unix::AsyncFd,
    time::{Instant, sleep},
};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;
/// After accepting failed for want of descriptors, say, it is tried again this much later.
const BREATH: Duration = Duration::from_millis(50);
/// And said again this much later, if it lasts.
const AGAIN: Duration = Duration::from_secs(5);

/// A socket that accepts connections without registering them with its own thread's reactor.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: AsyncFd<TcpListener>,
    addr: SocketAddr,
}

/// An address could not be listened at.
#[derive(Debug)]
pub struct BindError {
    what: &'static str,
    addr: SocketAddr,
    error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, addr, error } = self;
        match error.kind() {
            io::ErrorKind::AddrInUse => write!(f, "{what} {addr}: another process listens there already"),
            io::ErrorKind::AddrNotAvailable => write!(f, "{what} {addr}: this host has no such address"),
            io::ErrorKind::PermissionDenied => {
                write!(
                    f,
                    "{what} {addr}: not permitted; ports below 1024 need a privilege"
                )
            }
            _ => write!(f, "{what} {addr}: {error}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl Listener {
    /// Listens at `addr`, for `what` in words.
    pub(crate) fn bind(what: &'static str, addr: SocketAddr) -> Result<Self, BindError> {
        let bound = listen(addr).and_then(|socket| {
            let addr = socket.local_addr()?;
            Ok(Self {
                socket: register(socket)?,
                addr,
            })
        });
        bound.map_err(|error| BindError { what, addr, error })
    }

    /// Where it listens; a port that was left to the system is filled in.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The same socket for a server that accepts by itself.
    pub(crate) fn into_tokio(self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.socket.into_inner())
    }

    /// The next connection, non-blocking.
    pub(crate) async fn accept(&self) -> (TcpStream, SocketAddr) {
        let mut complained: Option<Instant> = None;
        loop {
            match self.try_accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_the_connections_own(&error) => {}
                Err(error) => {
                    if complained.is_none_or(|at| at.elapsed() > AGAIN) {
                        tracing::error!(%error, addr = %self.addr, "connections cannot be accepted");
                        complained = Some(Instant::now());
                    }
                    sleep(BREATH).await;
                }
            }
        }
    }

    /// A connection that has been waiting, if there is one.
    pub(crate) fn accept_waiting(&self) -> Option<(TcpStream, SocketAddr)> {
        let (stream, addr) = self.socket.get_ref().accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((stream, addr))
    }

    async fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        loop {
            let mut ready = self.socket.readable().await?;
            if let Ok(accepted) = ready.try_io(|socket| socket.get_ref().accept()) {
                let (stream, addr) = accepted?;
                stream.set_nonblocking(true)?;
                return Ok((stream, addr));
            }
        }
    }
}

/// `AsyncFd::new` is deprecated since a type may lie about its descriptor; the standard library's does not, and
/// what came in its place is unsafe to call.
#[allow(deprecated)]
fn register(socket: TcpListener) -> io::Result<AsyncFd<TcpListener>> {
    AsyncFd::new(socket)
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of the process before it.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// It was gone before it could be accepted; the next one may be fine.
fn is_the_connections_own(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
