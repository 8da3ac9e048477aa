//! One attempt at one endpoint.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body::Body;
use hyper::{body::Incoming, client::conn::TrySendError};
use outrigger_gateway::{Failure, Reason, find_cause};
use outrigger_layers::{
    deadline::{Deadline, set_remaining},
    exchange::Exchange,
    spare::Spare,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use super::{Timeouts, incoming, outgoing::Outgoing, tunnel::Tunnel, upgrade::Switch};
use crate::{
    body::{BoxError, Origin, RequestBody, ResponseBody, Upload},
    classify::{Phase, Scene},
    connect::{Connect, Protocol},
    connection::{Connection, Facts},
    pool::{Leased, Pool},
};

/// What all attempts of one request have in common.
pub(super) struct Attempt<'a> {
    pub(super) exchange: Option<&'a Exchange>,
    pub(super) deadline: Option<Deadline>,
    pub(super) outgoing: Outgoing<'a>,
    pub(super) timeouts: Timeouts,
    pub(super) is_grpc: bool,
    /// What the request is to be switched to, if it is.
    pub(super) switch: Option<Box<Switch>>,
}

/// A failed attempt.
pub(super) struct Rejected {
    pub(super) failure: Failure,
    /// It failed on a connection that had been used before, so a fresh one may fare better.
    pub(super) reused: bool,
}

type Sent<C, B> = Result<Response<ResponseBody<C, RequestBody<B>>>, Rejected>;

impl Attempt<'_> {
    /// Sends the request that is there; it is there again afterwards if that failed and sending it again is safe.
    pub(super) async fn make<C, B>(
        &self,
        pool: &Arc<Pool<C, RequestBody<B>>>,
        request: &mut Option<Request<RequestBody<B>>>,
        fresh: bool,
    ) -> Sent<C, B>
    where
        C: Connect,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        self.note(pool.endpoint().label());
        let mut leased = match pool.room().filter(|_| !fresh) {
            Some(leased) => leased,
            // Boxed: connecting is rare, and would make every request's future as large as itself.
            None => match Box::pin(pool.connect(fresh, self.exchange)).await {
                Ok(leased) => leased,
                Err(failure) => return Err(Rejected::at_connecting(failure, request)),
            },
        };
        let protocol = leased.connection.protocol();
        let sent = request.as_mut().expect("there is a request to send");
        if let Some(deadline) = self.deadline {
            // Waiting for a connection took time that the next hop does not have.
            set_remaining(sent.headers_mut(), deadline, Instant::now()).map_err(Rejected::at_last)?;
        }
        let prepared = self.outgoing.prepare(sent, protocol, pool.endpoint().label());
        prepared.map_err(Rejected::at_last)?;
        if let Some(switch) = &self.switch {
            let asked = Box::pin(ask_to_switch(switch, sent, &leased.connection.facts, protocol));
            let ours = |failure: Failure| failure.at_endpoint(pool.endpoint().label().clone());
            asked.await.map_err(|failure| Rejected::at_last(ours(failure)))?;
        }
        let upload = sent.body().upload();
        // A copy would not know of the switch.
        let again = match self.switch {
            None => Again::of(sent, &leased.connection),
            Some(_) => None,
        };
        let read_before = leased.connection.facts.received.bytes();

        let sending = request.take().expect("it was there above");
        // Pinned where it is made: it is long to move.
        let head = {
            let response = pin!(leased.connection.send(sending));
            self.head(response, &upload).await
        };
        let error = match head {
            Ok(response) => {
                upload.forget();
                let mut accepted = self.accept(pool, leased, response, upload)?;
                // One that is cut before anything of it was sent on is still told as a failure of the whole.
                let begun = poll_fn(|cx| Poll::Ready(accepted.body_mut().begin(cx))).await;
                return begun.map(|()| accepted).map_err(Rejected::at_last);
            }
            Err(error) => error,
        };
        let answered = leased.connection.facts.received.bytes() - read_before;
        let rejected = self.reject(pool, leased.connection, error, &upload, again, answered);
        let (rejected, again) = Box::pin(rejected).await;
        *request = again;
        Err(rejected)
    }

    fn note(&self, endpoint: &Arc<str>) {
        if let Some(exchange) = self.exchange {
            exchange.attempt(endpoint);
        }
    }

    /// Waits for the response's head, for as long as it may take.
    async fn head<B>(
        &self,
        mut response: Pin<&mut impl Future<Output = Answered<B>>>,
        upload: &Upload,
    ) -> Result<Response<Incoming>, Unanswered<B>> {
        let mut patience = pin!(self.patience(upload));
        let head = poll_fn(|cx| {
            // The response first: one that is here is never thrown away at the limit.
            if let Poll::Ready(result) = response.as_mut().poll(cx) {
                return Poll::Ready(result.map_err(|error| Unanswered::Error(Box::new(error))));
            }
            let gave_up = patience.as_mut().poll(cx);
            gave_up.map(|failure| Err(Unanswered::TimedOut(failure)))
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
        mut response: Response<Incoming>,
        upload: Upload,
    ) -> Sent<C, B>
    where
        C: Connect,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let protocol = leased.connection.protocol();
        if let Some(switch) = &self.switch
            && Switch::is_made_by(response.status(), protocol)
        {
            return self.switched(switch, pool, leased, response);
        }
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let failure = Failure::new(Reason::UpgradeFailed)
                .with_detail("the upstream switched protocols, which nobody had asked for")
                .at_endpoint(pool.endpoint().label().clone());
            return Err(Rejected::at_last(failure));
        }
        let received = incoming::receive(&mut response, protocol);
        received
            .map_err(|failure| Rejected::at_last(failure.at_endpoint(pool.endpoint().label().clone())))?;
        let streams = self.is_grpc || is_event_stream(response.headers());
        let idle = if streams {
            self.timeouts.stream_idle
        } else {
            self.timeouts.idle
        };
        let origin = Origin {
            pool: pool.clone(),
            facts: leased.connection.facts.clone(),
            protocol,
            reused: leased.connection.reused,
            lease: leased.into_lease(pool),
            upload,
        };
        Ok(response.map(|body| ResponseBody::new(body, origin, idle)))
    }

    /// The upstream has switched protocols: what follows is carried by a task of its own, for as long as the
    /// response's body lasts.
    fn switched<C, B>(
        &self,
        switch: &Switch,
        pool: &Arc<Pool<C, RequestBody<B>>>,
        leased: Leased<RequestBody<B>>,
        mut response: Response<Incoming>,
    ) -> Sent<C, B>
    where
        C: Connect,
        B: Send + 'static,
    {
        let protocol = leased.connection.protocol();
        let settled = switch.settle(&mut response, protocol);
        let label = pool.endpoint().label();
        settled.map_err(|failure| Rejected::at_last(failure.at_endpoint(label.clone())))?;
        let upstream = hyper::upgrade::on(&mut response);
        let tunnel = Tunnel {
            client: switch.client(),
            upstream,
            idle: self.timeouts.stream_idle,
            exchange: self.exchange.cloned(),
            pool: pool.clone(),
            // The stream counts on its connection until the tunnel ends.
            lease: leased.into_lease(pool),
        };
        let (tell, told) = oneshot::channel();
        tokio::spawn(async move {
            // Nobody hears it if the response was given up.
            let _ = tell.send(tunnel.carry().await);
        });
        Ok(response.map(|nothing| ResponseBody::tunnelled(nothing, told)))
    }

    /// Names the failure, and gives the request back if it may be sent once more.
    async fn reject<C, B>(
        &self,
        pool: &Arc<Pool<C, RequestBody<B>>>,
        connection: Connection<RequestBody<B>>,
        error: Unanswered<B>,
        upload: &Upload,
        again: Option<Again>,
        answered: u64,
    ) -> (Rejected, Option<Request<RequestBody<B>>>)
    where
        C: Connect,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let mut error = match error {
            Unanswered::Error(error) => error,
            Unanswered::TimedOut(failure) => {
                let failure = failure.at_endpoint(pool.endpoint().label().clone());
                return (Rejected::at_last(failure), None);
            }
        };
        let (unsent, error) = (error.take_message(), error.into_error());
        if let Some(failure) = upload.failure().or_else(|| Failure::find(&error).cloned()) {
            return (Rejected::at_last(failure), None);
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
            received: &connection.facts.received,
        };
        let failure = scene
            .failure(cause.as_deref().unwrap_or(&error))
            .with_source(error);
        let again = again.filter(|again| again.may_follow(failure.reason()));
        let again = unsent.or_else(|| {
            let again = again?;
            Some(again.spare.request(upload.again(self.exchange.cloned())?))
        });
        // Handed back, or refused by number: nobody has acted on it.
        let unprocessed = failure.unprocessed() || again.is_some() && failure.reason() != Reason::IdleRace;
        let failure = failure.with_unprocessed(unprocessed);
        let reused = connection.reused;
        (Rejected { failure, reused }, again)
    }
}

