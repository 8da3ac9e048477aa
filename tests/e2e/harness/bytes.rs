//! An app of plain bytes, and streams that are told from one another by how they end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

use super::within;
use crate::harness::LONG;

/// A server on loopback that does with each connection what it is told; dropped, it drops them all.
#[derive(Debug)]
pub(crate) struct BytesApp {
    pub(crate) addr: SocketAddr,
    accepting: AbortHandle,
}

impl BytesApp {
    pub(crate) async fn start<F, R>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serve = Arc::new(serve);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let serve = serve.clone();
                connections.spawn(async move { serve(stream).await });
            }
        });
        Self {
            addr,
            accepting: accepting.abort_handle(),
        }
    }

    /// One that says what it hears.
    pub(crate) async fn echo() -> Self {
        Self::start(async |mut stream| {
            let (mut from, mut to) = stream.split();
            // A client that breaks off is no fault of the app's.
            let _ = tokio::io::copy(&mut from, &mut to).await;
            let _ = to.shutdown().await;
        })
        .await
    }
}

impl Drop for BytesApp {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// How a stream ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As it was meant.
    Clean,
    /// Broken off.
    Cut,
}

/// All that is said until the stream's end, and how that came.
#[track_caller]
pub(crate) fn hear_out(stream: &mut TcpStream) -> impl Future<Output = (Vec<u8>, End)> {
    within(LONG, "a stream's end", async {
        let mut heard = Vec::new();
        let end = match stream.read_to_end(&mut heard).await {
            Ok(_) => End::Clean,
            Err(_) => End::Cut,
        };
        (heard, end)
    })
}

/// What comes next, exactly so long.
#[track_caller]
pub(crate) fn hear(stream: &mut TcpStream, length: usize) -> impl Future<Output = Vec<u8>> {
    within(LONG, "bytes", async move {
        let mut heard = vec![0; length];
        stream.read_exact(&mut heard).await.unwrap();
        heard
    })
}

/// Breaks it off, so that its peer can tell.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}
