//! Clients of others: what the errors of hyper-util's `Client` mean, and a connector over mutual TLS for it and for tonic's `Channel`.
//!
//! [`failure`] is for a [`ClientLayer`](crate::stack::ClientLayer) around a plain client. With feature `identity` there is
//! `MtlsConnector`, which connects over mutual TLS and says more.
//!
//! ```no_run
//! use bytes::Bytes;
//! use http_body_util::Empty;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use outrigger::{client, stack::{ClientBody, ClientLayer, Config}};
//! use tower::Layer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder(TokioExecutor::new()).build_http::<ClientBody<Empty<Bytes>>>();
//! let orders = ClientLayer::standard(&Config::default())?.classifying(client::failure).layer(client);
//! # drop(orders);
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "identity")]
mod connector;
#[cfg(feature = "identity")]
mod stream;

use std::{error::Error, io};

use hyper_util::client::legacy;
use outrigger_gateway::{Failure, Reason, find_cause, os};
use outrigger_layers::classify::BoxError;

#[cfg(feature = "identity")]
pub use self::{connector::MtlsConnector, stream::MtlsStream};

/// The failure that an error of hyper-util's `Client` means: a failure of ours in its chain, or what hyper or the system can tell; else
/// [`Reason::Internal`].
///
/// What could not be connected was provably not processed. Of a connection that ended it cannot be told whether it was a fresh one.
pub fn failure(error: BoxError) -> Failure {
    let known = Failure::find(&*error).cloned().or_else(|| of_client(&*error));
    known.unwrap_or_else(|| Failure::from_error(error))
}

/// What a client's error means as far as it tells by itself.
fn of_client(error: &(dyn Error + 'static)) -> Option<Failure> {
    let io = find_cause::<io::Error>(error);
    if find_cause::<legacy::Error>(error).is_some_and(legacy::Error::is_connect) {
        // A name that does not resolve is an error without a number.
        let failure = match io {
            Some(io) if io.raw_os_error().is_some() => os::connect_failure(io),
            _ => Failure::new(Reason::DnsError),
        };
        return Some(failure.with_unprocessed(true).with_detail(words(error)));
    }
    let hyper = find_cause::<hyper::Error>(error)?;
    let reason = if hyper.is_parse() || hyper.is_parse_status() {
        Reason::ProtocolError
    } else if hyper.is_timeout() {
        Reason::ReadTimeout
    } else if hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed() || io.is_some() {
        Reason::ClosedBeforeResponse
    } else {
        return None;
    };
    Some(Failure::new(reason).with_detail(hyper))
}

/// The whole chain: the first error says little.
fn words(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words = format!("{words}: {cause}");
        next = cause.source();
    }
    words
}
