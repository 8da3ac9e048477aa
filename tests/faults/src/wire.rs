//! A connection and the few things that can be done with it.

use std::{future, io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::TcpStream,
    time::sleep,
};
use tokio_rustls::server::TlsStream;

/// A byte stream over TCP, whatever lies between.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {
    fn tcp(&mut self) -> &mut TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&mut self) -> &mut TcpStream {
        self
    }
}

impl Stream for TlsStream<TcpStream> {
    fn tcp(&mut self) -> &mut TcpStream {
        self.get_mut().0
    }
}

/// A connection as a script handles it: bytes in, bytes out, and ways to end.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            unread: Vec::new(),
        }
    }

    /// Waits for bytes, and leaves them unread.
    pub(crate) async fn first_bytes(&mut self) -> io::Result<()> {
        if self.unread.is_empty() {
            self.fill().await
        } else {
            Ok(())
        }
    }

    /// Reads up to and with `end`.
    pub(crate) async fn read_until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                return Ok(self.unread.drain(..at + end.len()).collect());
            }
            self.fill().await?;
        }
    }

    /// Reads `count` bytes.
    pub(crate) async fn read_exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < count {
            self.fill().await?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    async fn fill(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.unread).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Writes a byte, waits, writes the next.
    pub(crate) async fn drip(&mut self, bytes: &[u8], every: Duration) -> io::Result<()> {
        self.stream.tcp().set_nodelay(true)?;
        for byte in bytes {
            self.write(&[*byte]).await?;
            sleep(every).await;
        }
        Ok(())
    }

    /// Reads and forgets until the peer is done.
    pub(crate) async fn discard(mut self) -> io::Result<()> {
        let mut scratch = [0; 4096];
        while self.stream.read(&mut scratch).await? > 0 {}
        Ok(())
    }

    /// Writes the same again and again, and reads meanwhile, until the peer is gone.
    pub(crate) async fn flood(self, bytes: &[u8]) -> io::Result<()> {
        let (mut read, mut write) = split(self.stream);
        let mut scratch = [0; 4096];
        let reading = async {
            while read.read(&mut scratch).await? > 0 {}
            io::Result::Ok(())
        };
        let writing = async {
            loop {
                write.write_all(bytes).await?;
            }
        };
        tokio::select! {
            read = reading => read,
            written = writing => written,
        }
    }

    /// Ends in order: `close_notify` behind TLS, then FIN.
    pub(crate) async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        // Dropped with bytes unread, the kernel would send a RST after the FIN and spoil it.
        self.discard().await
    }

    /// Ends as if the process had died: a bare FIN.
    pub(crate) async fn cut(mut self) -> io::Result<()> {
        self.stream.tcp().shutdown().await?;
        self.discard_tcp().await
    }

    async fn discard_tcp(mut self) -> io::Result<()> {
        let mut scratch = [0; 4096];
        while self.stream.tcp().read(&mut scratch).await? > 0 {}
        Ok(())
    }

    /// Ends with a RST.
    pub(crate) fn reset(mut self) -> io::Result<()> {
        self.stream.tcp().set_zero_linger()
    }

    /// Neither reads nor writes any more.
    pub(crate) async fn hold(self) -> io::Result<()> {
        future::pending().await
    }
}
