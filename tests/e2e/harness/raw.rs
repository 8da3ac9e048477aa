//! A client of bytes: for what no HTTP library would say.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{LONG, within};

/// A connection that says and hears plain bytes.
#[derive(Debug)]
pub(crate) struct Raw {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            heard: Vec::new(),
        }
    }

    /// Says it; a peer that has hung up already is found out when it is listened to.
    pub(crate) async fn say(&mut self, text: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(text.as_ref()).await;
    }

    /// Says that nothing more will come.
    pub(crate) async fn end(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Hears up to and with `end`; what follows is kept.
    #[track_caller]
    pub(crate) fn read_until<'a>(&'a mut self, end: &'a str) -> impl Future<Output = String> {
        let heard = async move {
            loop {
                if let Some(at) = find(&self.heard, end.as_bytes()) {
                    let text = self.heard.drain(..at + end.len()).collect::<Vec<_>>();
                    return String::from_utf8_lossy(&text).into_owned();
                }
                let read = self.stream.read_buf(&mut self.heard).await.unwrap();
                assert!(
                    read > 0,
                    "closed after {:?}",
                    String::from_utf8_lossy(&self.heard)
                );
            }
        };
        within(LONG, end, heard)
    }

    /// Hears all there is until the peer closes or resets.
    #[track_caller]
    pub(crate) fn read_to_end(&mut self) -> impl Future<Output = String> {
        let heard = async {
            while matches!(self.stream.read_buf(&mut self.heard).await, Ok(1..)) {}
            String::from_utf8_lossy(&std::mem::take(&mut self.heard)).into_owned()
        };
        within(LONG, "the connection's end", heard)
    }

    /// Whether the peer keeps quiet, and the connection open, for so long.
    pub(crate) async fn stays_open(&mut self, time: Duration) -> bool {
        timeout(time, self.stream.read_buf(&mut self.heard))
            .await
            .is_err()
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
