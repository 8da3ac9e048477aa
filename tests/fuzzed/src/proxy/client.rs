//! What the receiver of HTTP/2 frames makes of them, as far as frames go.

use std::collections::BTreeMap;

use super::frames::{DATA, END_HEADERS, END_STREAM, Frame, HEADERS};

const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// All frames of a connection, by stream.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) streams: BTreeMap<u32, Stream>,
    gone: bool,
}

/// What came on one stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) data: Vec<u8>,
    /// END_STREAM was seen: what came is all there is.
    pub(super) whole: bool,
    /// RST_STREAM was seen.
    pub(super) reset: bool,
    headers: usize,
}

impl Reply {
    /// Reads whole frames, in an order that RFC 9113 allows; the last may be cut.
    pub(super) fn read(mut bytes: &[u8]) -> Result<Self, String> {
        let (mut reply, mut first, mut open) = (Self::default(), true, None);
        while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let (kind, flags) = (head[3], head[4]);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            if length > 16_384 || stream >> 31 != 0 || kind > CONTINUATION {
                return Err(format!(
                    "an odd frame: type {kind}, {length} bytes, stream {stream}"
                ));
            }
            if first && kind != SETTINGS {
                return Err(format!("a frame of type {kind} before any SETTINGS"));
            }
            let Some(payload) = rest.get(..length) else {
                return Ok(reply);
            };
            (first, bytes) = (false, &rest[length..]);
            match open {
                Some(other) if kind != CONTINUATION || stream != other => {
                    return Err("a head in pieces".into());
                }
                None if kind == CONTINUATION => return Err("a CONTINUATION of nothing".into()),
                _ => {}
            }
            match kind {
                DATA | HEADERS | CONTINUATION => {
                    open = (kind != DATA && flags & END_HEADERS == 0).then_some(stream);
                    reply
                        .streams
                        .entry(stream)
                        .or_default()
                        .take(kind, flags, payload)?;
                }
                RST_STREAM => reply.streams.entry(stream).or_default().reset = true,
                GOAWAY => reply.gone = true,
                _ => {}
            }
        }
        Ok(reply)
    }

    /// Whether every stream that `asked` opens has its end, or the connection has.
    pub(super) fn has_ended(&self, asked: &[Frame]) -> bool {
        let mut opened = asked.iter().filter_map(|frame| match frame {
            Frame::Frame {
                kind: HEADERS,
                stream,
                ..
            } => Some(stream),
            _ => None,
        });
        let bytes = asked.iter().any(|frame| matches!(frame, Frame::Bytes(_)));
        self.gone
            || (!bytes
                && opened.all(|stream| {
                    self.streams
                        .get(stream)
                        .is_some_and(|stream| stream.whole || stream.reset)
                }))
    }
}

impl Stream {
    fn take(&mut self, kind: u8, flags: u8, payload: &[u8]) -> Result<(), String> {
        if self.whole || self.reset {
            return Err("a frame behind a stream's end".into());
        }
        if kind == DATA && self.headers == 0 {
            return Err("DATA before any head".into());
        }
        self.headers += usize::from(kind == HEADERS);
        if kind == DATA {
            if flags & 8 != 0 {
                return Err("padding".into());
            }
            self.data.extend_from_slice(payload);
        }
        self.whole |= kind != CONTINUATION && flags & END_STREAM != 0;
        Ok(())
    }
}
