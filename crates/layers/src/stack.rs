//! All layers of a service from one [`Config`], in the order that is right for them.
//!
//! [`ServerLayer`] goes around an app of one's own, [`ClientLayer`] around a client of others; [`Parts`] makes the single layers,
//! for who has an order of their own: the sidecar is built from them. What a configuration asks for and cannot have is a
//! [`ConfigError`] when it is made; nothing panics for it later.
//!
//! Both leave out what knows your names: put [`observe`](crate::observe) above them for metrics and an access log, and
//! [`hop`](crate::hop) if requests are passed on.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//! use http::{Request, Response, StatusCode};
//! # use bytes::Bytes;
//! # use http_body_util::Empty;
//! use outrigger_layers::stack::{Config, ServerBody, ServerLayer, Timeouts};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), outrigger_layers::stack::ConfigError> {
//! let config = Config {
//!     timeout: Timeouts { total: Some(Duration::from_secs(2)), ..Timeouts::default() },
//!     ..Config::default()
//! };
//! let stack = ServerLayer::standard(&config)?;
//!
//! type Reply = Result<Response<Empty<Bytes>>, Infallible>;
//! let silent = service_fn(|_: Request<ServerBody<Empty<Bytes>>>| std::future::pending::<Reply>());
//! let response = stack.layer(silent).oneshot(Request::default()).await;
//! assert_eq!(response.map(|response| response.status()), Ok(StatusCode::GATEWAY_TIMEOUT));
//! # Ok(())
//! # }
//! ```

mod config;
mod parts;
#[cfg(test)]
mod tests;

use outrigger_gateway::Failure;
use tower::{ServiceBuilder, util::Either};
use tower_layer::Layer;

pub use self::{
    config::{Breaker, Config, ConfigError, Limit, Rate, Retry, Timeouts},
    parts::{Parts, Room},
};
use crate::{
    breaker::Breaking,
    classify::{BoxError, Classify, ClassifyLayer},
    deadline::WithDeadline,
    limit::{
        Limited,
        adaptive::{Adaptive, Upload},
    },
    maintenance::Maintenance,
    priority::{Apart, ApartLayer},
    rate,
    respond::{Respond, RespondLayer},
    retry, shed,
    timeout::Timeout,
};

/// What [`ServerLayer`] makes of a service. Its error is `Infallible`: every failure has become a response.
pub type Server<S> =
    Respond<Maintenance<WithDeadline<Rationed<Rated<Apart<shed::Shed<Limited<Adaptive<Classify<S>>>>>>>>>>;

/// What [`ClientLayer`] makes of a client. It fails with a [`Failure`].
pub type Client<S, F = fn(BoxError) -> Failure> = Maintenance<
    WithDeadline<Rated<shed::Shed<Limited<Adaptive<retry::Retry<Held<Attempted<Classify<S, F>>>>>>>>>,
>;

/// The body of a request that [`ServerLayer`] hands to an app.
pub type ServerBody<B> = Upload<B>;

/// The body of a request that [`ClientLayer`] hands to a client.
pub type ClientBody<B> = retry::Replay<Upload<B>>;

/// Where a rate may be configured.
pub type Rated<S> = Either<rate::Limited<S>, S>;

/// Where a breaker may be configured.
pub type Held<S> = Either<Breaking<S>, S>;

/// Where a rate for each caller may be configured.
pub type Rationed<S> = Either<rate::Rationed<S, rate::ByCaller>, S>;

/// Where a limit for each attempt may be configured.
pub type Attempted<S> = Either<Timeout<S>, S>;

/// The standard stack around an app of one's own: axum, a tonic server, any `tower::Service` over HTTP.
///
/// Requests that are [exempt](crate::priority::Priority::Exempt) are served whatever the others do; put
/// [`PriorityLayer`](crate::priority::PriorityLayer) above it to say which are.
/// It repeats nothing, since that is for callers to do: of [`Config`] it uses `maintenance`, `timeout.total` and `limit`
/// without `streams`. The app gets `Request<ServerBody<B>>`. Services of one layer and its clones share queue, places and
/// rate: the figures hold for the app.
#[derive(Clone, Debug)]
pub struct ServerLayer {
    respond: RespondLayer,
    parts: Parts,
    classify: ClassifyLayer,
}

