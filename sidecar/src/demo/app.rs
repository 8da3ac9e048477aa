//! The app of the demo: small, friendly, and able to misbehave in every way that the walk asks for.
//!
//! It can die and come back at the same port. While it is dead the port stays its own, so that nobody else gets
//! it, and is not listened at: who calls is refused, as at any service that crashed.

mod answer;
mod grpc;
mod http1;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
};

pub(super) use self::answer::{CRASH_LENGTH, CRASH_SENT, DEAD_FOR, HELLO, OWN_502, OWN_503, OWN_RETRY_AFTER};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;

/// A running app. Dropping it ends it.
#[derive(Debug)]
pub(super) struct App {
    addr: SocketAddr,
    life: Arc<Life>,
    run: AbortHandle,
}

impl App {
    /// Starts it at a free port of loopback.
    pub(super) fn start() -> io::Result<Self> {
        let socket = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let addr = socket.local_addr()?;
        let listener = socket.listen(BACKLOG)?;
        let life = Arc::new(Life {
            wanted: watch::Sender::new(true),
            listens: watch::Sender::new(true),
        });
        let run = tokio::spawn(live(listener, addr, life.clone())).abort_handle();
        Ok(Self { addr, life, run })
    }

    /// Where it listens, when it does.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends it with all its connections; when this returns it is gone.
    pub(super) async fn kill(&self) {
        self.life.set(false).await;
    }

    /// Starts it again; when this returns it listens.
    pub(super) async fn revive(&self) {
        self.life.set(true).await;
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.run.abort();
    }
}

/// Whether the app is to live, and whether it does.
#[derive(Debug)]
struct Life {
    wanted: watch::Sender<bool>,
    listens: watch::Sender<bool>,
}

impl Life {
    async fn set(&self, alive: bool) {
        self.wanted.send_replace(alive);
        let mut listens = self.listens.subscribe();
        // The sender is ours: it cannot be gone.
        let _ = listens.wait_for(|listens| *listens == alive).await;
    }

    /// Dies now, and comes back after a while.
    async fn pause(self: Arc<Self>, pause: Duration) {
        self.set(false).await;
        tokio::time::sleep(pause).await;
        self.set(true).await;
    }
}

/// Lives, dies and lives again, as it is wanted.
async fn live(mut listener: TcpListener, addr: SocketAddr, life: Arc<Life>) -> io::Result<()> {
    let mut wanted = life.wanted.subscribe();
    loop {
        life.listens.send_replace(true);
        tokio::select! {
            () = serve(listener, &life) => {}
            _ = wanted.wait_for(|alive| !alive) => {}
        }
        let grave = bind(addr)?;
        life.listens.send_replace(false);
        let _ = wanted.wait_for(|alive| *alive).await;
        listener = grave.listen(BACKLOG)?;
    }
}

/// Serves until it is dropped, and all its connections with it.
async fn serve(listener: TcpListener, life: &Arc<Life>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(talk(stream, life.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// HTTP/2 begins with `PRI`, which no method of HTTP/1.1 does.
async fn talk(stream: TcpStream, life: Arc<Life>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut begin = [0; 3];
    stream.peek(&mut begin).await?;
    if begin == *b"PRI" {
        grpc::talk(stream).await
    } else {
        http1::talk(stream, &life).await
    }
}

fn bind(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections of its former life must not keep it from the port.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}
