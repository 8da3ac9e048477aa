use std::{collections::VecDeque, future::poll_fn};

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

/// A body of these frames; it fails behind them if it is to.
#[derive(Debug)]
struct Frames {
    frames: VecDeque<Frame<Bytes>>,
    fails: bool,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let fails = self.fails;
        let next = self.frames.pop_front().map(Ok);
        Poll::Ready(next.or_else(|| fails.then(|| Err("broken off".into()))))
    }
}

fn frames(parts: &[&str]) -> Frames {
    let data = |part: &&str| Frame::data(Bytes::copy_from_slice(part.as_bytes()));
    Frames {
        frames: parts.iter().map(data).collect(),
        fails: false,
    }
}

fn with_trailers(parts: &[&str]) -> Frames {
    let mut body = frames(parts);
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", HeaderValue::from_static("7"));
    body.frames.push_back(Frame::trailers(trailers));
    body
}

/// The next frame, as text: data as it is, trailers by their names.
fn next(body: &mut Replay<Frames>) -> Option<Result<String, BoxError>> {
    let polled = futures_now(poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)));
    polled.map(|frame| {
        frame.map(|frame| match frame.into_data() {
            Ok(data) => String::from_utf8(data.to_vec()).unwrap(),
            Err(trailers) => format!(
                "{:?}",
                trailers.into_trailers().unwrap().keys().collect::<Vec<_>>()
            ),
        })
    })
}

/// What a future that never waits comes to.
fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn whole(body: &mut Replay<Frames>) -> String {
    std::iter::from_fn(|| next(body)).map(Result::unwrap).collect()
}

#[test]
fn a_body_is_sent_again_with_its_trailers() {
    let (mut first, repeats) = Replay::keeping(with_trailers(&["ab", "c"]), 10);
    assert_eq!(whole(&mut first), "abc[\"checksum\"]");
    for _ in 0..2 {
        let mut again = repeats.next().unwrap();
        assert_eq!(again.size_hint().lower(), 3);
        assert!(!again.is_end_stream());
        assert_eq!(whole(&mut again), "abc[\"checksum\"]");
        assert!(again.is_end_stream());
    }
}

#[test]
fn an_attempt_that_took_part_of_it_is_followed_by_one_that_takes_all() {
    let (mut first, repeats) = Replay::keeping(frames(&["a", "b", "c"]), 10);
    assert_eq!(next(&mut first).unwrap().unwrap(), "a");
    let mut second = repeats.next().unwrap();
    assert_eq!(next(&mut second).unwrap().unwrap(), "a");
    assert!(
        next(&mut first).unwrap().is_err(),
        "two never read from one client"
    );
    assert_eq!(whole(&mut second), "bc");
}

#[test]
fn a_larger_body_passes_once() {
    let (mut first, repeats) = Replay::keeping(frames(&["abc", "defg"]), 6);
    assert!(repeats.is_possible());
    assert_eq!(whole(&mut first), "abcdefg");
    assert!(!repeats.is_possible());
    assert!(repeats.next().is_none());
}

#[test]
fn the_cap_is_inclusive() {
    let (mut first, repeats) = Replay::keeping(frames(&["abc", "def"]), 6);
    assert_eq!(whole(&mut first), "abcdef");
    assert!(repeats.next().is_some());
}

#[test]
fn a_body_of_countless_frames_is_not_kept() {
    let (mut first, repeats) = Replay::keeping(frames(&vec![""; FRAMES + 1]), 6);
    assert_eq!(whole(&mut first), "");
    assert!(!repeats.is_possible());
}

#[test]
fn half_a_body_is_not_sent_again() {
    let mut broken = frames(&["half"]);
    broken.fails = true;
    let (mut first, repeats) = Replay::keeping(broken, 10);
    assert_eq!(next(&mut first).unwrap().unwrap(), "half");
    assert!(next(&mut first).unwrap().is_err());
    assert!(!repeats.is_possible());
}

#[test]
fn no_body_is_sent_as_often_as_one_likes() {
    #[derive(Debug)]
    struct Nothing;
    impl Body for Nothing {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            panic!("nobody asks for what is not there")
        }
        fn is_end_stream(&self) -> bool {
            true
        }
    }
    let (first, repeats) = Replay::keeping(Nothing, 0);
    for body in [first, repeats.next().unwrap(), repeats.next().unwrap()] {
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
    }
}

proptest! {
    #[test]
    fn each_attempt_sends_the_same_wherever_the_one_before_stopped(
        parts in prop::collection::vec("[a-z]{0,5}", 1..20),
        taken in prop::collection::vec(0..25_usize, 0..5),
    ) {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (mut body, repeats) = Replay::keeping(with_trailers(&parts), 1000);
        for taken in taken {
            (0..taken).for_each(|_| { next(&mut body); });
            body = repeats.next().unwrap();
        }
        prop_assert_eq!(whole(&mut body), parts.concat() + "[\"checksum\"]");
    }
}
