//! Bodies that are known to be whole or cut: they reach the client as what they are.

use super::{
    client::Reply,
    frames::{self, Frame, PREFACE},
    wire::{Read, Response},
    world::{Exchange, Side, exchange},
};

/// Every body begins with it, and no answer of the proxy's own does.
const MARK: &[u8] = b"BODY";

/// The first byte chooses who speaks what, the second where the answer is cut (255: nowhere), the others are the
/// sizes of the body's pieces.
pub(crate) fn bodies(bytes: &[u8]) {
    let [choice, cut, sizes @ ..] = bytes else {
        return;
    };
    let answer = Answer::new(*choice, *cut, &sizes[..sizes.len().min(24)]);
    let http2 = choice & 4 != 0;
    let sent = match http2 {
        false => b"GET /orders HTTP/1.1\r\nhost: shop\r\n\r\n".to_vec(),
        true => {
            let window = b"F 8 0 0 3fffffff\nF 4 0 0 00043fffffff\n";
            let request = b"H 1 5 :method=GET :path=/orders :scheme=http :authority=shop";
            let frames = Frame::parse(&[&window[..], request].concat());
            [PREFACE, &frames::SETTINGS, &frames::write(&frames)].concat()
        }
    };
    let told = exchange(&Exchange {
        side: Side::Http1,
        sent: &sent,
        answer: &answer.bytes,
        patient_app: true,
        patient_client: true,
        done: &|got| match http2 {
            false => !matches!(Response::read(got, Some("GET")), Read::Part),
            true => stream(got).is_some_and(|(_, ended)| ended),
        },
    });
    let got = match http2 {
        false => match Response::read(&told.client, Some("GET")) {
            Read::Whole(_, response) => Some(response.body),
            Read::Part => None,
            Read::Wrong(what) => panic!("the client got {what}"),
        },
        true => stream(&told.client).and_then(|(whole, _)| whole),
    };
    // What the proxy answers by itself is whole as well, and no body of the app's.
    let got = got.filter(|body| body.starts_with(MARK));
    if answer.whole {
        assert_eq!(
            got.as_deref(),
            Some(&answer.body[..]),
            "{answer:?}: {:?}",
            told.client
        );
    } else {
        assert_eq!(got, None, "a cut body came whole: {answer:?}");
    }
}

/// The body on stream 1 if it is whole, and whether the stream is over.
fn stream(got: &[u8]) -> Option<(Option<Vec<u8>>, bool)> {
    let reply = Reply::read(got).unwrap_or_else(|wrong| panic!("the client got {wrong}"));
    let stream = reply.streams.get(&1)?;
    let whole = (stream.whole && !stream.reset).then(|| stream.data.clone());
    Some((whole, stream.whole || stream.reset))
}

/// An answer, and what is known of it.
struct Answer {
    bytes: Vec<u8>,
    body: Vec<u8>,
    whole: bool,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let head = &self.bytes[..self.bytes.len().min(120)];
        write!(
            f,
            "{} bytes of {:?}...",
            self.bytes.len(),
            String::from_utf8_lossy(head)
        )
    }
}

impl Answer {
    fn new(choice: u8, cut: u8, sizes: &[u8]) -> Self {
        let mut body = MARK.to_vec();
        let mut chunks = format!("{:x}\r\nBODY\r\n", MARK.len()).into_bytes();
        for (nth, size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0) {
            // Some pieces are longer than any buffer on the way.
            let length = if *size > 250 { 70_000 } else { usize::from(*size) };
            let piece = vec![b'a' + (nth % 26) as u8; length];
            chunks.extend_from_slice(format!("{length:x}\r\n").as_bytes());
            chunks.extend_from_slice(&piece);
            chunks.extend_from_slice(b"\r\n");
            body.extend_from_slice(&piece);
        }
        chunks.extend_from_slice(if choice & 2 == 0 {
            b"0\r\n\r\n"
        } else {
            b"0\r\nx-sum: 1\r\n\r\n"
        });
        let (head, framed) = match choice & 1 {
            0 => (format!("content-length: {}", body.len()), body.clone()),
            _ => ("transfer-encoding: chunked".to_owned(), chunks),
        };
        let mut bytes = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").into_bytes();
        let before = bytes.len();
        bytes.extend_from_slice(&framed);
        let end = match cut {
            255 => bytes.len(),
            // The last twelve bytes one by one, the rest in even steps.
            243..255 => bytes.len() - usize::from(255 - cut),
            _ => before + framed.len() * usize::from(cut) / 243,
        };
        let whole = end == bytes.len();
        bytes.truncate(end);
        Self { bytes, body, whole }
    }
}
