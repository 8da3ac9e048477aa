//! A listener that plays one fault on every connection, until it is dropped.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use rustls::ServerConfig;
use socket2::{Domain, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use crate::{Fault, http1, http2, wire::Wire};

/// A misbehaving server on loopback. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    accepted: Arc<AtomicUsize>,
    presence: Presence,
}

/// What keeps the port as it is.
#[derive(Debug)]
#[expect(dead_code, reason = "sockets are kept open by being kept")]
enum Presence {
    Sockets(Vec<Socket>),
    Task(JoinHandle<()>),
}

impl Server {
    /// Starts it in plain text. Must be called within a tokio runtime.
    ///
    /// # Panics
    ///
    /// If loopback has no port left.
    pub fn start(fault: Fault) -> Self {
        Self::try_start(fault, None).expect("loopback has a free port")
    }

    /// Starts it behind TLS: faults that come before a byte of HTTP also come before the handshake. ALPN is the
    /// configuration's; the faults `H2...` expect it to have offered `h2`.
    ///
    /// # Panics
    ///
    /// If loopback has no port left.
    pub fn start_tls(fault: Fault, config: Arc<ServerConfig>) -> Self {
        Self::try_start(fault, Some(config.into())).expect("loopback has a free port")
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections it has accepted.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    fn try_start(fault: Fault, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let accepted = Arc::default();
        let (socket, addr) = bound()?;
        let presence = match fault {
            // Bound, so that nobody else gets the port, and not listening.
            Fault::Refuse => Presence::Sockets(vec![socket]),
            Fault::Blackhole => Presence::Sockets(full_queue(socket, addr)?),
            _ => {
                socket.listen(1024)?;
                socket.set_nonblocking(true)?;
                let listener = TcpListener::from_std(socket.into())?;
                let play = Play {
                    fault,
                    tls,
                    refused: Arc::default(),
                };
                Presence::Task(tokio::spawn(accept(listener, play, Arc::clone(&accepted))))
            }
        };
        Ok(Self {
            addr,
            accepted,
            presence,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Presence::Task(task) = &self.presence {
            task.abort();
        }
    }
}

fn bound() -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let addr = socket
        .local_addr()?
        .as_socket()
        .expect("an IPv4 socket has an IPv4 address");
    Ok((socket, addr))
}

/// A listener whose queue of one is full, and the connections that fill it.
fn full_queue(listener: Socket, addr: SocketAddr) -> io::Result<Vec<Socket>> {
    listener.listen(0)?;
    let mut sockets = vec![listener];
    for _ in 0..4 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // "In progress": the kernel goes on by itself, and all but the first stay that way.
        let _ = socket.connect(&addr.into());
        sockets.push(socket);
    }
    Ok(sockets)
}

/// Ends, and with it every connection, when the task is aborted.
async fn accept(listener: TcpListener, play: Play, accepted: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        accepted.fetch_add(1, Ordering::Relaxed);
        connections.spawn(play.clone().run(stream));
        while connections.try_join_next().is_some() {}
    }
}

#[derive(Clone)]
struct Play {
    fault: Fault,
    tls: Option<TlsAcceptor>,
    refused: Arc<AtomicBool>,
}

impl Play {
    /// Errors are the client's going away, which ends the play.
    async fn run(self, stream: TcpStream) -> io::Result<()> {
        let wire = match &self.tls {
            Some(tls) if !self.fault.is_below_tls() => Wire::new(tls.accept(stream).await?),
            _ => Wire::new(stream),
        };
        match http1::script(self.fault) {
            Some(script) => script.play(wire).await,
            None => http2::play(self.fault, wire, &self.refused).await,
        }
    }
}
