//! Errors of hyper, h2 and the operating system become [`Failure`]s, here and nowhere else.
//!
//! An error's type is not enough to name a failure rightly: the same `IncompleteMessage` means "closed before any
//! byte" and "cut in the head". What else is needed travels in a [`Scene`].

mod stream;

use std::{error::Error, io};

use outrigger_gateway::{Extra, Failure, Reason, find_cause};

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
    Body,
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

/// The largest frame that HTTP/2 allows where nothing else is settled (RFC 9113 §4.2).
const FRAME: u64 = 16_384 + 9;

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

    fn of_http2(&self, error: &(dyn Error + 'static)) -> Option<Failure> {
        let error = find_cause::<h2::Error>(error)?;
        // Not to be found by `source()`.
        if let Some(io) = error.get_io() {
            return Some(self.of_io_error(io));
        }
        let code = error.reason()?;
        let (by, how) = match (error.is_remote(), error.is_go_away()) {
            (true, true) => ("the upstream", "said GOAWAY"),
            (true, false) => ("the upstream", "reset the stream"),
            (false, _) => ("the upstream's frames were refused:", "they break HTTP/2"),
        };
        let reason = match code {
            h2::Reason::REFUSED_STREAM => Reason::StreamRefused,
            h2::Reason::NO_ERROR if error.is_go_away() => Reason::StreamRefused,
            h2::Reason::ENHANCE_YOUR_CALM if error.is_remote() => Reason::PeerOverloaded,
            _ if !error.is_remote() => return Some(self.of_broken_http2(error)),
            h2::Reason::PROTOCOL_ERROR
            | h2::Reason::FLOW_CONTROL_ERROR
            | h2::Reason::FRAME_SIZE_ERROR
            | h2::Reason::COMPRESSION_ERROR
            | h2::Reason::SETTINGS_TIMEOUT
            | h2::Reason::STREAM_CLOSED
            | h2::Reason::INADEQUATE_SECURITY
            | h2::Reason::HTTP_1_1_REQUIRED => Reason::ProtocolError,
            _ if self.phase == Phase::Body => Reason::ResponseIncomplete,
            _ => Reason::StreamReset,
        };
        Some(self.told(reason, format_args!("{by} {how} with {code:?}")))
    }

    /// We refused what the upstream sent over HTTP/2.
    fn of_broken_http2(&self, error: &h2::Error) -> Failure {
        let code = error.reason().unwrap_or(h2::Reason::INTERNAL_ERROR);
        if code == h2::Reason::FRAME_SIZE_ERROR
            && self
                .received
                .first()
                .is_some_and(|bytes| bytes.starts_with(b"HTTP/1."))
        {
            return self.told(Reason::ProtocolError, "the upstream speaks HTTP/1.1, not HTTP/2");
        }
        // h2 says how a flood of headers went too far only in words; its frames are counted against their limit.
        let text = error.to_string();
        let floods = ["too_many_continuations", "header_list_way_too_large"];
        if floods.iter().any(|flood| text.contains(flood)) {
            return self.told(
                Reason::HeaderSectionTooLarge,
                "the response's header section is too large",
            );
        }
        match (self.phase, error.is_reset()) {
            // A body that does not add up to its content-length ends so.
            (Phase::Body, true) => {
                self.told(Reason::ResponseIncomplete, "the body is not as long as announced")
            }
            // Of all breaches only a bad header section resets a single stream (h2 0.4), and does not say how bad:
            // what fits one frame of the usual size is not too large.
            (Phase::Head, true) if code == h2::Reason::PROTOCOL_ERROR => match self.answered > FRAME {
                true => self.told(
                    Reason::HeaderSectionTooLarge,
                    "the response's header section is too large",
                ),
                false => self.told(
                    Reason::ProtocolError,
                    "the response's header section breaks HTTP/2",
                ),
            },
            _ => self.told(
                Reason::ProtocolError,
                format_args!("the upstream broke HTTP/2: {}", self.guessed(error)),
            ),
        }
    }

    fn of_hyper(&self, error: &(dyn Error + 'static)) -> Option<Failure> {
        let hyper = find_cause::<hyper::Error>(error)?;
        if hyper.is_parse_too_large() {
            return Some(self.told(
                Reason::HeaderSectionTooLarge,
                "the response's header section is too large",
            ));
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

    fn of_io(&self, error: &(dyn Error + 'static)) -> Option<Failure> {
        find_cause::<io::Error>(error).map(|error| self.of_io_error(error))
    }

    fn of_io_error(&self, error: &io::Error) -> Failure {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionReset | Kind::ConnectionAborted => self.closed("reset"),
            Kind::BrokenPipe | Kind::NotConnected | Kind::UnexpectedEof => self.closed("closed"),
            Kind::TimedOut => self.told(Reason::ReadTimeout, "the connection timed out"),
            Kind::InvalidInput | Kind::InvalidData if self.phase == Phase::Body => self
                .told(
                    Reason::TransferCoding,
                    format_args!("the body's chunks are broken: {}", plain(error)),
                )
                .with_extra("coding", Extra::Token("chunked".into())),
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => self
                .told(Reason::Unroutable, plain(error))
                .with_unprocessed(false),
            _ => self.told(Reason::Internal, plain(error)),
        }
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
            (Phase::Body, ..) => self.told(
                Reason::ResponseIncomplete,
                format_args!("{endpoint} {how} the connection in the body"),
            ),
            (Phase::Head, true, _) => self.told(
                Reason::ResponseIncomplete,
                format_args!("{endpoint} {how} the connection in the head"),
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

/// The failure that an error while connecting over TCP means.
pub(crate) fn connect_error(error: &io::Error) -> Failure {
    use io::ErrorKind as Kind;
    Failure::new(match error.kind() {
        Kind::ConnectionRefused => Reason::ConnectionRefused,
        Kind::TimedOut => Reason::ConnectionTimeout,
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => Reason::Unroutable,
        Kind::ConnectionReset | Kind::ConnectionAborted => Reason::ClosedBeforeResponse,
        // No descriptors, no ports, no permission: our own fault.
        _ => Reason::Internal,
    })
}

/// An operating system's error without its number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests;
