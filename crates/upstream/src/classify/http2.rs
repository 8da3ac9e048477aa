//! What an error of h2 means: the peer reset a stream, said GOAWAY, or broke HTTP/2.

use std::{borrow::Cow, error::Error};

use outrigger_gateway::{Failure, Reason, find_cause};

use super::{Phase, Scene};
use crate::{connect::Connect, guess};

/// The largest frame that HTTP/2 allows where nothing else is settled (RFC 9113 §4.2).
const FRAME: u64 = 16_384 + 9;

impl<C: Connect> Scene<'_, C> {
    pub(super) fn of_http2(&self, error: &(dyn Error + 'static)) -> Option<Failure> {
        let error = find_cause::<h2::Error>(error)?;
        // Not to be found by `source()`.
        if let Some(io) = error.get_io() {
            return Some(self.of_io_error(io));
        }
        let code = error.reason()?;
        if error.is_remote() && error.is_go_away() && self.phase == Phase::Head && self.received.refused_all()
        {
            let text = format_args!(
                "the upstream said GOAWAY with {} before it took any stream",
                named(code)
            );
            return Some(self.told(Reason::StreamRefused, text));
        }
        let (by, how) = match (error.is_remote(), error.is_go_away()) {
            (true, true) => ("the upstream", "said GOAWAY"),
            (true, false) => ("the upstream", "reset the stream"),
            (false, _) => ("the upstream's frames were refused:", "they break HTTP/2"),
        };
        let reason = match code {
            // Who has begun to answer has not refused, whatever it says.
            h2::Reason::REFUSED_STREAM if !self.in_body() => Reason::StreamRefused,
            h2::Reason::NO_ERROR if error.is_go_away() && !self.in_body() => Reason::StreamRefused,
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
            _ if self.in_body() => Reason::ResponseIncomplete,
            _ => Reason::StreamReset,
        };
        Some(self.told(reason, format_args!("{by} {how} with {}", named(code))))
    }

    fn how_it_broke(&self, code: h2::Reason, text: &str) -> String {
        let first = self.received.first().filter(|first| !guess::is_http2(first));
        match first.and_then(guess::of) {
            Some(speaks) => format!("the upstream does not speak HTTP/2: {speaks}"),
            None if text.contains("too_many_data_frames") => {
                "the upstream sends a flood of DATA frames with next to nothing in them".to_owned()
            }
            None => format!(
                "the upstream broke HTTP/2, which we told it with GOAWAY({})",
                named(code)
            ),
        }
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
            (Phase::Body { announced: true }, true) if code == h2::Reason::PROTOCOL_ERROR => {
                self.told(Reason::ResponseIncomplete, "the body is not as long as announced")
            }
            (Phase::Body { .. }, true) => self.told(
                Reason::ProtocolError,
                format_args!(
                    "the upstream broke HTTP/2 in the body, which we told it with RST_STREAM({})",
                    named(code)
                ),
            ),
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
            _ => self.told(Reason::ProtocolError, self.how_it_broke(code, &text)),
        }
    }
}

/// The name of an error code (RFC 9113 §7).
fn named(code: h2::Reason) -> Cow<'static, str> {
    let number = u32::from(code);
    match number > u32::from(h2::Reason::HTTP_1_1_REQUIRED) {
        true => format!("the unknown code {number:#x}").into(),
        false => format!("{code:?}").into(),
    }
}
