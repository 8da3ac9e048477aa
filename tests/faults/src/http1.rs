//! The faults of HTTP/1 and of what lies below it, one row each; and just enough of a parser to know where a request
//! ends.

use std::io;

use crate::{
    Fault, How,
    script::{
        End::{
            Abandon, Again, BlurtAfter, Close, CloseAfter, CloseOnNext, Cut, Drip, Flood, Hold, Listen,
            Reset, ResetAfter,
        },
        Script, UNTIL_READ,
        When::{Accepted, FirstBytes, Head, Request},
    },
    wire::Wire,
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const PART: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart";
const TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// The script of a fault of HTTP/1 or below.
pub(crate) fn script(fault: Fault) -> Option<Script> {
    [connection, silence, head, malformed, body, refusal, idle]
        .into_iter()
        .find_map(|rows| rows(fault))
}

fn connection(fault: Fault) -> Option<Script> {
    Some(match fault {
        Fault::ResetOnAccept => Script::new(Accepted, b"", Reset),
        Fault::CloseOnAccept => Script::new(Accepted, b"", Close),
        Fault::Silence => Script::new(Accepted, b"", Hold),
        Fault::CloseOnFirstBytes => Script::new(FirstBytes, b"", Close),
        Fault::ResetOnFirstBytes => Script::new(FirstBytes, b"", Reset),
        Fault::TlsAlert(description) => Script::new(FirstBytes, alert(description).to_vec(), Close),
        Fault::SshBanner => Script::new(Accepted, b"SSH-2.0-OpenSSH_9.9\r\n", Listen),
        Fault::Greets(what) => Script::new(Accepted, what.said(), Listen),
        Fault::Hello(what) => Script::new(FirstBytes, what.said(), Listen),
        _ => return None,
    })
}

/// A fatal alert in a record of TLS 1.2, as versions from 1.0 to 1.3 read it (RFC 8446 §5.1, §6).
fn alert(description: u8) -> [u8; 7] {
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    [ALERT, 3, 3, 0, 2, FATAL, description]
}

fn silence(fault: Fault) -> Option<Script> {
    Some(match fault {
        Fault::NoAnswer => Script::new(Request, b"", Again),
        Fault::Late(pause) => Script::new(Request, OK, Again).after(pause),
        Fault::Drip(every) => Script::new(Request, OK, Again).dripping(every),
        Fault::None => Script::new(Request, OK, Again),
        _ => return None,
    })
}

fn head(fault: Fault) -> Option<Script> {
    Some(match fault {
        Fault::CloseBeforeHead => Script::new(Request, b"", Close),
        Fault::ResetBeforeHead => Script::new(Request, b"", Reset),
        Fault::CutInStatusLine => Script::new(Request, b"HTTP/1.1 20", Cut),
        Fault::CutInHead => Script::new(Request, b"HTTP/1.1 200 OK\r\ncontent-le", Cut),
        Fault::Ends(place, how) => {
            let end = match how {
                How::Close => Close,
                How::Cut => Cut,
                How::Reset => ResetAfter(UNTIL_READ),
                How::Silence => Listen,
            };
            Script::new(Request, place.sent(), end)
        }
        Fault::DripsFrom(place, every) => Script::new(Request, place.sent(), Drip(place.rest(), every)),
        Fault::UnaskedUpgrade => {
            let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n";
            Script::new(Request, head.as_bytes(), Listen)
        }
        _ => return None,
    })
}

fn malformed(fault: Fault) -> Option<Script> {
    let head = match fault {
        Fault::Garbage => b"\x00\x01\xfe\xffnothing of the kind\x80\r\n\r\n".to_vec(),
        Fault::UnknownVersion => b"HTTP/3.0 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec(),
        Fault::StatusTooLow => b"HTTP/1.1 99 Low\r\ncontent-length: 2\r\n\r\nok".to_vec(),
        Fault::StatusTooHigh => b"HTTP/1.1 1000 High\r\ncontent-length: 2\r\n\r\nok".to_vec(),
        Fault::StatusNotNumeric => b"HTTP/1.1 OK! Fine\r\ncontent-length: 2\r\n\r\nok".to_vec(),
        Fault::ConflictingLengths => with_fields("content-length: 2\r\ncontent-length: 3\r\n"),
        Fault::LengthNotNumeric => with_fields("content-length: four\r\n"),
        Fault::BadFieldName => with_fields("content-length: 2\r\nbad name: x\r\n"),
        Fault::NulInField => with_fields("content-length: 2\r\nx-nul: a\0b\r\n"),
        Fault::HugeField => with_fields(&format!(
            "content-length: 2\r\nx-huge: {}\r\n",
            "h".repeat(1 << 20)
        )),
        Fault::ManyFields => with_fields(&format!(
            "content-length: 2\r\n{}",
            "x-many: m\r\n".repeat(10_000)
        )),
        Fault::Malformed(what) => what.said().to_vec(),
        _ => return None,
    };
    Some(Script::new(Request, head, Listen))
}

fn with_fields(fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\nok").into_bytes()
}

fn body(fault: Fault) -> Option<Script> {
    const CHUNK: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n";
    const BAD_SIZE: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\nmuch\r\n";
    const MORE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npart, and more than that";
    Some(match fault {
        Fault::CutInBody => Script::new(Request, PART, Cut),
        Fault::ResetInBody => Script::new(Request, PART, ResetAfter(UNTIL_READ)),
        Fault::StallInBody => Script::new(Request, PART, Listen),
        Fault::CutBetweenChunks => Script::new(Request, CHUNK, Cut),
        Fault::BadChunkSize => Script::new(Request, BAD_SIZE, Listen),
        Fault::MoreThanAnnounced => Script::new(Request, MORE, Listen),
        Fault::Unusual(what) => Script::new(Request, what.said(), Again),
        Fault::Floods(what) => {
            let (begin, again) = what.said();
            Script::new(Request, begin.as_bytes(), Flood(again.into()))
        }
        _ => return None,
    })
}

fn refusal(fault: Fault) -> Option<Script> {
    const UNAVAILABLE: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\ncontent-length: 9\r\n\r\nnot today";
    const BAD_GATEWAY: &[u8] = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 12\r\n\r\nfrom the app";
    const TOO_LARGE: &[u8] =
        b"HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 8\r\n\r\ntoo much";
    Some(match fault {
        Fault::ServiceUnavailable => Script::new(Request, UNAVAILABLE, Again),
        Fault::BadGateway => Script::new(Request, BAD_GATEWAY, Again),
        Fault::EarlyAnswer => Script::new(Head, TOO_LARGE, Abandon),
        Fault::EarlyOk => Script::new(Head, OK, Listen),
        _ => return None,
    })
}

fn idle(fault: Fault) -> Option<Script> {
    Some(match fault {
        Fault::CloseIdle(time) => Script::new(Request, OK, CloseAfter(time)),
        Fault::CloseOnNext => Script::new(Request, OK, CloseOnNext),
        Fault::TimeoutIdle(time) => Script::new(Request, OK, BlurtAfter(time, TIMEOUT)),
        _ => return None,
    })
}

/// Reads the head of a request.
pub(crate) async fn read_head(wire: &mut Wire) -> io::Result<String> {
    let head = wire.read_until(b"\r\n\r\n").await?;
    Ok(String::from_utf8_lossy(&head).to_ascii_lowercase())
}

/// Reads a request, head and body. A chunked one ends with the first thing that looks like a last chunk.
pub(crate) async fn read_request(wire: &mut Wire) -> io::Result<()> {
    let head = read_head(wire).await?;
    if head.contains("\r\ntransfer-encoding: chunked") {
        wire.read_until(b"0\r\n\r\n").await?;
    } else if let Some(length) = content_length(&head) {
        wire.read_exactly(length).await?;
    }
    Ok(())
}

fn content_length(head: &str) -> Option<usize> {
    head.lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
}
