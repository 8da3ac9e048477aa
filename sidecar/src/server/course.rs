//! The course of one connection: driven, napping, and asked to end.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Poll, ready},
    time::Duration,
};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use outrigger_upstream::Spawn;
use pin_project_lite::pin_project;
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    activity::{Activity, Overdue, Patience},
    entry::{Entry, StreamEntry},
    io::Watched,
    leaving::Leaving,
};

/// The most that closing an idle connection properly may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a connection, or its wakeful time, ended.
pub(super) enum End {
    Closed(hyper::Result<()>),
    HeadTooSlow,
    Nap,
}

pin_project! {
    /// The course of one connection: what it does, how long it may, and when it is asked to end.
    pub(super) struct Course<'a> {
        pub(super) activity: &'a Activity,
        #[pin]
        pub(super) leaving: Leaving,
        #[pin]
        pub(super) patience: Patience,
    }
}

impl Course<'_> {
    /// What `met` comes to, unless the connection is asked to end and a moment has passed since.
    pub(super) async fn unless_asked<T>(
        mut self: Pin<&mut Self>,
        mut met: Pin<Box<impl Future<Output = Option<T>>>>,
    ) -> Option<T> {
        poll_fn(|cx| {
            if let Poll::Ready(met) = met.as_mut().poll(cx) {
                return Poll::Ready(met);
            }
            let this = self.as_mut().project();
            this.leaving.poll_leave(cx, this.activity).map(|()| None)
        })
        .await
    }

    /// Runs a connection to its end, or until it may nap.
    pub(super) async fn drive<C: Drive>(mut self: Pin<&mut Self>, mut connection: Pin<&mut C>) -> End {
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(result) = connection.as_mut().poll(cx) {
                    return Poll::Ready(End::Closed(result));
                }
                let mut this = self.as_mut().project();
                if this.leaving.as_mut().poll_leave(cx, this.activity).is_ready() {
                    connection.as_mut().graceful_shutdown();
                    continue;
                }
                let left = this.leaving.left();
                match ready!(this.patience.poll_overdue(cx, this.activity, left)) {
                    Overdue::Head => return Poll::Ready(End::HeadTooSlow),
                    Overdue::Idle if left.is_none() => this.leaving.leave_now(),
                    // It was told that we leave, and does not say goodbye.
                    Overdue::Idle => return Poll::Ready(End::Closed(Ok(()))),
                    Overdue::Nap => return Poll::Ready(End::Nap),
                    // What it asked for is cut, and told as a client that went away.
                    Overdue::Taking => return Poll::Ready(End::Closed(Ok(()))),
                }
            }
        })
        .await
    }

    /// Idles until the client says something; `false` if the connection is over.
    pub(super) async fn nap(mut self: Pin<&mut Self>, stream: &mut Watched) -> bool {
        self.activity.nap(true);
        let stirred = poll_fn(|cx| {
            if let Poll::Ready(more) = stream.poll_stirs(cx) {
                return Poll::Ready(more);
            }
            let mut this = self.as_mut().project();
            if this.leaving.as_mut().poll_leave(cx, this.activity).is_ready() {
                return Poll::Ready(false);
            }
            let left = this.leaving.left();
            this.patience.poll_overdue(cx, this.activity, left).map(|_| false)
        })
        .await;
        self.activity.nap(false);
        if !stirred {
            // A goodbye, as far as the client still listens.
            let _ = timeout(GOODBYE, stream.shutdown()).await;
        }
        stirred
    }
}

/// What both kinds of connection can do.
pub(super) trait Drive: Future<Output = hyper::Result<()>> {
    /// Ends as soon as what runs is done.
    fn graceful_shutdown(self: Pin<&mut Self>);
}

impl Drive for http1::UpgradeableConnection<TokioIo<Watched>, Entry> {
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Self::graceful_shutdown(self);
    }
}

impl Drive for http2::Connection<TokioIo<Watched>, StreamEntry, Spawn> {
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Self::graceful_shutdown(self);
    }
}