/// Puts a request into the form that asks for a switch.
async fn ask_to_switch<B>(
    switch: &Switch,
    request: &mut Request<B>,
    facts: &Facts,
    protocol: Protocol,
) -> Result<(), Failure> {
    if protocol == Protocol::Http2 && !facts.takes_extended_connect().await {
        let detail = "the upstream speaks HTTP/2 and does not take extended CONNECT (RFC 8441)";
        return Err(Failure::new(Reason::UpgradeFailed).with_detail(detail));
    }
    switch.ask(request, protocol);
    Ok(())
}

/// How hyper answers a request that was sent.
type Answered<B> = Result<Response<Incoming>, TrySendError<Request<RequestBody<B>>>>;

/// Why there is no response.
enum Unanswered<B> {
    Error(Box<TrySendError<Request<RequestBody<B>>>>),
    TimedOut(Failure),
}

impl Rejected {
    /// There is no connection. The request stays, to be sent elsewhere, unless it would fare no better there.
    fn at_connecting<B>(failure: Failure, request: &mut Option<Request<B>>) -> Self {
        if !failure.unprocessed() {
            *request = None;
        }
        Self {
            failure,
            reused: false,
        }
    }

    /// The request is gone, or wrong everywhere.
    fn at_last(failure: Failure) -> Self {
        Self {
            failure,
            reused: false,
        }
    }
}

/// A request that may be sent once more: what passes of its body keeps itself.
struct Again {
    spare: Spare,
    idempotent: bool,
}

impl Again {
    /// Only made where a failure may come that allows its use: on HTTP/2, or on a kept-alive connection.
    fn of<B>(request: &Request<RequestBody<B>>, connection: &Connection<RequestBody<B>>) -> Option<Self> {
        let idempotent = request.method().is_idempotent();
        let of_use = connection.protocol() == Protocol::Http2 || (connection.reused && idempotent);
        of_use.then(|| Self {
            spare: Spare::lent_or_of(request),
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

/// Errors that may not tell what became of the connection: h2 keeps of the byte stream's error only kind and text.
fn is_vague(error: &hyper::Error) -> bool {
    let of_the_stream =
        |io: &io::Error| io.raw_os_error().is_none() || io.kind() == io::ErrorKind::ConnectionReset;
    error.is_canceled() || error.is_closed() || find_cause(error).is_some_and(of_the_stream)
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

#[cfg(test)]
mod tests;
