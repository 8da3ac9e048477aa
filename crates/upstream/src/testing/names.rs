//! A name server on loopback that answers as it is told.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{net::UdpSocket, task::JoinHandle};

/// Type AAAA (RFC 3596 §2.1).
const AAAA: u8 = 28;

/// What a name server says to every question.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    /// These addresses, each to its own type of question, with this time to live in seconds.
    Addresses(Vec<IpAddr>, u32),
    /// These addresses to questions for IPv4, and this response code to all others.
    OnlyIpv4(Vec<IpAddr>, u8),
    /// A response code (RFC 6895 §2.3) and nothing else.
    Code(u8),
    Nothing,
}

/// A name server. Dropped, it is gone.
pub(crate) struct NameServer {
    address: SocketAddr,
    say: Arc<Mutex<Say>>,
    asked: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl NameServer {
    pub(crate) async fn start(say: Say) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("loopback has a port");
        let address = socket.local_addr().expect("it is bound");
        let say = Arc::new(Mutex::new(say));
        let asked = Arc::<Mutex<Vec<u8>>>::default();
        let task = tokio::spawn(serve(socket, say.clone(), asked.clone()));
        Self {
            address,
            say,
            asked,
            task,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on.
    pub(crate) fn say(&self, say: Say) {
        *self.say.lock().unwrap() = say;
    }

    /// How many questions have come.
    pub(crate) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, say: Arc<Mutex<Say>>, asked: Arc<Mutex<Vec<u8>>>) {
    let mut packet = [0; 1500];
    while let Ok((length, from)) = socket.recv_from(&mut packet).await {
        let query = &packet[..length];
        let question = question(query);
        let kind = question[question.len() - 3];
        asked.lock().unwrap().push(kind);
        let said = say.lock().unwrap().clone();
        if let Some(answer) = answer(&query[..2], question, kind, &said) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

/// Name, type and class (RFC 1035 §4.1.2).
fn question(query: &[u8]) -> &[u8] {
    let name = query[12..]
        .iter()
        .position(|byte| *byte == 0)
        .expect("a name ends");
    &query[12..12 + name + 5]
}

fn answer(id: &[u8], question: &[u8], kind: u8, say: &Say) -> Option<Vec<u8>> {
    let (code, records) = match say {
        Say::Nothing => return None,
        Say::OnlyIpv4(_, code) if kind == AAAA => (*code, vec![]),
        Say::OnlyIpv4(all, _) => (0, all.iter().map(|ip| record(*ip, 30)).collect()),
        Say::Code(code) => (*code, vec![]),
        Say::Addresses(all, ttl) => {
            let wanted = all.iter().filter(|ip| ip.is_ipv6() == (kind == AAAA));
            (0, wanted.map(|ip| record(*ip, *ttl)).collect::<Vec<_>>())
        }
    };
    let count = u8::try_from(records.len()).expect("few records");
    // Header (RFC 1035 §4.1.1): a response, recursion desired and available; one question.
    let mut answer = id.to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
    answer.extend(question);
    answer.extend(records.concat());
    Some(answer)
}

/// A record whose name points to the question's.
fn record(ip: IpAddr, ttl: u32) -> Vec<u8> {
    let (kind, data) = match ip {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (AAAA, ip.octets().to_vec()),
    };
    let mut record = vec![0xc0, 12, 0, kind, 0, 1];
    record.extend(ttl.to_be_bytes());
    record.extend([0, u8::try_from(data.len()).expect("4 or 16")]);
    record.extend(data);
    record
}
