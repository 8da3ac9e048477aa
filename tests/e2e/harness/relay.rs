//! A port that is known before what is behind it: bytes go to wherever it is pointed later.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use tokio::{
    io::{AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// Passes connections on, byte for byte.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) addr: SocketAddr,
    target: Arc<OnceLock<SocketAddr>>,
    passing: AbortHandle,
}

impl Relay {
    pub(crate) async fn start() -> Self {
        Self::saying("").await
    }

    /// One that says something first on each connection that it makes.
    pub(crate) async fn saying(first: impl Into<Vec<u8>>) -> Self {
        let first: Arc<[u8]> = first.into().into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let target = Arc::<OnceLock<SocketAddr>>::default();
        let to = target.clone();
        let passing = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut from, _)) = listener.accept().await {
                let to = *to.get().expect("a relay is pointed somewhere before it is used");
                let first = first.clone();
                connections.spawn(async move {
                    let mut to = TcpStream::connect(to).await?;
                    to.write_all(&first).await?;
                    copy_bidirectional(&mut from, &mut to).await
                });
            }
        });
        Self {
            addr,
            target,
            passing: passing.abort_handle(),
        }
    }

    /// Points it to `target`, once.
    pub(crate) fn to(&self, target: SocketAddr) {
        self.target.set(target).expect("a relay is pointed once");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.passing.abort();
    }
}
