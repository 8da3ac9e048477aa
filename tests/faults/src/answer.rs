//! What a raw client gets: bytes, and how they ended.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How a connection ended, as its reader saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The peer closed it.
    Closed,
    /// The peer reset it.
    Reset,
    /// It is still open, and nothing came for half a second.
    Silent,
}

/// All that a peer said, and how it ended.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What came after them.
    pub ending: Ending,
}

impl Answer {
    /// The bytes as text, for assertions.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The status of an HTTP/1 response, if there is one.
    pub fn status(&self) -> Option<u16> {
        self.text().strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
    }

    /// Reads until the peer is done, or silent.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let ending = loop {
            match timeout(PATIENCE, stream.read_buf(&mut bytes)).await {
                Err(_elapsed) => break Ending::Silent,
                Ok(Ok(0)) => break Ending::Closed,
                Ok(Ok(_)) => {}
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => break Ending::Reset,
                Ok(Err(error)) => return Err(error),
            }
        };
        Ok(Self { bytes, ending })
    }
}

/// Longer than any pause within a fault that goes on afterwards.
const PATIENCE: Duration = Duration::from_millis(500);

/// Connects, writes `request`, and reads until the server is done, or silent.
pub async fn exchange(addr: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(addr).await?;
    // A server that hangs up on us early is no failure of ours: the answer tells.
    let _ = stream.write_all(request).await;
    Answer::read(&mut stream).await
}
