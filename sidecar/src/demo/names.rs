//! The demo's name server: it knows no name at all.
//!
//! So that the walk is the same everywhere, with a network or without.

use std::{io, net::SocketAddr};

use tokio::{net::UdpSocket, task::AbortHandle};

/// Every datagram of a query fits (RFC 6891 §6.2.5 advises 4096).
const LONGEST: usize = 4096;
/// Of a message: identifier, flags and four counts (RFC 1035 §4.1.1).
const HEADER: usize = 12;

/// A running name server. Dropping it ends it.
#[derive(Debug)]
pub(super) struct NameServer {
    addr: SocketAddr,
    run: AbortHandle,
}

impl NameServer {
    /// Starts it at a free port of loopback.
    pub(super) async fn start() -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let addr = socket.local_addr()?;
        let run = tokio::spawn(serve(socket)).abort_handle();
        Ok(Self { addr, run })
    }

    /// Where it answers.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.run.abort();
    }
}

async fn serve(socket: UdpSocket) {
    let mut query = [0; LONGEST];
    loop {
        // What cannot be received or answered is asked again.
        let Ok((length, from)) = socket.recv_from(&mut query).await else {
            continue;
        };
        if let Some(answer) = no_such_name(&query[..length]) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

/// The query's header and question, and NXDOMAIN; `None` to what is no query.
fn no_such_name(query: &[u8]) -> Option<Vec<u8>> {
    let question = query.get(HEADER..)?;
    // A name ends with the empty label; type and class follow (RFC 1035 §4.1.2).
    let end = question.iter().position(|byte| *byte == 0)? + 1 + 4;
    let mut answer = query.get(..HEADER + end)?.to_vec();
    // QR, AA, and RD as asked; RA, and code 3. One question, nothing else.
    answer[2] = 0x84 | (answer[2] & 0x01);
    answer[3] = 0x83;
    answer[4..HEADER].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &[u8] =
        b"\x12\x34\x01\x20\0\x01\0\0\0\0\0\x01\x07nowhere\x04test\0\0\x01\0\x01\0\0\x29\x10\0\0\0\0\0\0\0";

    #[test]
    fn every_name_is_told_not_to_exist() {
        let answer = no_such_name(QUERY).unwrap();
        assert_eq!(answer[..4], *b"\x12\x34\x85\x83");
        assert_eq!(answer[HEADER..], QUERY[HEADER..QUERY.len() - 11]);
    }

    #[test]
    fn what_is_no_query_is_not_answered() {
        for length in 0..QUERY.len() - 11 {
            assert_eq!(no_such_name(&QUERY[..length]), None);
        }
    }
}
