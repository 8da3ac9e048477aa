//! A name server on loopback that gets it wrong, in one way for every question, until it is dropped.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{net::UdpSocket, task::JoinHandle, time::sleep};

/// One way for a name server to answer, over UDP; nobody listens for TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DnsFault {
    /// None: the name is at 127.0.0.1.
    None,
    /// Takes questions and never answers.
    Silent,
    /// Answers well, but only after this time.
    Late(Duration),
    /// Answers with this response code (RFC 6895 §2.3) and no record.
    Code(u8),
    /// Answers that all is well, and has no record.
    Empty,
    /// Answers with bytes that are no message.
    Garbage,
    /// Answers with half a message.
    Cut,
    /// Answers well, to a question that nobody asked: with another id.
    WrongId,
    /// Answers that the answer is too long for UDP.
    Truncated,
}

impl DnsFault {
    /// The response code for a question that it did not understand.
    pub const FORMERR: Self = Self::Code(1);
    /// The response code for a server that failed.
    pub const SERVFAIL: Self = Self::Code(2);
    /// The response code for a name that does not exist.
    pub const NXDOMAIN: Self = Self::Code(3);
    /// The response code for a question of a kind that it does not answer.
    pub const NOTIMP: Self = Self::Code(4);
    /// The response code for an asker whom it does not answer.
    pub const REFUSED: Self = Self::Code(5);

    fn answer(self, query: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::None | Self::Late(_) => Some(at_loopback(query)),
            Self::Silent => None,
            Self::Code(code) => Some(message(query, [0x81, 0x80 | code], &[])),
            Self::Empty => Some(message(query, [0x81, 0x80], &[])),
            Self::Garbage => Some(b"nothing of the kind".to_vec()),
            Self::Cut => Some(message(query, [0x81, 0x80], &[])[..8].to_vec()),
            Self::WrongId => {
                let mut answer = at_loopback(query);
                answer[0] = !answer[0];
                Some(answer)
            }
            // TC (RFC 1035 §4.1.1).
            Self::Truncated => Some(message(query, [0x83, 0x80], &[])),
        }
    }
}

/// A misbehaving name server.
#[derive(Debug)]
pub struct NameServer {
    addr: SocketAddr,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl NameServer {
    /// Starts it on a port of its own.
    ///
    /// # Panics
    ///
    /// If loopback has no port left.
    pub async fn start(fault: DnsFault) -> Self {
        let bound = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let socket = bound.expect("loopback has a free port");
        let addr = socket.local_addr().expect("it is bound");
        let asked = Arc::<AtomicUsize>::default();
        let count = asked.clone();
        let serve = async move { drop(serve(socket, fault, &count).await) };
        Self {
            addr,
            asked,
            task: tokio::spawn(serve),
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many questions have come.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, fault: DnsFault, asked: &AtomicUsize) -> io::Result<()> {
    let mut packet = [0; 1500];
    loop {
        let (length, from) = socket.recv_from(&mut packet).await?;
        asked.fetch_add(1, Ordering::Relaxed);
        if let DnsFault::Late(time) = fault {
            sleep(time).await;
        }
        if let Some(answer) = fault.answer(&packet[..length]) {
            socket.send_to(&answer, from).await?;
        }
    }
}

/// A message: the id and the question of `query`, these flags, these records (RFC 1035 §4.1).
fn message(query: &[u8], flags: [u8; 2], records: &[&[u8]]) -> Vec<u8> {
    let name = query[12..].iter().position(|byte| *byte == 0).unwrap_or_default();
    let question = &query[12..12 + name + 5];
    let count = u8::try_from(records.len()).expect("few records");
    let counts = [0, 1, 0, count, 0, 0, 0, 0];
    [&query[..2], &flags, &counts, question, &records.concat()].concat()
}

/// 127.0.0.1 for a question for IPv4, nothing for any other.
fn at_loopback(query: &[u8]) -> Vec<u8> {
    // The question's name, type A, class IN, one second to live, 4 bytes.
    const RECORD: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1];
    const A: u8 = 1;
    let name = query[12..].iter().position(|byte| *byte == 0).unwrap_or_default();
    let records: &[&[u8]] = if query[12 + name + 2] == A { &[RECORD] } else { &[] };
    message(query, [0x81, 0x80], records)
}
