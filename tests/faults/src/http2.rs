//! The faults of HTTP/2: what is said to the preface, what to a request, and then.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    Fault,
    frames::{
        ACK, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, REFUSED_STREAM, SETTINGS, block, data,
        frame, goaway, head, headers, rst_stream, settings,
    },
    script::End::{self, Again, Close, Cut, Flood, Hold, Listen},
    wire::Wire,
};

/// Plays a fault of HTTP/2. `refused` is the server's memory of having refused a request.
pub(crate) async fn play(fault: Fault, mut wire: Wire, refused: &AtomicBool) -> io::Result<()> {
    wire.read_exactly(PREFACE.len()).await?;
    let (greeting, end) = greet(fault);
    wire.write(&greeting).await?;
    if !matches!(end, Again) {
        return end.play(wire).await;
    }
    loop {
        let stream = match fault {
            Fault::H2EarlyAnswer(_) => read_head(&mut wire).await?,
            _ => read_request(&mut wire).await?,
        };
        let (answer, end) = answer(fault, stream, refused);
        wire.write(&answer).await?;
        if !matches!(end, Again) {
            return end.play(wire).await;
        }
    }
}

/// What is said to the preface; [`Again`] goes on to the requests.
fn greet(fault: Fault) -> (Vec<u8>, End) {
    match fault {
        Fault::H2Silence => (Vec::new(), Hold),
        Fault::H2Garbage => (
            b"\xff\xff\xff\xff nothing of the kind \xff\xff\xff\xff".to_vec(),
            Listen,
        ),
        Fault::H2OnlyHttp1 => (
            b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec(),
            Close,
        ),
        Fault::H2GoAway => ([settings(), goaway(0, 0)].concat(), Listen),
        Fault::H2NoWindow => (
            frame(SETTINGS, 0, 0, &[0, INITIAL_WINDOW_SIZE, 0, 0, 0, 0]),
            Again,
        ),
        _ => (settings(), Again),
    }
}

/// What is said to the request on `stream`; [`Again`] goes on to the next.
fn answer(fault: Fault, stream: u32, refused: &AtomicBool) -> (Vec<u8>, End) {
    let part = || [head(stream, &[]), data(stream, 0, b"part")].concat();
    match fault {
        Fault::H2NoAnswer => (Vec::new(), Again),
        Fault::H2GoAwayOnRequest(code) => (goaway(stream, code), Close),
        Fault::H2GoAwayBefore(code) => (goaway(0, code), Close),
        Fault::H2GoAwayInBody(code) => ([part(), goaway(stream, code)].concat(), Close),
        Fault::H2GoAwayWhole => {
            let end = data(stream, END_STREAM, b"ok");
            ([head(stream, &[]), goaway(stream, 0), end].concat(), Again)
        }
        Fault::H2Reset(code) => (rst_stream(stream, code), Again),
        Fault::H2RefuseOnce if !refused.swap(true, Ordering::Relaxed) => {
            (rst_stream(stream, REFUSED_STREAM), Again)
        }
        Fault::H2ResetInBody(code) => ([part(), rst_stream(stream, code)].concat(), Again),
        Fault::H2CutInBody => (part(), Cut),
        Fault::H2ShortBody => {
            let announced = head(stream, &[("content-length", "100")]);
            ([announced, data(stream, END_STREAM, b"part")].concat(), Again)
        }
        Fault::H2EarlyAnswer(code) => {
            let head = headers(
                stream,
                END_HEADERS,
                &block(&[(":status", "413"), ("content-length", "8")]),
            );
            let body = data(stream, END_STREAM, b"too much");
            ([head, body, rst_stream(stream, code)].concat(), Again)
        }
        Fault::H2Broken(what) => (what.frames(stream), Again),
        Fault::Grpc(what) => (what.frames(stream), Again),
        Fault::H2Floods(what) => {
            let (begin, again) = what.said(stream);
            (begin, Flood(again))
        }
        Fault::H2BadFieldName => (head(stream, &[("X-Capital", "x")]), Again),
        _ => (
            [head(stream, &[]), data(stream, END_STREAM, b"ok")].concat(),
            Again,
        ),
    }
}

/// RFC 9113 §6.5.2.
const INITIAL_WINDOW_SIZE: u8 = 4;

/// Reads frames until a request is complete, and tells its stream.
async fn read_request(wire: &mut Wire) -> io::Result<u32> {
    read_until(wire, |kind, flags| {
        matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0
    })
    .await
}

/// Reads frames until a request has begun, and tells its stream.
async fn read_head(wire: &mut Wire) -> io::Result<u32> {
    read_until(wire, |kind, _| kind == HEADERS).await
}

/// Settings and pings are acknowledged on the way.
async fn read_until(wire: &mut Wire, is_it: impl Fn(u8, u8) -> bool) -> io::Result<u32> {
    loop {
        let (kind, flags, stream, payload) = read_frame(wire).await?;
        match kind {
            _ if is_it(kind, flags) => return Ok(stream),
            SETTINGS if flags & ACK == 0 => wire.write(&frame(SETTINGS, ACK, 0, &[])).await?,
            PING if flags & ACK == 0 => wire.write(&frame(PING, ACK, 0, &payload)).await?,
            _ => {}
        }
    }
}

async fn read_frame(wire: &mut Wire) -> io::Result<(u8, u8, u32, Vec<u8>)> {
    let head = wire.read_exactly(9).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
    let payload = wire.read_exactly(length as usize).await?;
    Ok((head[3], head[4], stream, payload))
}
