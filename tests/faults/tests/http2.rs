//! Each fault of HTTP/2 does on the wire what its documentation says.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use outrigger_faults::{Answer, Ending, Fault, Server, exchange};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Kind, flags, stream, payload.
type Frame = (u8, u8, u32, Vec<u8>);

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let [a, b, c, kind, flags, d, e, f, g, rest @ ..] = bytes {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        frames.push((
            *kind,
            *flags,
            u32::from_be_bytes([*d, *e, *f, *g]),
            rest[..length].to_vec(),
        ));
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty(), "no half frame");
    frames
}

/// The preface, settings, a ping, and `count` requests.
fn requests(count: u32) -> Vec<u8> {
    const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'x'];
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(PING, 0, 0, b"12345678"));
    for i in 0..count {
        bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, GET));
    }
    bytes
}

async fn answer(fault: Fault, count: u32) -> Answer {
    let server = Server::start(fault);
    exchange(server.addr(), &requests(count)).await.unwrap()
}

/// What comes on streams, and `GOAWAY`s, without the courtesies; and the ending.
async fn told(fault: Fault, count: u32) -> (Vec<Frame>, Ending) {
    let answer = answer(fault, count).await;
    let mut frames = frames(&answer.bytes);
    assert_eq!(
        frames.remove(0),
        (SETTINGS, 0, 0, Vec::new()),
        "settings come first"
    );
    frames.retain(|(kind, ..)| ![SETTINGS, PING].contains(kind));
    (frames, answer.ending)
}

fn head(stream: u32) -> Frame {
    (HEADERS, END_HEADERS, stream, vec![0x88])
}

fn whole(stream: u32) -> [Frame; 2] {
    [head(stream), (DATA, END_STREAM, stream, b"ok".to_vec())]
}

fn part(stream: u32) -> [Frame; 2] {
    [head(stream), (DATA, 0, stream, b"part".to_vec())]
}

fn reset(stream: u32, code: u32) -> Frame {
    (RST_STREAM, 0, stream, code.to_be_bytes().to_vec())
}

#[tokio::test]
async fn none_answers_every_request_and_every_courtesy() {
    let (told, ending) = told(Fault::H2None, 2).await;
    assert_eq!(told, [whole(1), whole(3)].concat());
    assert_eq!(ending, Ending::Silent);

    let courtesies = frames(&answer(Fault::H2None, 0).await.bytes);
    assert_eq!(
        courtesies[1..],
        [(SETTINGS, 1, 0, Vec::new()), (PING, 1, 0, b"12345678".to_vec())]
    );
}

#[tokio::test]
async fn silence_sends_no_frame() {
    let answer = answer(Fault::H2Silence, 1).await;
    assert_eq!(
        (answer.bytes.as_slice(), answer.ending),
        (&b""[..], Ending::Silent)
    );
}

#[tokio::test]
async fn no_answer_is_otherwise_well() {
    assert_eq!(told(Fault::H2NoAnswer, 2).await, (Vec::new(), Ending::Silent));
}

#[tokio::test]
async fn garbage_is_no_frame() {
    let answer = answer(Fault::H2Garbage, 1).await;
    assert!(answer.bytes.starts_with(b"\xff\xff\xff\xff nothing"));
}

#[tokio::test]
async fn only_http1_says_400_in_http1() {
    let answer = answer(Fault::H2OnlyHttp1, 1).await;
    assert_eq!((answer.status(), answer.ending), (Some(400), Ending::Closed));
}

#[tokio::test]
async fn go_away_disowns_every_stream_and_reads_on() {
    let (told, ending) = told(Fault::H2GoAway, 1).await;
    assert_eq!((told, ending), (vec![(GOAWAY, 0, 0, vec![0; 8])], Ending::Silent));
}

#[tokio::test]
async fn go_away_on_request_covers_it_and_closes() {
    let (told, ending) = told(Fault::H2GoAwayOnRequest(11), 1).await;
    assert_eq!(
        (told, ending),
        (
            vec![(GOAWAY, 0, 0, vec![0, 0, 0, 1, 0, 0, 0, 11])],
            Ending::Closed
        )
    );
}

#[tokio::test]
async fn reset_resets_each_stream_with_its_code() {
    assert_eq!(
        told(Fault::H2Reset(8), 2).await,
        (vec![reset(1, 8), reset(3, 8)], Ending::Silent)
    );
}

#[tokio::test]
async fn refuse_once_refuses_the_first_request_of_all_connections() {
    let server = Server::start(Fault::H2RefuseOnce);
    let first = exchange(server.addr(), &requests(2)).await.unwrap();
    let first = frames(&first.bytes);
    assert!(
        first.contains(&reset(1, 7)) && first.ends_with(&whole(3)),
        "{first:?}"
    );
    let second = exchange(server.addr(), &requests(1)).await.unwrap();
    assert!(frames(&second.bytes).ends_with(&whole(1)));
}

#[tokio::test]
async fn bodies_go_wrong_after_a_good_head() {
    let (reset_in_body, ending) = told(Fault::H2ResetInBody(2), 1).await;
    assert_eq!(
        (reset_in_body, ending),
        ([&part(1)[..], &[reset(1, 2)]].concat(), Ending::Silent)
    );

    assert_eq!(
        told(Fault::H2CutInBody, 1).await,
        (part(1).to_vec(), Ending::Closed)
    );

    let (short, ending) = told(Fault::H2ShortBody, 1).await;
    assert!(short[0].3.ends_with(b"\x0econtent-length\x03100"), "{short:?}");
    assert_eq!(
        (&short[1], ending),
        (&(DATA, END_STREAM, 1, b"part".to_vec()), Ending::Silent)
    );
}

#[tokio::test]
async fn bad_field_name_has_a_capital() {
    let (told, _) = told(Fault::H2BadFieldName, 1).await;
    assert!(told[0].3.ends_with(b"\x09X-Capital\x01x"), "{told:?}");
}
