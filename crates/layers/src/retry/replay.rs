//! A request's body that can be sent again, as far as it was kept.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// So many frames are kept at most: many small ones must not add up either.
const FRAMES: usize = 256;

type BoxError = Box<dyn Error + Send + Sync>;

/// A request's body on one attempt. What passes is kept for the next one, trailers included, up to a number of bytes;
/// of a larger body nothing is kept, and it passes once.
///
/// An attempt need not have taken the whole body for another to follow: it begins with what was kept and goes on with
/// the rest. The body of the earlier attempt then fails, so that two never read from the same client; once all of it was kept,
/// each attempt reads for itself.
#[derive(Debug)]
pub struct Replay<B>(State<B>);

#[derive(Debug)]
enum State<B> {
    Nothing,
    /// Passed on and not kept.
    Through(B),
    Kept(Reel<B>),
}

/// The place of one attempt in a body that all attempts share.
#[derive(Debug)]
struct Reel<B> {
    tape: Arc<Mutex<Tape<B>>>,
    attempt: u32,
    next: usize,
}

/// What all attempts share.
#[derive(Debug)]
struct Tape<B> {
    body: B,
    attempt: u32,
    frames: Vec<Kept>,
    /// How much more may be kept; none once the body was larger.
    room: Option<usize>,
    ended: bool,
}

/// A frame that was kept; data is shared, not copied.
#[derive(Clone, Debug)]
enum Kept {
    Data(Bytes),
    Trailers(HeaderMap),
}

/// The body belongs to a later attempt now.
#[derive(Clone, Copy, Debug)]
struct Superseded;

impl fmt::Display for Superseded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request's body is being sent on another attempt")
    }
}

impl Error for Superseded {}

/// Makes the body of each further attempt.
#[derive(Debug)]
pub(super) struct Repeats<B>(Option<Arc<Mutex<Tape<B>>>>);

impl<B: Body> Replay<B> {
    /// A body that passes once.
    pub(super) fn through(body: B) -> Self {
        Self(State::Through(body))
    }

    /// A body of which up to `most` bytes are kept.
    pub(super) fn keeping(body: B, most: usize) -> (Self, Repeats<B>) {
        if body.is_end_stream() {
            return (Self(State::Nothing), Repeats(None));
        }
        // What is known to be too much is not kept for nothing.
        let room = Some(most).filter(|most| body.size_hint().lower() <= *most as u64);
        let tape = Arc::new(Mutex::new(Tape {
            body,
            attempt: 0,
            frames: Vec::new(),
            room,
            ended: false,
        }));
        let reel = Reel {
            tape: tape.clone(),
            attempt: 0,
            next: 0,
        };
        (Self(State::Kept(reel)), Repeats(Some(tape)))
    }
}

impl<B> Repeats<B> {
    /// Whether all that has passed was kept.
    pub(super) fn is_possible(&self) -> bool {
        self.0.as_ref().is_none_or(|tape| lock(tape).room.is_some())
    }

    /// Whether all of the body has passed and was kept: several may send it at once.
    pub(super) fn is_whole(&self) -> bool
    where
        B: Body,
    {
        self.0.as_ref().is_none_or(|tape| lock(tape).is_whole())
    }

    /// The body for the next attempt; `None` if not all that has passed was kept.
    pub(super) fn next(&self) -> Option<Replay<B>> {
        let Some(tape) = &self.0 else {
            return Some(Replay(State::Nothing));
        };
        let mut shared = lock(tape);
        shared.room?;
        shared.attempt += 1;
        Some(Replay(State::Kept(Reel {
            tape: tape.clone(),
            attempt: shared.attempt,
            next: 0,
        })))
    }
}

/// One attempt at a time uses it, so it is free whenever it is asked for.
fn lock<B>(tape: &Mutex<Tape<B>>) -> MutexGuard<'_, Tape<B>> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Body> Tape<B> {
    fn is_whole(&self) -> bool {
        self.room.is_some() && (self.ended || self.body.is_end_stream())
    }
}

impl<B> Tape<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => self.keep(frame),
            None => self.ended = true,
            Some(Err(_)) => {
                self.ended = true;
                // Half a body is not sent again.
                self.give_up();
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        let Some(room) = self.room else {
            return;
        };
        let (kept, size) = match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) => (Kept::Data(data.clone()), data.len()),
            (None, Some(trailers)) => (Kept::Trailers(trailers.clone()), 0),
            (None, None) => return,
        };
        self.room = room.checked_sub(size);
        match self.room {
            Some(_) if self.frames.len() < FRAMES => self.frames.push(kept),
            _ => self.give_up(),
        }
    }

    fn give_up(&mut self) {
        self.room = None;
        self.frames = Vec::new();
    }
}

impl<B> Body for Replay<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let reel = match &mut self.0 {
            State::Nothing => return Poll::Ready(None),
            State::Through(body) => return Pin::new(body).poll_frame(cx).map_err(Into::into),
            State::Kept(reel) => reel,
        };
        let mut tape = lock(&reel.tape);
        if tape.attempt != reel.attempt && !tape.is_whole() {
            return Poll::Ready(Some(Err(Superseded.into())));
        }
        if let Some(kept) = tape.frames.get(reel.next) {
            reel.next += 1;
            return Poll::Ready(Some(Ok(kept.clone().into())));
        }
        let frame = ready!(tape.poll_rest(cx));
        reel.next = tape.frames.len();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            State::Nothing => true,
            State::Through(body) => body.is_end_stream(),
            State::Kept(reel) => {
                let tape = lock(&reel.tape);
                reel.next >= tape.frames.len() && (tape.ended || tape.body.is_end_stream())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Nothing => SizeHint::with_exact(0),
            State::Through(body) => body.size_hint(),
            State::Kept(reel) => {
                let tape = lock(&reel.tape);
                let again = tape.frames.iter().skip(reel.next).map(Kept::len).sum::<u64>();
                plus(&tape.body.size_hint(), again)
            }
        }
    }
}

fn plus(rest: &SizeHint, before: u64) -> SizeHint {
    let mut hint = SizeHint::new();
    hint.set_lower(rest.lower().saturating_add(before));
    if let Some(upper) = rest.upper() {
        hint.set_upper(upper.saturating_add(before));
    }
    hint
}

impl Kept {
    fn len(&self) -> u64 {
        match self {
            Self::Data(data) => data.len() as u64,
            Self::Trailers(_) => 0,
        }
    }
}

impl From<Kept> for Frame<Bytes> {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Data(data) => Self::data(data),
            Kept::Trailers(trailers) => Self::trailers(trailers),
        }
    }
}

#[cfg(test)]
mod tests;
