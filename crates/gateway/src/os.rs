//! What the operating system's errors mean.

use std::{fmt, io};

use crate::{Failure, Reason};

/// The failure that an error while connecting over TCP means: refused, unroutable, timed out in the kernel, or our own fault.
pub fn connect_failure(error: &io::Error) -> Failure {
    use io::ErrorKind as Kind;
    Failure::new(match error.kind() {
        Kind::ConnectionRefused => Reason::ConnectionRefused,
        Kind::TimedOut => Reason::ConnectionTimeout,
        // A route of Linux that is a black hole is told as an invalid argument.
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown | Kind::InvalidInput => {
            Reason::Unroutable
        }
        Kind::ConnectionReset | Kind::ConnectionAborted => Reason::ClosedBeforeResponse,
        // No descriptors, no ports, no permission: our own fault.
        _ => Reason::Internal,
    })
}

/// The same as it is told: with a sentence, and with nothing processed at `endpoint`.
pub fn not_connected(error: io::Error, endpoint: impl fmt::Display) -> Failure {
    connect_failure(&error)
        .with_unprocessed(true)
        .with_detail(format_args!("connecting to {endpoint}: {}", plain(&error)))
        .with_source(error)
}

/// The system's sentence without its number.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}
