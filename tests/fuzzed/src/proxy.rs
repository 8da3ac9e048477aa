//! The proxy as a whole: a sidecar over loopback between a client and an app, both of which send what they are given.
//!
//! Of each exchange must hold: it ends; what reaches the app is HTTP framed by us; what reaches the client is HTTP;
//! once both are gone, nothing counts as in flight. An input is what the client sends, a line `====`, and what the
//! app answers each connection with before it closes it. Where HTTP/2 is spoken both are written as
//! [frames](frames).

mod app;
mod bodies;
mod client;
mod frames;
mod wire;
mod world;

use wire::{Read, Request, Response};

pub(crate) use bodies::bodies;

use self::{
    client::Reply,
    frames::{Frame, PREFACE},
    world::{Exchange, Side, exchange},
};

/// HTTP/1.1 on both sides.
pub(crate) fn http1(bytes: &[u8]) {
    let (sent, answer) = halves(bytes);
    let mut asked = Vec::new();
    let mut rest = sent;
    while let Read::Whole(length, request) = Request::read(rest) {
        asked.push(request);
        rest = &rest[length..];
    }
    let clean = rest.is_empty();
    let told = exchange(&Exchange {
        side: Side::Http1,
        sent,
        answer,
        patient_app: false,
        patient_client: clean,
        // Of requests that nothing is wrong with it is known how many answers come.
        done: &|reply| clean && responses(reply, &asked).is_ok_and(|(finals, _)| finals >= asked.len()),
    });
    told.app
        .iter()
        .for_each(|connection| check_requests(connection, answer));
    responses(&told.client, &asked)
        .unwrap_or_else(|wrong| panic!("the client got {wrong}: {}", told.client.escape_ascii()));
}

/// HTTP/2 from the client, HTTP/1.1 to the app.
pub(crate) fn http2(bytes: &[u8]) {
    let (sent, answer) = halves(bytes);
    let frames = Frame::parse(sent);
    let sent = [PREFACE, &frames::SETTINGS, &frames::write(&frames)].concat();
    let told = exchange(&Exchange {
        side: Side::Http1,
        sent: &sent,
        answer,
        patient_app: false,
        patient_client: false,
        done: &|reply| Reply::read(reply).is_ok_and(|reply| reply.has_ended(&frames)),
    });
    told.app
        .iter()
        .for_each(|connection| check_requests(connection, answer));
    Reply::read(&told.client)
        .unwrap_or_else(|wrong| panic!("the client got {wrong}: {}", told.client.escape_ascii()));
}

/// A request in HTTP/1.1, and an app that speaks HTTP/2, or should.
pub(crate) fn http2_answer(bytes: &[u8]) {
    let (sent, answer) = halves(bytes);
    let sent = match sent.first() {
        Some(b'P') => &b"POST /orders HTTP/1.1\r\nhost: shop\r\ncontent-length: 5\r\n\r\nhello"[..],
        _ => b"GET /orders HTTP/1.1\r\nhost: shop\r\n\r\n",
    };
    let Read::Whole(_, request) = Request::read(sent) else {
        unreachable!("it is whole");
    };
    let asked = [request];
    let answer = match answer.strip_prefix(b"raw\n") {
        Some(raw) => raw.to_vec(),
        None => [&frames::SETTINGS[..], &frames::write(&Frame::parse(answer))].concat(),
    };
    let told = exchange(&Exchange {
        side: Side::Http2,
        sent,
        answer: &answer,
        patient_app: false,
        patient_client: true,
        done: &|reply| responses(reply, &asked).is_ok_and(|(finals, _)| finals > 0),
    });
    for connection in &told.app {
        assert!(
            PREFACE.starts_with(connection) || connection.starts_with(PREFACE),
            "no HTTP/2"
        );
        check_requests(connection, &answer);
    }
    let (finals, cut) =
        responses(&told.client, &asked).unwrap_or_else(|wrong| panic!("the client got {wrong}"));
    assert!(
        finals == 1 || cut,
        "no answer at all: {}",
        told.client.escape_ascii()
    );
}

/// What the client sends, and what the app answers.
fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    const BETWEEN: &[u8] = b"====\n";
    match bytes.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        Some(at) => (&bytes[..at], &bytes[at + BETWEEN.len()..]),
        None => (bytes, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
    }
}

/// All that an app got on one connection, before it switched protocols if it did, is requests as we write them; the
/// last may have been cut.
fn check_requests(mut connection: &[u8], answer: &[u8]) {
    let switches = wire::position(answer, b"HTTP/1.1 101").is_some();
    if let Some(frames) = connection.strip_prefix(PREFACE) {
        // gRPC is sent on as HTTP/2.
        Reply::read(frames).unwrap_or_else(|wrong| panic!("the app got {wrong}: {}", frames.escape_ascii()));
        return;
    }
    loop {
        match Request::read(connection) {
            Read::Whole(length, request) => {
                request.check_passed_on();
                if switches && request.asks_for_upgrade() {
                    return;
                }
                connection = &connection[length..];
            }
            Read::Part => return,
            Read::Wrong(what) => panic!("the app got {what}: {}", connection.escape_ascii()),
        }
    }
}

/// How many final responses a client got to the end, and whether one more is cut; an error if it is no HTTP.
fn responses(mut bytes: &[u8], asked: &[Request]) -> Result<(usize, bool), String> {
    let mut finals = 0;
    loop {
        // A request that we could not read ourselves may have been a HEAD as well: then the answer may end early.
        let method = asked.get(finals).map(|request| &*request.method);
        match Response::read(bytes, method) {
            _ if bytes.is_empty() => return Ok((finals, false)),
            // What follows is no HTTP any more.
            Read::Whole(_, response) if response.status == 101 => return Ok((finals + 1, true)),
            Read::Whole(length, response) => {
                finals += usize::from(response.status >= 200);
                bytes = &bytes[length..];
            }
            Read::Part => return Ok((finals, true)),
            // The body of an answer to a HEAD that only hyper could read.
            Read::Wrong(_) if method.is_none() && finals > 0 => return Ok((finals, true)),
            Read::Wrong(what) => return Err(what),
        }
    }
}