impl ServerLayer {
    /// The layers that `config` asks for. Answers name no reasons beyond the one word, and no `Proxy-Status`.
    ///
    /// # Errors
    /// The first setting that cannot be obeyed.
    pub fn standard(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            respond: RespondLayer::origin(),
            parts: Parts::try_new(config)?.of_app(),
            classify: ClassifyLayer::default(),
        })
    }

    /// Answers in another voice: as a gateway, or with details.
    #[must_use]
    pub fn responding(self, respond: RespondLayer) -> Self {
        Self { respond, ..self }
    }

    /// Classifies errors of the app by this function.
    #[must_use]
    pub fn classifying(self, classify: fn(BoxError) -> Failure) -> Self {
        Self {
            classify: ClassifyLayer::by(classify),
            ..self
        }
    }

    /// The single layers, to look at and to turn.
    pub const fn parts(&self) -> &Parts {
        &self.parts
    }
}

impl<S: Clone> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, app: S) -> Server<S> {
        let parts = &self.parts;
        ServiceBuilder::new()
            // Above all that may fail: from here down a failure is a value, from here up it is a response.
            .layer(&self.respond)
            // By order, before anything is spent on the request.
            .layer(&parts.maintenance)
            // Above every queue: time spent waiting counts.
            .layer(&parts.deadline)
            // Who asks too often is told so, before it takes from what is there for all.
            .option_layer(parts.quota.clone())
            // What comes too fast does not even wait.
            .option_layer(parts.rate.clone())
            // Waiting for a place is bounded in number and time; beyond it the caller is told no at once. A place is held until
            // the response's body has ended. What is let in has its turn measured: where a queue stands in the app, the next is
            // told no, and waits nowhere. What is exempt has places of its own.
            .layer(ApartLayer::new(parts.requests.layers(), parts.exempt.layers()))
            // The app's own errors get a name where they enter.
            .layer(self.classify)
            .service(app)
    }
}

/// The standard stack around a client of others: a hyper client, a tonic `Channel`, any `tower::Service` over HTTP.
///
/// One for each upstream. Of [`Config`] it uses all but `limit.streams` and the timeouts of connections. Services of one
/// layer and its clones share queue, places, rate, retry budget
/// and breaker.
///
/// It hands the client `Request<ClientBody<B>>`: the body may be sent again. It fails with a [`Failure`]; where an
/// answer is wanted instead, put [`respond`](crate::respond) on top.
#[derive(Clone, Debug)]
pub struct ClientLayer<F = fn(BoxError) -> Failure> {
    parts: Parts,
    classify: ClassifyLayer<F>,
}

impl ClientLayer {
    /// The layers that `config` asks for.
    ///
    /// # Errors
    /// The first setting that cannot be obeyed.
    pub fn standard(config: &Config) -> Result<Self, ConfigError> {
        Parts::try_new(config).map(Self::of_parts)
    }

    /// The same out of layers that were made before: [`Parts::of_upstream`] names the upstream.
    pub fn of_parts(parts: Parts) -> Self {
        Self {
            parts,
            classify: ClassifyLayer::default(),
        }
    }
}

impl<F> ClientLayer<F> {
    /// Classifies the client's errors by this function: what its reason's row in the [table](outrigger_gateway::table) says about
    /// repeats is then done.
    #[must_use]
    pub fn classifying<G: Fn(BoxError) -> Failure>(self, classify: G) -> ClientLayer<G> {
        ClientLayer {
            parts: self.parts,
            classify: ClassifyLayer::by(classify),
        }
    }

    /// The single layers, to look at and to turn.
    pub const fn parts(&self) -> &Parts {
        &self.parts
    }
}

impl<S, F: Clone> Layer<S> for ClientLayer<F> {
    type Service = Client<S, F>;

    fn layer(&self, client: S) -> Client<S, F> {
        let parts = &self.parts;
        ServiceBuilder::new()
            // By order, before anything is spent on the request.
            .layer(&parts.maintenance)
            // Above every queue and every repeat: the time of all attempts counts, and the waits between them.
            .layer(&parts.deadline)
            // What comes too fast does not even wait.
            .option_layer(parts.rate.clone())
            // Waiting for a place is bounded in number and time; beyond it nobody is asked.
            .layer(&parts.requests.shed)
            // A place is held until the response's body has ended.
            .layer(&parts.requests.limit)
            // Below the queue: who waits for a place of ours says nothing of the upstream. Above retry: a request counts once.
            .layer(&parts.requests.adaptive)
            // In the place that the request has already; only what is safe to repeat, within what successes earned.
            .layer(&parts.retry)
            // Every attempt counts, one that took too long as well; what is held back is not repeated.
            .option_layer(parts.breaker.clone())
            // Of each attempt, so that a slow one leaves time for another.
            .option_layer(parts.attempt)
            // The client's own errors get a name where they enter.
            .layer(&self.classify)
            .service(client)
    }
}
