//! What an inbound port offers a TLS client, asked as scanners ask: everything at once, then all but what was chosen.
//!
//! The hellos are written by hand, since no library would offer what is weak.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{App, Certificates, LONG, Sidecar, ok, within};

const TLS12: u16 = 0x0303;
const TLS13: u16 = 0x0304;

/// Alerts (RFC 8446 §6).
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;

/// Nearly every cipher suite ever registered, NULL, RC4, 3DES, CBC and RSA key transport among them.
fn suites() -> Vec<u16> {
    let blocks = [0x0000..=0x00ff, 0x1301..=0x1307, 0xc001..=0xc0ff, 0xcc13..=0xccae];
    blocks.into_iter().flatten().collect()
}

/// Key exchanges: the NIST curves, X25519 and X448, finite fields, and the hybrids with ML-KEM.
const GROUPS: &[u16] = &[
    0x0013, 0x0015, 0x0017, 0x0018, 0x0019, 0x001a, 0x001d, 0x001e, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104,
    0x11eb, 0x11ec, 0x11ed,
];

/// What a client offers; what it does not say here is as everyone says it.
#[derive(Clone)]
struct Hello {
    version: u16,
    suites: Vec<u16>,
    groups: Vec<u16>,
}

impl Hello {
    fn everything(version: u16) -> Self {
        Self {
            version,
            suites: suites(),
            groups: GROUPS.to_vec(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let numbers = |numbers: &[u16]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>();
        let extension =
            |number: u16, content: Vec<u8>| [&number.to_be_bytes()[..], &sized(2, &content)].concat();
        let mut extensions = vec![
            extension(10, sized(2, &numbers(&self.groups))),
            // ECDSA, RSA-PSS and RSA with SHA-256, ECDSA and RSA with SHA-1.
            extension(13, sized(2, &numbers(&[0x0403, 0x0804, 0x0401, 0x0203, 0x0201]))),
            extension(11, vec![1, 0]),
        ];
        // DEFLATE first, then none.
        let mut compression = &[2, 1, 0][..];
        if self.version == TLS13 {
            // Nothing else is allowed any more.
            compression = &[1, 0];
            extensions.push(extension(43, sized(1, &TLS13.to_be_bytes())));
            // No key yet: the server has to say which group it wants, and which suite (RFC 8446 §4.1.4).
            extensions.push(extension(51, sized(2, &[])));
        }
        let body = [
            &self.version.min(TLS12).to_be_bytes()[..],
            &[7; 32],
            &[0],
            &sized(2, &numbers(&self.suites)),
            compression,
            &sized(2, &extensions.concat()),
        ];
        let handshake = [&[1][..], &sized(3, &body.concat())].concat();
        [&[22, 3, 1][..], &sized(2, &handshake)].concat()
    }

    async fn ask(&self, server: SocketAddr) -> Answer {
        let mut stream = TcpStream::connect(server).await.unwrap();
        stream.write_all(&self.bytes()).await.unwrap();
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.unwrap();
        let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut record).await.unwrap();
        match head[0] {
            21 => Answer::Alert(record[1]),
            22 => Answer::Hello(Chosen::of(&record)),
            other => panic!("a record of type {other}"),
        }
    }
}

/// With its length in front, in so many bytes.
fn sized(width: usize, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    [&length[length.len() - width..], content].concat()
}

#[derive(Debug, PartialEq)]
enum Answer {
    Alert(u8),
    Hello(Chosen),
}

/// What a `ServerHello` says (RFC 8446 §4.1.3).
#[derive(Debug, PartialEq)]
struct Chosen {
    version: u16,
    suite: u16,
    compression: u8,
    group: Option<u16>,
}

impl Chosen {
    fn of(record: &[u8]) -> Self {
        assert_eq!(record[0], 2, "a ServerHello");
        let number = |at: usize| u16::from_be_bytes([record[at], record[at + 1]]);
        let after_session = 4 + 2 + 32 + 1 + usize::from(record[4 + 2 + 32]);
        let mut chosen = Self {
            version: number(4),
            suite: number(after_session),
            compression: record[after_session + 2],
            group: None,
        };
        let mut at = after_session + 5;
        let end = at + usize::from(number(after_session + 3));
        while at < end {
            match number(at) {
                43 => chosen.version = number(at + 4),
                51 => chosen.group = Some(number(at + 4)),
                _ => {}
            }
            at += 4 + usize::from(number(at + 2));
        }
        chosen
    }
}

/// An inbound port of each kind that speaks TLS: where it is, and what keeps it.
async fn ports() -> (App, Certificates, Sidecar, Sidecar) {
    let (app, certificates) = (App::http1(ok).await, Certificates::new());
    let identity = certificates.identity("orders");
    let start = async |tls: &str| {
        let inbound = format!("[[inbound]]\nlisten = \"127.0.0.1:0\"\ntls = \"{tls}\"\n");
        let to = format!("[inbound.app]\nendpoints = [\"{}\"]\n", app.addr);
        Sidecar::start(&[&*identity, &inbound, &to].concat()).await
    };
    let (mutual, server) = (start("mutual").await, start("server").await);
    (app, certificates, mutual, server)
}

/// Takes away from `offer` what was chosen until nothing is; what was chosen, in the server's order.
async fn chosen(
    server: SocketAddr,
    mut hello: Hello,
    offer: impl Fn(&mut Hello) -> &mut Vec<u16>,
    choice: impl Fn(&Chosen) -> u16,
) -> Vec<u16> {
    let mut chosen = Vec::new();
    loop {
        match within(LONG, "an answer to a hello", hello.ask(server)).await {
            Answer::Hello(answer) => {
                assert_eq!((answer.version, answer.compression), (hello.version, 0));
                chosen.push(choice(&answer));
                offer(&mut hello).retain(|offered| !chosen.contains(offered));
            }
            Answer::Alert(alert) => {
                assert_eq!(alert, HANDSHAKE_FAILURE);
                return chosen;
            }
        }
    }
}

#[tokio::test]
async fn versions_before_tls_1_2_are_refused() {
    let (_app, _certificates, mutual, server) = ports().await;
    for port in [mutual.inbound(), server.inbound()] {
        for version in 0x0300..TLS12 {
            let answer = within(LONG, "an answer", Hello::everything(version).ask(port)).await;
            assert_eq!(answer, Answer::Alert(PROTOCOL_VERSION), "{version:#06x}");
        }
    }
}

#[tokio::test]
async fn suites_are_authenticated_encryption_with_ephemeral_keys_in_an_order_of_ours() {
    let (_app, _certificates, mutual, server) = ports().await;
    for port in [mutual.inbound(), server.inbound()] {
        for (version, wanted) in [
            // AES-256-GCM, AES-128-GCM, ChaCha20-Poly1305.
            (TLS13, [0x1302, 0x1301, 0x1303]),
            // The same with ECDHE, for our certificate: ECDSA.
            (TLS12, [0xc02c, 0xc02b, 0xcca9]),
        ] {
            let mut hello = Hello::everything(version);
            // From the weakest end: the order is not the client's.
            hello.suites.reverse();
            let suites = chosen(port, hello, |hello| &mut hello.suites, |answer| answer.suite).await;
            assert_eq!(suites, wanted, "{suites:#06x?}");
        }
    }
}

#[tokio::test]
async fn keys_are_exchanged_over_strong_groups_alone() {
    let (_app, _certificates, mutual, server) = ports().await;
    for port in [mutual.inbound(), server.inbound()] {
        let choice = |answer: &Chosen| answer.group.expect("it asks for a key");
        let mut groups = chosen(port, Hello::everything(TLS13), |hello| &mut hello.groups, choice).await;
        groups.sort_unstable();
        // P-256, P-384, X25519, X25519 with ML-KEM-768.
        assert_eq!(groups, [0x0017, 0x0018, 0x001d, 0x11ec], "{groups:#06x?}");
    }
}
