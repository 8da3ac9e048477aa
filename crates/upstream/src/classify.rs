//! Errors of hyper, h2 and the operating system become [`Failure`]s, here and nowhere else.
//!
//! An error's type is not enough to name a failure rightly: the same `IncompleteMessage` means "closed before any
//! byte" and "cut in the head". What else is needed travels in a [`Scene`].

mod http2;
mod stream;

use std::{error::Error, io};

use outrigger_gateway::{Extra, Failure, Reason, find_cause, os::plain};

pub use self::stream::broken_stream;
use crate::{
    connect::{Connect, Protocol},
    endpoint::Endpoint,
    guess,
    io::Received,
};

/// How far an exchange had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for the response's head.
    Head,
    /// The head is there, its body is being read.
    Body {
        /// It was said how long the body is.
        announced: bool,
    },
}

/// What is known about the exchange beside the error itself.
#[derive(Debug)]
pub(crate) struct Scene<'a, C> {
    pub(crate) connector: &'a C,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) phase: Phase,
    /// The connection had carried a request before.
    pub(crate) reused: bool,
    /// The bytes that came back since the request was sent; over HTTP/2 they may have been another stream's.
    pub(crate) answered: u64,
    pub(crate) protocol: Protocol,
    /// What came over the connection, and the error that its byte stream broke with.
    pub(crate) received: &'a Received,
}

impl<C: Connect> Scene<'_, C> {
    /// The failure that `error` means in this scene.
    pub(crate) fn failure(&self, error: &(dyn Error + 'static)) -> Failure {
        // h2 keeps only the text of what the byte stream broke with; the cause itself was noted there.
        let broke = self
            .received
            .broke()
            .and_then(|broke| self.connector.classify(broke));
        let failure = broke
            .or_else(|| self.connector.classify(error))
            .or_else(|| self.of_http2(error))
            .or_else(|| self.of_hyper(error))
            .or_else(|| self.of_io(error))
            .unwrap_or_else(|| {
                Failure::new(Reason::Internal).with_detail(format_args!("unforeseen: {error}"))
            });
        failure.at_endpoint(self.endpoint.label().clone())
    }

    fn of_hyper(&self, error: &(dyn Error + 'static)) -> Option<Failure> {
        let hyper = find_cause::<hyper::Error>(error)?;
        if hyper.is_parse_too_large() {
            return Some(self.too_large());
        }
        if hyper.is_parse() || hyper.is_parse_status() {
            let text = format_args!("the answer is not HTTP: {}", self.guessed(hyper));
            return Some(self.told(Reason::ProtocolError, text));
        }
        if hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed() {
            return Some(self.closed("closed"));
        }
        if hyper.is_timeout() {
            return Some(self.told(Reason::ReadTimeout, "no sign of life from the upstream"));
        }
        None
    }

    /// The head is too large: for its one field, if most of what came was that, or as a whole.
    fn too_large(&self) -> Failure {
        let line = self.received.line();
        let field = line
            .filter(|line| line.length() > self.answered / 2)
            .and_then(|line| Some((line.field()?, line.length())));
        let Some((name, size)) = field else {
            return self.told(
                Reason::HeaderSectionTooLarge,
                "the response's header section is too large",
            );
        };
        let text = format_args!("the response's field {name} is too large: {size} bytes, and more to come");
        self.told(Reason::HeaderTooLarge, text)
            .with_extra("header-name", Extra::String(name.as_str().to_owned()))
            .with_extra(
                "header-size",
                Extra::Integer(i64::try_from(size).unwrap_or(i64::MAX)),
            )
    }

    fn of_io(&self, error: &(dyn Error + 'static)) -> Option<Failure> {
        find_cause::<io::Error>(error).map(|error| self.of_io_error(error))
    }

    fn of_io_error(&self, error: &io::Error) -> Failure {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionReset | Kind::ConnectionAborted => self.closed("reset"),
            Kind::BrokenPipe | Kind::NotConnected | Kind::UnexpectedEof => self.closed("closed"),
            Kind::TimedOut => self.told(Reason::ReadTimeout, "the connection timed out"),
            Kind::InvalidInput | Kind::InvalidData if self.in_body() => self.of_broken_chunks(error),
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => self
                .told(Reason::Unroutable, plain(error))
                .with_unprocessed(false),
            _ => self.told(Reason::Internal, plain(error)),
        }
    }

    /// hyper says in words alone whether it is the trailers, and whether they are too many.
    fn of_broken_chunks(&self, error: &io::Error) -> Failure {
        let text = error.to_string();
        match ["chunk trailers bytes over limit", "chunk trailers count overflow"].contains(&&*text) {
            true => self.told(Reason::TrailersTooLarge, "the response's trailers are too large"),
            false => self
                .told(
                    Reason::TransferCoding,
                    format_args!("the body's chunks are broken: {}", plain(error)),
                )
                .with_extra("coding", Extra::Token("chunked".into())),
        }
    }

    fn in_body(&self) -> bool {
        matches!(self.phase, Phase::Body { .. })
    }

    /// The connection ended; what that means depends on how far we had come.
    pub(crate) fn closed(&self, how: &str) -> Failure {
        let endpoint = self.endpoint;
        // A banner that came before the request, and then the end of it.
        if let Some(speaks) = self.received.first().and_then(guess::of)
            && self.protocol == Protocol::Http1
        {
            let text = format_args!("the answer is not HTTP: {speaks}");
            return self.told(Reason::ProtocolError, text);
        }
        let answered = self.answered > 0 && self.protocol == Protocol::Http1;
        match (self.phase, answered, self.reused) {
            (Phase::Body { .. }, ..) => self.told(
                Reason::ResponseIncomplete,
                format_args!(
                    "{endpoint} {how} the connection in the body{}",
                    self.without_notice()
                ),
            ),
            (Phase::Head, true, _) => self.told(
                Reason::ResponseIncomplete,
                format_args!(
                    "{endpoint} {how} the connection in the head{}",
                    self.without_notice()
                ),
            ),
            (Phase::Head, false, true) => self.told(
                Reason::IdleRace,
                format_args!("{endpoint} {how} a kept-alive connection as it was used again"),
            ),
            (Phase::Head, false, false) => self.told(
                Reason::ClosedBeforeResponse,
                format_args!("{endpoint} {how} the connection before any byte of a response"),
            ),
        }
    }

    /// Only TLS can tell an end that is meant from one that is not.
    fn without_notice(&self) -> &'static str {
        let broke = self.received.broke().map(io::Error::kind);
        match broke == Some(io::ErrorKind::UnexpectedEof) {
            true => ", without TLS close_notify",
            false => "",
        }
    }

    /// What the peer's first bytes look like, or what the parser says of them.
    fn guessed(&self, error: &dyn Error) -> String {
        self.received
            .first()
            .and_then(guess::of)
            .map_or_else(|| error.to_string(), str::to_owned)
    }

    fn told(&self, reason: Reason, detail: impl std::fmt::Display) -> Failure {
        Failure::new(reason).with_detail(detail)
    }
}

#[cfg(test)]
mod tests;
