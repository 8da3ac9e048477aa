//! What a client can do wrong, one name a way.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use crate::{
    Answer, Ending,
    frames::{END_HEADERS, END_STREAM, HEADERS, PREFACE, frame, rst_stream, settings},
    script::UNTIL_READ,
};

/// One way of misbehaving towards a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HostileClient {
    /// Connects and says nothing.
    Silence,
    /// Sends part of a head and then nothing.
    HalfHead,
    /// Sends a head that never ends, one field each time this has passed, for as long as it is let.
    Slowloris(Duration),
    /// Announces a body of 100 bytes, sends 4, and closes its side.
    CutInBody,
    /// Announces a body of 100 bytes, sends 4, and resets.
    ResetInBody,
    /// Sends bytes that are no protocol at all.
    Garbage,
    /// Speaks HTTP in plain text, which is wrong on a TLS port.
    PlainText,
    /// Speaks TLS, which is wrong on a port for plain text: a `ClientHello` without its end.
    TlsHello,
    /// `Content-Length` and `Transfer-Encoding` in one request, the first step of request smuggling
    /// (RFC 9112 §6.1).
    BothLengths,
    /// Two `Content-Length` that disagree.
    ConflictingLengths,
    /// Two `Host` fields (RFC 9112 §3.2).
    TwoHosts,
    /// No `Host` field.
    NoHost,
    /// A request target of a mebibyte.
    LongTarget,
    /// One field of a mebibyte.
    HugeField,
    /// Ten thousand fields.
    ManyFields,
    /// HTTP/2: the preface and settings, then nothing.
    H2Silence,
    /// HTTP/2: a thousand requests, each reset in the same breath (CVE-2023-44487).
    H2RapidReset,
}

impl HostileClient {
    /// Every way, with a time that is a good example.
    pub const ALL: &'static [Self] = &[
        Self::Silence,
        Self::HalfHead,
        Self::Slowloris(Duration::from_millis(20)),
        Self::CutInBody,
        Self::ResetInBody,
        Self::Garbage,
        Self::PlainText,
        Self::TlsHello,
        Self::BothLengths,
        Self::ConflictingLengths,
        Self::TwoHosts,
        Self::NoHost,
        Self::LongTarget,
        Self::HugeField,
        Self::ManyFields,
        Self::H2Silence,
        Self::H2RapidReset,
    ];

    /// Plays its part and tells what came back; what a server that hung up did not take is left unsaid.
    pub async fn call(self, addr: SocketAddr) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(addr).await?;
        match self {
            Self::Slowloris(every) => drip_fields(&mut stream, every).await,
            _ => drop(stream.write_all(&self.says()).await),
        }
        match self {
            Self::CutInBody => stream.shutdown().await?,
            Self::ResetInBody => return reset(stream).await,
            _ => {}
        }
        Answer::read(&mut stream).await
    }

    fn says(self) -> Vec<u8> {
        match self {
            Self::Silence | Self::Slowloris(_) => Vec::new(),
            Self::HalfHead => b"GET / HTTP/1.1\r\nhost: x\r\nx-ha".to_vec(),
            Self::CutInBody | Self::ResetInBody => with_fields("host: x\r\ncontent-length: 100\r\n", "part"),
            Self::Garbage => b"\x00\x01\xfe\xffnothing of the kind\x80\r\n\r\n".to_vec(),
            Self::PlainText => with_fields("host: x\r\n", ""),
            // A handshake record of 512 bytes (RFC 8446 §5.1), of which 6 come.
            Self::TlsHello => vec![22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3],
            Self::BothLengths => with_fields(
                "host: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
            Self::ConflictingLengths => {
                with_fields("host: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n", "part")
            }
            Self::TwoHosts => with_fields("host: x\r\nhost: y\r\n", ""),
            Self::NoHost => with_fields("", ""),
            Self::LongTarget => {
                format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "t".repeat(1 << 20)).into_bytes()
            }
            Self::HugeField => with_fields(&format!("host: x\r\nx-huge: {}\r\n", "h".repeat(1 << 20)), ""),
            Self::ManyFields => with_fields(&format!("host: x\r\n{}", "x-many: m\r\n".repeat(10_000)), ""),
            Self::H2Silence => [PREFACE, &settings()].concat(),
            Self::H2RapidReset => [PREFACE.to_vec(), settings(), rapid_resets()].concat(),
        }
    }
}

fn with_fields(fields: &str, body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\n{fields}\r\n{body}").into_bytes()
}

async fn drip_fields(stream: &mut TcpStream, every: Duration) {
    let mut said = stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").await;
    while said.is_ok() {
        sleep(every).await;
        said = stream.write_all(b"x-slow: s\r\n").await;
    }
}

async fn reset(stream: TcpStream) -> io::Result<Answer> {
    sleep(UNTIL_READ).await;
    stream.set_zero_linger()?;
    Ok(Answer {
        bytes: Vec::new(),
        ending: Ending::Reset,
    })
}

/// `HEADERS` and `RST_STREAM(CANCEL)` in turn.
fn rapid_resets() -> Vec<u8> {
    // GET, http, "/", and the authority "x" (RFC 7541, appendix A).
    const BLOCK: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'x'];
    const CANCEL: u32 = 8;
    let streams = (1..2_000).step_by(2);
    streams
        .flat_map(|stream| {
            [
                frame(HEADERS, END_HEADERS | END_STREAM, stream, BLOCK),
                rst_stream(stream, CANCEL),
            ]
            .concat()
        })
        .collect()
}
