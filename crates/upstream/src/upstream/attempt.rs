//! One attempt at one endpoint.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body::Body;
use hyper::{body::Incoming, client::conn::TrySendError};
use outrigger_gateway::{Failure, Reason};
use outrigger_layers::exchange::Exchange;
use tokio::time::{Instant, sleep_until};

use super::{Timeouts, outgoing::Outgoing};
use crate::{
    body::{BoxError, Origin, RequestBody, ResponseBody, Upload},
    classify::{Phase, Scene, find},
    connect::{Connect, Protocol},
    connection::Connection,
    pool::{Leased, Pool},
};

/// What all attempts of one request have in common.
pub(super) struct Attempt<'a> {
    pub(super) exchange: Option<&'a Exchange>,
    pub(super) outgoing: Outgoing<'a>,
    pub(super) timeouts: Timeouts,
    pub(super) is_grpc: bool,
}

/// A failed attempt.
pub(super) struct Rejected<B> {
    pub(super) failure: Failure,
    /// The request, if sending it again is safe.
    pub(super) again: Option<Request<RequestBody<B>>>,
    /// It failed on a connection that had been used before, so a fresh one may fare better.
    pub(super) reused: bool,
}

type Sent<C, B> = Result<Response<ResponseBody<C, RequestBody<B>>>, Box<Rejected<B>>>;

impl Attempt<'_> {
    pub(super) async fn make<C, B>(
        &self,
        pool: &Arc<Pool<C, RequestBody<B>>>,
        mut request: Request<RequestBody<B>>,
        fresh: bool,
    ) -> Sent<C, B>
    where
        C: Connect,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        self.note(pool.endpoint().label());
        let mut leased = match pool.checkout(fresh, self.exchange).await {
            Ok(leased) => leased,
            Err(failure) => return Err(Rejected::unsent(failure, Some(request))),
        };
        let protocol = leased.connection.protocol();
        if let Err(failure) = self.outgoing.prepare(&mut request, protocol) {
            return Err(Rejected::unsent(failure, None));
        }
        let upload = request.body().upload();
        let spare = Spare::of(&request, &leased.connection);
        let read_before = leased.connection.facts.received.bytes();

        let error = match self.head(&mut leased.connection, request, &upload).await {
            Ok(response) => return self.accept(pool, leased, response),
            Err(error) => error,
        };
        let answered = leased.connection.facts.received.bytes() > read_before;
        Err(self
            .reject(pool, leased.connection, error, &upload, spare, answered)
            .await)
    }

    fn note(&self, endpoint: &Arc<str>) {
        if let Some(exchange) = self.exchange {
            exchange.attempt(endpoint);
        }
    }

    /// Sends the request and waits for the response's head, for as long as it may take.
    async fn head<B>(
        &self,
        connection: &mut Connection<RequestBody<B>>,
        request: Request<RequestBody<B>>,
        upload: &Upload,
    ) -> Result<Response<Incoming>, Unanswered<B>>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let mut response = pin!(connection.send(request));
        let mut patience = pin!(self.patience(upload));
        let head = std::future::poll_fn(|cx| {
            // The response first: one that is here is never thrown away at the limit.
            if let std::task::Poll::Ready(result) = response.as_mut().poll(cx) {
                return std::task::Poll::Ready(result.map_err(|error| Unanswered::Error(Box::new(error))));
            }
            patience
                .as_mut()
                .poll(cx)
                .map(|failure| Err(Unanswered::TimedOut(failure)))
        });
        let head = head.await?;
        if let Some(exchange) = self.exchange {
            exchange.head_received();
        }
        Ok(head)
    }

    /// Ends when the upstream has had its time: to take the request's body, then to answer it.
    async fn patience(&self, upload: &Upload) -> Failure {
        let started = Instant::now();
        let (idle, head) = match self.is_grpc {
            true => (self.timeouts.stream_idle, self.timeouts.stream_idle),
            false => (self.timeouts.idle, self.timeouts.head),
        };
        let end = self.timeouts.attempt.map(|limit| started + limit);
        loop {
            let now = Instant::now();
            if end.is_some_and(|end| end <= now) {
                return unanswered(self.timeouts.attempt.unwrap_or_default(), "the attempt's begin");
            }
            let until = match upload.ended(started) {
                Some(ended) if ended + head <= now => return unanswered(head, "the request's end"),
                Some(ended) => ended + head,
                None => {
                    let silent_at = upload.moved(started) + idle;
                    if silent_at <= now {
                        return stuck(idle, upload.starving());
                    }
                    // The upload may end unnoticed: look again before a head that follows it would be late.
                    silent_at.min(now + head)
                }
            };
            sleep_until(end.map_or(until, |end| end.min(until))).await;
        }
    }

    /// The head is there: the body follows, and the connection is kept for as long.
    fn accept<C, B>(
        &self,
        pool: &Arc<Pool<C, RequestBody<B>>>,
        leased: Leased<RequestBody<B>>,
        response: Response<Incoming>,
    ) -> Sent<C, B>
    where
        C: Connect,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let failure = Failure::new(Reason::UpgradeFailed)
                .with_detail("the upstream switched protocols, which nobody had asked for")
                .at_endpoint(pool.endpoint().label().clone());
            return Err(Rejected::unsent(failure, None));
        }
        let streams = self.is_grpc || is_event_stream(response.headers());
        let idle = if streams {
            self.timeouts.stream_idle
        } else {
            self.timeouts.idle
        };
        let origin = Origin {
            pool: pool.clone(),
            facts: leased.connection.facts.clone(),
            protocol: leased.connection.protocol(),
            reused: leased.connection.reused,
            lease: leased.into_lease(pool),
        };
        Ok(response.map(|body| ResponseBody::new(body, origin, idle)))
    }

    /// Names the failure, and decides whether the request may be sent once more.
    async fn reject<C, B>(
        &self,
        pool: &Arc<Pool<C, RequestBody<B>>>,
        mut connection: Connection<RequestBody<B>>,
        error: Unanswered<B>,
        upload: &Upload,
        spare: Option<Spare<B>>,
        answered: bool,
    ) -> Box<Rejected<B>>
    where
        C: Connect,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let mut error = match error {
            Unanswered::Error(error) => error,
            Unanswered::TimedOut(failure) => {
                return Rejected::unsent(failure.at_endpoint(pool.endpoint().label().clone()), None);
            }
        };
        let (unsent, error) = (error.take_message(), error.into_error());
        if let Some(failure) = upload.failure().or_else(|| Failure::find(&error).cloned()) {
            return Rejected::unsent(failure, None);
        }
        let cause = if is_vague(&error) {
            connection.facts.cause().await
        } else {
            None
        };
        let scene = Scene {
            connector: pool.connector(),
            endpoint: pool.endpoint(),
            phase: Phase::Head,
            reused: connection.reused,
            answered,
            protocol: connection.protocol(),
            first_bytes: connection.facts.received.first(),
        };
        let failure = scene
            .failure(cause.as_deref().unwrap_or(&error))
            .with_source(error);
        let again = match (unsent, spare) {
            (Some(unsent), _) => Some(unsent),
            (None, Some(spare)) if spare.may_follow(failure.reason()) => Some(spare.request),
            _ => None,
        };
        // Handed back, or refused by number: nobody has acted on it.
        let unprocessed = failure.unprocessed() || again.is_some() && failure.reason() != Reason::IdleRace;
        Box::new(Rejected {
            failure: failure.with_unprocessed(unprocessed),
            again,
            reused: connection.reused,
        })
    }
}

