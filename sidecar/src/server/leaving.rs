//! When a connection that is asked to end does so, without losing a request that is on its way.
//!
//! HTTP/2 says GOAWAY and what crosses it is still served. HTTP/1.1 has no such word: a connection closed while it
//! idles may be closed on a request that is just arriving. So it says `Connection: close` with its next response,
//! and only one that has idled for a moment longer is closed as it is.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep},
};

use super::activity::Activity;

/// An HTTP/1.1 connection that idles is given this long for one more request.
const MOMENT: Duration = Duration::from_secs(1);

pin_project! {
    /// ## Staying => Asked => Left
    pub(super) struct Leaving {
        #[pin]
        asked: oneshot::Receiver<()>,
        state: State,
        #[pin]
        moment: Option<Sleep>,
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    Staying,
    Asked,
    Left(Instant),
}

impl Leaving {
    /// Stays until `asked` is told, or its other end is let go of.
    pub(super) fn new(asked: oneshot::Receiver<()>) -> Self {
        Self {
            asked,
            state: State::Staying,
            moment: None,
        }
    }

    /// Leaves, if it has not, without being asked.
    pub(super) fn leave_now(self: Pin<&mut Self>) {
        let mut this = self.project();
        if !matches!(this.state, State::Left(_)) {
            *this.state = State::Asked;
            this.moment.set(Some(sleep(Duration::ZERO)));
        }
    }

    /// When it left, if it has.
    pub(super) fn left(&self) -> Option<Instant> {
        match self.state {
            State::Left(at) => Some(at),
            _ => None,
        }
    }

    /// Ready once: now is the time to leave.
    pub(super) fn poll_leave(self: Pin<&mut Self>, cx: &mut Context<'_>, activity: &Activity) -> Poll<()> {
        let mut this = self.project();
        // Staying => Asked
        if matches!(this.state, State::Staying) && this.asked.poll(cx).is_ready() {
            *this.state = State::Asked;
            this.moment.set(Some(sleep(MOMENT)));
        }
        // Asked => Left
        if matches!(this.state, State::Asked) {
            let over = this
                .moment
                .as_pin_mut()
                .is_none_or(|moment| moment.poll(cx).is_ready());
            if over || activity.may_leave() {
                *this.state = State::Left(Instant::now());
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin};

    use tokio::time::timeout;

    use super::*;
    use crate::server::strict::Framing;

    /// How long an asked connection stays.
    async fn stays(activity: &Activity) -> Duration {
        let (ask, asked) = oneshot::channel();
        let mut leaving = pin!(Leaving::new(asked));
        let waiting = timeout(MOMENT, poll_fn(|cx| leaving.as_mut().poll_leave(cx, activity)));
        assert!(waiting.await.is_err(), "nobody has asked");
        drop(ask);
        let asked_at = Instant::now();
        poll_fn(|cx| leaving.as_mut().poll_leave(cx, activity)).await;
        asked_at.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn http2_leaves_at_once() {
        let activity = Activity::new();
        activity.speaks_http2();
        assert_eq!(stays(&activity).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_flight_is_the_last() {
        let activity = Activity::new();
        activity.begin(Framing::Length(0));
        assert_eq!(stays(&activity).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_given_a_moment() {
        let activity = Activity::new();
        activity.begin(Framing::Length(0));
        activity.end();
        assert!(stays(&activity).await >= MOMENT);
    }

    #[tokio::test(start_paused = true)]
    async fn it_leaves_once() {
        let (_ask, asked) = oneshot::channel();
        let activity = Activity::new();
        let mut leaving = pin!(Leaving::new(asked));
        leaving.as_mut().leave_now();
        poll_fn(|cx| leaving.as_mut().poll_leave(cx, &activity)).await;
        leaving.as_mut().leave_now();
        let again = timeout(MOMENT, poll_fn(|cx| leaving.as_mut().poll_leave(cx, &activity)));
        assert!(again.await.is_err());
    }
}
