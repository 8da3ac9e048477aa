//! The standard stack around a tonic `Channel`, and what tonic's errors mean.
//!
//! A server needs nothing of this: `Server::builder().layer(ServerLayer::standard(&config)?)`. There the caller's
//! `grpc-timeout` and `timeout.total` end in DEADLINE_EXCEEDED, since our deadline is imposed before tonic's timer begins. Leave
//! `Server::timeout` alone: tonic keeps that one above all layers, and answers CANCELLED.
//!
//! ```no_run
//! use outrigger::{stack::Config, tonic::ChannelLayer};
//! use tonic::transport::Channel;
//! use tower::Layer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let channel = Channel::from_static("http://orders.shop.svc:50051").connect_lazy();
//! let orders = ChannelLayer::standard(&Config::default())?.layer(channel);
//! // let client = OrdersClient::new(orders);
//! # Ok(())
//! # }
//! ```

use std::{
    io,
    task::{Context, Poll},
};

use http::{Request, Response};
use outrigger_gateway::{Failure, Reason, find_cause, os};
use outrigger_layers::{
    classify::BoxError,
    respond::{Details, Respond, RespondLayer},
    stack::{Client, ClientBody, ClientLayer, Config, ConfigError, Parts},
};
use tonic::{Code, ConnectError, Status, TimeoutExpired, body::Body};
use tower_layer::Layer;
use tower_service::Service;

/// What [`ChannelLayer`] makes of a channel: a generated client takes it in the channel's place.
pub type Wrapped<S, F = fn(BoxError) -> Failure> = Respond<Client<Rebody<S>, F>>;

/// [`ClientLayer`] around a `Channel`, with [`respond`](crate::respond) on top: what fails comes back as the `Status` that
/// its reason's row in the [table](crate::gateway::table) names, with the operator's sentence.
#[derive(Clone, Debug)]
pub struct ChannelLayer<F = fn(BoxError) -> Failure> {
    respond: RespondLayer,
    client: ClientLayer<F>,
}

impl ChannelLayer {
    /// The layers that `config` asks for. gRPC requests are POST: what is repeated is what was provably not processed, and what
    /// carries `idempotency-key`.
    ///
    /// # Errors
    /// The first setting that cannot be obeyed.
    pub fn standard(config: &Config) -> Result<Self, ConfigError> {
        Parts::try_new(config).map(Self::of_parts)
    }

    /// The same out of layers that were made before.
    pub fn of_parts(parts: Parts) -> Self {
        Self {
            // The only reader is the caller's own code.
            respond: RespondLayer::origin_with(Details::Always),
            client: ClientLayer::of_parts(parts).classifying(failure),
        }
    }
}

impl<F> ChannelLayer<F> {
    /// Classifies the channel's errors by this function in place of [`failure`]. Over a connector of
    /// [`client`](crate::client), which knows more:
    /// `move |error| connector.find(&*error).unwrap_or_else(|| failure(error))`.
    #[must_use]
    pub fn classifying<G: Fn(BoxError) -> Failure>(self, classify: G) -> ChannelLayer<G> {
        ChannelLayer {
            respond: self.respond,
            client: self.client.classifying(classify),
        }
    }

    /// The single layers, to look at and to turn.
    pub const fn parts(&self) -> &Parts {
        self.client.parts()
    }
}

impl<S, F: Clone> Layer<S> for ChannelLayer<F> {
    type Service = Wrapped<S, F>;

    fn layer(&self, channel: S) -> Wrapped<S, F> {
        self.respond.layer(self.client.layer(Rebody { inner: channel }))
    }
}

/// Gives bodies that may be sent again the type that a channel takes.
#[derive(Clone, Debug)]
pub struct Rebody<S> {
    inner: S,
}

impl<S, B> Service<Request<ClientBody<Body>>> for Rebody<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ClientBody<Body>>) -> S::Future {
        self.inner.call(request.map(Body::new))
    }
}

/// The failure that an error of tonic means, be it of a `Channel` or of a service.
///
/// A timeout of tonic's own is [`Reason::DeadlineExceeded`]. What could not be connected was provably not processed. A `Status` keeps
/// its code as far as a reason has it.
pub fn failure(error: BoxError) -> Failure {
    if let Some(failure) = Failure::find(&*error) {
        return failure.clone();
    }
    if find_cause::<TimeoutExpired>(&*error).is_some() {
        let failure = Failure::new(Reason::DeadlineExceeded).with_detail("tonic's timeout expired");
        return failure.with_source(error);
    }
    if let Some(unconnected) = find_cause::<ConnectError>(&*error) {
        return not_connected(unconnected).with_source(error);
    }
    match Status::try_from_error(error) {
        Ok(status) => Failure::new(reason(status.code()))
            .with_detail(status.message())
            .with_source(status),
        Err(error) => Failure::from_error(error),
    }
}

fn not_connected(error: &ConnectError) -> Failure {
    let failure = match find_cause::<io::Error>(error) {
        Some(error) => os::connect_failure(error),
        None => Failure::new(Reason::DnsError),
    };
    failure.with_unprocessed(true).with_detail(error)
}

fn reason(code: Code) -> Reason {
    match code {
        Code::Cancelled => Reason::StreamReset,
        Code::DeadlineExceeded => Reason::DeadlineExceeded,
        Code::ResourceExhausted => Reason::PeerOverloaded,
        Code::Unavailable => Reason::ClosedBeforeResponse,
        Code::PermissionDenied | Code::Unauthenticated => Reason::Denied,
        _ => Reason::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: impl Into<BoxError>) -> (Reason, bool) {
        let failure = failure(error.into());
        (failure.reason(), failure.unprocessed())
    }

    #[test]
    fn a_timeout_of_tonics_own_is_no_cancellation() {
        assert_eq!(of(TimeoutExpired(())), (Reason::DeadlineExceeded, false));
        assert_eq!(
            of(io::Error::other(TimeoutExpired(()))),
            (Reason::DeadlineExceeded, false)
        );
    }

    #[test]
    fn what_was_never_connected_was_not_processed() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(
            of(ConnectError(refused.into())),
            (Reason::ConnectionRefused, true)
        );
        assert_eq!(of(ConnectError("no such name".into())), (Reason::DnsError, true));
    }

    #[test]
    fn a_failure_of_ours_comes_out_of_what_tonic_has_wrapped_it_in() {
        let ours = Failure::new(Reason::CertificateExpired);
        assert_eq!(of(ConnectError(ours.into())), (Reason::CertificateExpired, true));
    }

    #[test]
    fn a_status_keeps_its_code_where_a_reason_has_it() {
        for (code, kept) in [
            (Code::Cancelled, Reason::StreamReset),
            (Code::DeadlineExceeded, Reason::DeadlineExceeded),
            (Code::Unavailable, Reason::ClosedBeforeResponse),
            (Code::ResourceExhausted, Reason::PeerOverloaded),
            (Code::DataLoss, Reason::Internal),
        ] {
            assert_eq!(of(Status::new(code, "")), (kept, false), "{code:?}");
        }
        assert_eq!(of("anything else"), (Reason::Internal, false));
    }
}
