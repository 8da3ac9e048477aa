//! What it means that a stream of bytes, in which nothing is known of requests and responses, broke.

use std::io;

use outrigger_gateway::{Failure, Reason};

use super::plain;
use crate::{connect::Connect, endpoint::Endpoint};

/// The failure of a stream that `endpoint` broke with `error`; `answered` if any byte had come back before.
///
/// For what is carried without being understood: raw TCP, and what follows an upgrade.
pub fn broken_stream<C: Connect>(
    connector: &C,
    endpoint: &Endpoint,
    answered: bool,
    error: &io::Error,
) -> Failure {
    connector
        .classify(error)
        .unwrap_or_else(|| of_io(endpoint, answered, error))
        .at_endpoint(endpoint.label().clone())
}

fn of_io(endpoint: &Endpoint, answered: bool, error: &io::Error) -> Failure {
    use io::ErrorKind as Kind;
    let ended = |how: &str| {
        let (reason, when) = match answered {
            true => (Reason::ResponseIncomplete, "in mid-stream"),
            false => (Reason::ClosedBeforeResponse, "before any byte came back"),
        };
        Failure::new(reason).with_detail(format_args!("{endpoint} {how} {when}"))
    };
    match error.kind() {
        Kind::ConnectionReset | Kind::ConnectionAborted => ended("reset the connection"),
        Kind::BrokenPipe | Kind::NotConnected => ended("closed the connection"),
        // Only TLS can tell this from an end that is meant.
        Kind::UnexpectedEof => ended("closed the connection without TLS close_notify"),
        Kind::TimedOut => Failure::new(Reason::ReadTimeout)
            .with_detail(format_args!("the connection to {endpoint} timed out")),
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => {
            Failure::new(Reason::Unroutable).with_detail(format_args!("{endpoint}: {}", plain(error)))
        }
        _ => Failure::new(Reason::Internal).with_detail(format_args!("{endpoint}: {}", plain(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: io::ErrorKind, answered: bool) -> Failure {
        of_io(
            &Endpoint::new("127.0.0.1:1".parse().unwrap()),
            answered,
            &kind.into(),
        )
    }

    #[test]
    fn what_it_is_called_depends_on_whether_anything_came_back() {
        use io::ErrorKind as Kind;
        let kinds = [Kind::ConnectionReset, Kind::BrokenPipe, Kind::UnexpectedEof];
        for kind in kinds {
            assert_eq!(failure(kind, false).reason(), Reason::ClosedBeforeResponse);
            assert_eq!(failure(kind, true).reason(), Reason::ResponseIncomplete);
        }
        let told = failure(Kind::ConnectionReset, false);
        assert_eq!(
            told.detail(),
            Some("127.0.0.1:1 reset the connection before any byte came back")
        );
        assert!(!told.unprocessed(), "something may have acted on what was sent");
    }

    #[test]
    fn what_is_no_end_of_the_connection_keeps_its_name() {
        use io::ErrorKind as Kind;
        assert_eq!(failure(Kind::TimedOut, true).reason(), Reason::ReadTimeout);
        assert_eq!(failure(Kind::HostUnreachable, true).reason(), Reason::Unroutable);
        assert_eq!(failure(Kind::OutOfMemory, true).reason(), Reason::Internal);
    }
}
