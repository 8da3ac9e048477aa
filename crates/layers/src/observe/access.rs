//! The access log: one line an exchange, through `tracing`, with target `access`.

use std::{sync::Arc, time::Duration};

use http::{Method, Request, Uri, Version};
use outrigger_gateway::{Failure, Reason};

use super::{Direction, peer_of};
use crate::{exchange::Exchange, hop};

/// Which exchanges get an access line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every one.
    All,
    /// Those that failed: a 5xx, or a failure of any kind at this hop.
    Failures,
    /// None.
    Off,
}

impl Access {
    pub(super) const fn wants_all(self) -> bool {
        matches!(self, Self::All)
    }

    pub(super) const fn wants_any(self) -> bool {
        !matches!(self, Self::Off)
    }
}

/// What a line says of the request; handles to what the request holds anyway, nothing is formatted yet.
#[derive(Debug)]
pub struct Line {
    method: Method,
    uri: Uri,
    host: Option<http::HeaderValue>,
    version: Version,
    client: Option<Arc<hop::Client>>,
}

impl Line {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            host: request.headers().get(http::header::HOST).cloned(),
            version: request.version(),
            client: peer_of(request).cloned(),
        }
    }

    /// Writes the line. The query is left out: it may hold secrets.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn write(
        &self,
        direction: Direction,
        exchange: &Exchange,
        status: u16,
        reason: Reason,
        failure: Option<&Failure>,
        bytes: u64,
        took: Duration,
    ) {
        let authority = self.uri.authority().map(|authority| authority.as_str());
        let host = authority.or_else(|| self.host.as_ref().and_then(|host| host.to_str().ok()));
        let generated_by = if reason == Reason::UpstreamStatus && exchange.upstream().is_some() {
            "upstream"
        } else {
            "proxy"
        };
        tracing::info!(
            target: "access",
            direction = direction.label(),
            upstream = exchange.upstream().map(|bound| &**bound.name()),
            endpoint = exchange.endpoint().as_deref(),
            method = %self.method,
            host,
            path = self.uri.path(),
            version = ?self.version,
            status,
            reason = reason.label(),
            generated_by,
            detail = failure.and_then(Failure::detail),
            attempts = exchange.attempts(),
            request_bytes = exchange.request_bytes(),
            response_bytes = bytes,
            connect_ms = millis(exchange.connect_time()),
            head_ms = exchange.head_time().map(millis),
            total_ms = millis(took),
            client = self.client.as_deref().and_then(hop::Client::addr).map(tracing::field::display),
            peer = self.client.as_deref().and_then(hop::Client::certificate).and_then(|value| value.to_str().ok()),
            trace_id = %exchange.trace(),
        );
    }
}

/// Milliseconds with three decimals.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