/// Why there is no response.
enum Unanswered<B> {
    Error(Box<TrySendError<Request<RequestBody<B>>>>),
    TimedOut(Failure),
}

impl<B> Rejected<B> {
    fn unsent(failure: Failure, again: Option<Request<RequestBody<B>>>) -> Box<Self> {
        let again = again.filter(|_| failure.unprocessed());
        Box::new(Self {
            failure,
            again,
            reused: false,
        })
    }
}

/// A copy of a request without a body, kept while the original is on its way.
struct Spare<B> {
    request: Request<RequestBody<B>>,
    idempotent: bool,
}

impl<B> Spare<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// Only made where a failure may come that allows its use: on HTTP/2, or on a kept-alive connection.
    fn of(request: &Request<RequestBody<B>>, connection: &Connection<RequestBody<B>>) -> Option<Self> {
        let idempotent = request.method().is_idempotent();
        let of_use = connection.protocol() == Protocol::Http2 || (connection.reused && idempotent);
        if !of_use || !request.body().is_end_stream() {
            return None;
        }
        let mut copy = Request::new(RequestBody::empty());
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.version_mut() = request.version();
        *copy.headers_mut() = request.headers().clone();
        Some(Self {
            request: copy,
            idempotent,
        })
    }

    fn may_follow(&self, reason: Reason) -> bool {
        match reason {
            // Provably not processed (RFC 9113 §8.7).
            Reason::StreamRefused => true,
            // Not a proof, but harmless to ask twice (RFC 9110 §9.2.2).
            Reason::IdleRace => self.idempotent,
            _ => false,
        }
    }
}

/// Errors that do not tell what became of the connection.
fn is_vague(error: &hyper::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    error.is_canceled()
        || error.is_closed()
        || find::<std::io::Error>(error).is_some_and(|io| matches!(io.kind(), BrokenPipe | ConnectionReset))
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

fn unanswered(limit: Duration, since: &str) -> Failure {
    Failure::new(Reason::ResponseTimeout)
        .with_detail(format_args!("no response head within {limit:?} of {since}"))
}

fn stuck(limit: Duration, starving: bool) -> Failure {
    match starving {
        true => Failure::new(Reason::RequestTimeout).with_detail(format_args!(
            "nothing of the request's body came from the client for {limit:?}"
        )),
        false => Failure::new(Reason::WriteTimeout).with_detail(format_args!(
            "the upstream took nothing of the request's body for {limit:?}"
        )),
    }
}
