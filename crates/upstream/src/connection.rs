//! One HTTP connection to an endpoint: its sender, what it has received, and how it ended.
//!
//! The error of a request is not enough: when a peer refuses our certificate under TLS 1.3, or says GOAWAY, the
//! request often sees only "canceled", and the cause is in the result of the connection's own task. So the task
//! leaves it here, and whoever needs it waits a moment for it.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::Context,
    time::Duration,
};

use futures_util::{future::Either, task::AtomicWaker};
use http::{Request, Response};
use http_body::Body;
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1, http2},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    Spawn,
    connect::{Connected, Protocol},
    io::{Counted, Received},
    window::{CONNECTION_WINDOW, STREAM_WINDOW},
};

/// How long a request that lost its connection waits to hear why.
const CAUSE_WAIT: Duration = Duration::from_millis(100);

/// How long after its begin a connection may take to hear what its peer is capable of.
const SETTINGS_WAIT: Duration = Duration::from_secs(1);
/// And how often it is looked whether it has.
const SETTINGS_LOOK: Duration = Duration::from_millis(2);

/// What may travel over a connection.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// The largest header section of a response.
    pub header_bytes: usize,
    /// The most fields in it.
    pub header_fields: usize,
    /// Whether names of fields keep their case over HTTP/1.1; that of a request's is in its extensions, if a server
    /// of hyper's kept it. It costs some ten thousand instructions a request.
    pub keep_case: bool,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            header_bytes: 65_536,
            header_fields: 100,
            keep_case: false,
        }
    }
}

/// How a connection's task ended; `None` while it runs.
type Ending = Option<Result<(), Arc<hyper::Error>>>;

/// What is known of a connection apart from its sender.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) received: Received,
    pub(crate) born: Instant,
    ending: watch::Receiver<Ending>,
    /// The streams that the peer allows at once; HTTP/2 only.
    allowed: Arc<AtomicUsize>,
    /// Whether the peer takes extended CONNECT; HTTP/2 only.
    switching: Arc<Switching>,
}

/// Whether the peer takes extended CONNECT, as far as the connection's task has looked.
#[derive(Debug, Default)]
struct Switching {
    known: AtomicBool,
    /// Has the task look: what it knows it learns from another one, and is not woken for it.
    look: AtomicWaker,
}

impl Switching {
    fn look(&self, cx: &Context<'_>, takes: impl FnOnce() -> bool) {
        if !self.known.load(Relaxed) {
            self.look.register(cx.waker());
            self.known.store(takes(), Relaxed);
        }
    }
}

impl Facts {
    /// How many streams the peer allows at once (SETTINGS_MAX_CONCURRENT_STREAMS).
    pub(crate) fn streams_allowed(&self) -> usize {
        self.allowed.load(Relaxed)
    }

    /// Whether the connection has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.ending.borrow().is_some()
    }

    /// Whether the peer takes extended CONNECT (RFC 8441 §3). It says so in its first frame, so that a connection
    /// just made has a moment to hear it.
    pub(crate) async fn takes_extended_connect(&self) -> bool {
        let until = self.born + SETTINGS_WAIT;
        loop {
            if self.switching.known.load(Relaxed) {
                return true;
            }
            let last = until <= Instant::now();
            self.switching.look.wake();
            sleep(SETTINGS_LOOK).await;
            if last {
                return self.switching.known.load(Relaxed);
            }
        }
    }

    /// The error that ended the connection, if it ends with one within a moment.
    pub(crate) async fn cause(&self) -> Option<Arc<hyper::Error>> {
        let mut ending = self.ending.clone();
        let ended = timeout(CAUSE_WAIT, ending.wait_for(Option::is_some))
            .await
            .ok()?
            .ok()?;
        let error = ended.as_ref()?.as_ref().err()?;
        // That it could not be closed in order any more says nothing of why it ended.
        (!error.is_shutdown()).then(|| error.clone())
    }
}

/// The sending half of a connection.
pub(crate) enum Sender<B> {
    Http1(http1::SendRequest<B>),
    Http2(http2::SendRequest<B>),
}

/// A connection that a request may be sent on.
pub(crate) struct Connection<B> {
    pub(crate) sender: Sender<B>,
    pub(crate) facts: Arc<Facts>,
    /// Whether it carried a request before.
    pub(crate) reused: bool,
}

impl<B> Connection<B> {
    pub(crate) fn protocol(&self) -> Protocol {
        match self.sender {
            Sender::Http1(_) => Protocol::Http1,
            Sender::Http2(_) => Protocol::Http2,
        }
    }
}

impl<B> Connection<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Begins HTTP on a fresh byte stream and leaves the connection's task running.
    pub(crate) async fn begin<I>(
        connected: Connected<I>,
        protocol: Protocol,
        limits: HttpLimits,
    ) -> hyper::Result<Self>
    where
        I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let io = Counted::new(connected.io);
        let received = io.received();
        let (end, ending) = watch::channel(None);
        let allowed = Arc::new(AtomicUsize::new(usize::MAX));
        let switching = Arc::new(Switching::default());
        let sender = match protocol {
            Protocol::Http1 => {
                let io = TokioIo::new(io.http1());
                let handshake = http1_builder(limits).handshake(io);
                let (sender, connection) = handshake.await?;
                spawn(connection.with_upgrades(), end);
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let header_list = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
                let handshake = http2::Builder::new(Spawn)
                    .timer(TokioTimer::new())
                    .max_header_list_size(header_list)
                    .initial_stream_window_size(STREAM_WINDOW)
                    .initial_connection_window_size(CONNECTION_WINDOW)
                    .handshake(TokioIo::new(io.http2()));
                let (sender, mut connection) = handshake.await?;
                let (allowed, switching) = (allowed.clone(), switching.clone());
                let task = poll_fn(move |cx| {
                    let polled = Pin::new(&mut connection).poll(cx);
                    if polled.is_pending() {
                        allowed.store(connection.current_max_send_streams(), Relaxed);
                        switching.look(cx, || connection.is_extended_connect_protocol_enabled());
                    }
                    polled
                });
                spawn(task, end);
                Sender::Http2(sender)
            }
        };
        Ok(Self {
            sender,
            facts: Arc::new(Facts {
                received,
                born: Instant::now(),
                ending,
                allowed,
                switching,
            }),
            reused: false,
        })
    }

    /// Sends a request; one that was never written comes back with the error.
    pub(crate) fn send(
        &mut self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<B>>>> + use<B> {
        match &mut self.sender {
            Sender::Http1(sender) => Either::Left(sender.try_send_request(request)),
            Sender::Http2(sender) => Either::Right(sender.try_send_request(request)),
        }
    }
}

fn http1_builder(limits: HttpLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_header_size(limits.header_bytes)
        .preserve_header_case(limits.keep_case)
        // RFC 9112 §5.1: in a response it is taken out, in a request it is refused.
        .allow_spaces_after_header_name_in_responses(true);
    // hyper's own limit is the same, and costs thousands of instructions a request less when it is not set.
    if limits.header_fields != 100 {
        builder.max_headers(limits.header_fields);
    }
    builder
}

fn spawn<C>(connection: C, end: watch::Sender<Ending>)
where
    C: Future<Output = hyper::Result<()>> + Send + 'static,
{
    tokio::spawn(async move {
        let result = connection.await.map_err(Arc::new);
        end.send_replace(Some(result));
    });
}
