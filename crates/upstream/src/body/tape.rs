//! What passed of a request's body, kept for the case that it must be sent once more.
//!
//! It bounds how much is kept; a body that is larger passes through and cannot be sent again.

use std::collections::VecDeque;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

/// The most that is kept of one body, in bytes, and in frames: many empty ones must not add up either.
const MOST: usize = 65_536;
const FRAMES: usize = 256;

/// Keeps frames as they pass.
#[derive(Debug, Default)]
pub(super) struct Tape {
    kept: Kept,
    bytes: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Running,
    /// All of the body is on it.
    Whole,
    /// Some of the body is not.
    Stopped,
}

/// A body that is all there.
#[derive(Debug, Default)]
pub(super) struct Kept {
    data: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Tape {
    /// Keeps a frame that passes; data is shared, not copied.
    pub(super) fn keep(&mut self, frame: &Frame<Bytes>) {
        if self.state != State::Running {
            return;
        }
        if let Some(data) = frame.data_ref() {
            self.bytes += data.len();
            self.kept.data.push_back(data.clone());
        }
        if let Some(trailers) = frame.trailers_ref() {
            self.kept.trailers = Some(trailers.clone());
        }
        if self.bytes > MOST || self.kept.data.len() > FRAMES {
            self.stop();
        }
    }

    /// The body has ended well.
    pub(super) fn end(&mut self) {
        if self.state == State::Running {
            self.state = State::Whole;
        }
    }

    /// Nothing more is kept, nor what was.
    pub(super) fn stop(&mut self) {
        self.state = State::Stopped;
        self.kept = Kept::default();
    }

    /// The body, if all of it is there; once.
    pub(super) fn take(&mut self) -> Option<Kept> {
        let whole = self.state == State::Whole;
        self.state = State::Stopped;
        let kept = std::mem::take(&mut self.kept);
        whole.then_some(kept)
    }
}

impl Kept {
    /// The next frame of it.
    pub(super) fn next(&mut self) -> Option<Frame<Bytes>> {
        let data = self.data.pop_front().map(Frame::data);
        data.or_else(|| self.trailers.take().map(Frame::trailers))
    }

    /// How much data is left.
    pub(super) fn bytes(&self) -> u64 {
        self.data.iter().map(|data| data.len() as u64).sum()
    }

    /// Whether nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taped(frames: &[&'static str]) -> Tape {
        let mut tape = Tape::default();
        for frame in frames {
            tape.keep(&Frame::data(Bytes::from_static(frame.as_bytes())));
        }
        tape
    }

    fn text(kept: &mut Kept) -> String {
        let frames = std::iter::from_fn(|| kept.next());
        let data = frames.filter_map(|frame| frame.into_data().ok());
        data.map(|data| String::from_utf8(data.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn a_body_that_ended_can_be_sent_again_once() {
        let mut tape = taped(&["one ", "two"]);
        tape.end();
        let mut kept = tape.take().unwrap();
        assert_eq!(kept.bytes(), 7);
        assert_eq!(text(&mut kept), "one two");
        assert!(kept.is_over());
        assert!(tape.take().is_none());
    }

    #[test]
    fn trailers_come_last() {
        let mut tape = taped(&["data"]);
        tape.keep(&Frame::trailers(HeaderMap::new()));
        tape.end();
        let mut kept = tape.take().unwrap();
        assert!(kept.next().unwrap().is_data());
        assert!(!kept.is_over());
        assert!(kept.next().unwrap().is_trailers());
        assert!(kept.next().is_none());
    }

    #[test]
    fn a_body_that_has_not_ended_cannot() {
        assert!(taped(&["half"]).take().is_none());
    }

    #[test]
    fn a_body_that_is_too_large_is_not_kept() {
        let mut tape = Tape::default();
        tape.keep(&Frame::data(Bytes::from(vec![0; MOST])));
        assert_eq!(tape.kept.bytes(), MOST as u64);
        tape.keep(&Frame::data(Bytes::from_static(b"x")));
        tape.end();
        assert_eq!(tape.kept.bytes(), 0);
        assert!(tape.take().is_none());
    }

    #[test]
    fn empty_frames_without_end_are_not_kept() {
        let mut tape = Tape::default();
        for _ in 0..=FRAMES {
            tape.keep(&Frame::data(Bytes::new()));
        }
        tape.end();
        assert!(tape.take().is_none());
    }
}
