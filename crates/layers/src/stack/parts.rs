//! The single layers of a stack, made from one configuration.

use std::{sync::Arc, time::Duration};

use tower::layer::util::Stack;

use super::config::{self, Config, ConfigError};
use crate::{
    breaker::BreakerLayer,
    deadline::DeadlineLayer,
    hedge::Hedge,
    limit::{Limit, LimitLayer, adaptive::AdaptiveLayer},
    maintenance::{MaintenanceLayer, Switch},
    rate::{ByCaller, QuotaLayer, RateLayer},
    retry::{
        self, RetryLayer,
        backoff::Backoff,
        budget::Budget,
        policy::{Policy, Retries},
    },
    shed::{self, ShedLayer},
    timeout::TimeoutLayer,
};

const EXEMPT_PLACES: usize = 16;
const EXEMPT_QUEUE: usize = 64;
/// As long as a kubelet waits for an answer.
const EXEMPT_WAIT: Duration = Duration::from_secs(1);

/// The layers around one upstream, for who puts them together in an order of their own.
///
/// A clone shares what the layers share: switch, queue, places, budget.
#[derive(Clone, Debug)]
pub struct Parts {
    /// By order: 503.
    pub maintenance: MaintenanceLayer,
    /// [`Timeouts::total`](super::Timeouts::total).
    pub deadline: DeadlineLayer,
    /// [`Limit::rate`](super::Limit::rate), if there is one.
    pub rate: Option<RateLayer>,
    /// [`Limit::rate_per_caller`](super::Limit::rate_per_caller), if there is one.
    pub quota: Option<QuotaLayer<ByCaller>>,
    /// For requests that end.
    pub requests: Room,
    /// For upgrades, where they are told apart. A place that is taken for hours is not waited for.
    pub streams: Room,
    /// For health checks and others that are [exempt](crate::priority::Priority::Exempt). Few, since anyone may ask for
    /// health; a place is waited for, since the answer must not be ours.
    pub exempt: Room,
    /// [`Retry`](super::Retry).
    pub retry: RetryLayer,
    /// [`Breaker`](super::Breaker), if anything is ever held back. Where there are several endpoints, each needs one of its
    /// own: `outrigger-upstream` has that, and leaves this out.
    pub breaker: Option<BreakerLayer>,
    /// [`Timeouts::attempt`](super::Timeouts::attempt), if there is one.
    pub attempt: Option<TimeoutLayer>,
    name: Option<Arc<str>>,
}

/// How many may be in there at once, and how the others wait.
#[derive(Clone, Debug)]
pub struct Room {
    /// Bounds the waiting.
    pub shed: ShedLayer,
    /// Gives out the places.
    pub limit: LimitLayer,
    /// Refuses what could only queue behind it: [`Limit::adaptive`](super::Limit::adaptive).
    pub adaptive: AdaptiveLayer,
}

impl Parts {
    /// The layers that `config` asks for.
    ///
    /// # Errors
    /// The first setting that cannot be obeyed.
    pub fn try_new(config: &Config) -> Result<Self, ConfigError> {
        Self::build(config, None)
    }

    /// The same; sentences for operators call what is behind them by this name.
    ///
    /// # Errors
    /// The first setting that cannot be obeyed.
    pub fn of_upstream(config: &Config, name: &Arc<str>) -> Result<Self, ConfigError> {
        Self::build(config, Some(name))
    }

    /// Around an app of one's own, rather than around an upstream of others: the adaptive limit is the app's, and not one client's
    /// share of it.
    #[must_use]
    pub fn of_app(mut self) -> Self {
        let adaptive = &mut self.requests.adaptive;
        if adaptive.limit().is_some() {
            *adaptive = named(
                AdaptiveLayer::server(),
                self.name.as_ref(),
                AdaptiveLayer::of_upstream,
            );
        }
        self
    }

    fn build(config: &Config, name: Option<&Arc<str>>) -> Result<Self, ConfigError> {
        config.check()?;
        let Config { timeout, limit, .. } = config;
        let room = |places, queue, wait| Room::new(name.cloned(), places, queue, wait);
        let adaptive = match limit.adaptive {
            true => AdaptiveLayer::client(),
            false => AdaptiveLayer::off(),
        };
        let maintenance = MaintenanceLayer::new(Switch::new(config.maintenance));
        let rate = limit.rate.map(config::Rate::start).transpose()?;
        let quota = limit.rate_per_caller.map(config::Rate::start_each).transpose()?;
        Ok(Self {
            maintenance: named(maintenance, name, MaintenanceLayer::of_upstream),
            deadline: DeadlineLayer::new(timeout.total),
            rate: rate.map(|rate| match name {
                Some(name) => RateLayer::of_upstream(rate, name.clone()),
                None => RateLayer::new(rate),
            }),
            quota: quota.map(|quota| QuotaLayer::new(quota, ByCaller)),
            requests: Room {
                adaptive: named(adaptive, name, AdaptiveLayer::of_upstream),
                ..room(limit.in_flight, limit.queue, limit.queue_wait)
            },
            streams: room(limit.streams, 0, Duration::ZERO),
            exempt: room(EXEMPT_PLACES, EXEMPT_QUEUE, EXEMPT_WAIT),
            retry: retry(&config.retry),
            breaker: config
                .breaker
                .decision()
                .map(|decision| named(BreakerLayer::new(decision), name, BreakerLayer::of_upstream)),
            attempt: timeout.attempt.map(TimeoutLayer::new),
            name: name.cloned(),
        })
    }
}

/// The layer as `of_upstream` makes it, if there is a name.
fn named<L>(layer: L, name: Option<&Arc<str>>, of_upstream: fn(L, Arc<str>) -> L) -> L {
    match name {
        Some(name) => of_upstream(layer, name.clone()),
        None => layer,
    }
}

impl Room {
    fn new(upstream: Option<Arc<str>>, places: usize, queue: usize, wait: Duration) -> Self {
        let limit = Limit::new(places);
        let shed = ShedLayer::with_config(shed::Config {
            queue,
            wait,
            upstream,
            limit: Some(limit.clone()),
            ..shed::Config::default()
        });
        Self {
            shed,
            limit: LimitLayer::shared(limit),
            adaptive: AdaptiveLayer::off(),
        }
    }

    /// All of them, one above the other.
    pub(super) fn layers(&self) -> Stack<AdaptiveLayer, Stack<LimitLayer, ShedLayer>> {
        let places = Stack::new(self.limit.clone(), self.shed.clone());
        Stack::new(self.adaptive.clone(), places)
    }
}

fn retry(config: &config::Retry) -> RetryLayer {
    let policy = Policy {
        attempts: config.attempts,
        backoff: Backoff {
            base: config.base,
            cap: config.cap,
            ..Backoff::default()
        },
        ..Policy::default()
    };
    let budget = Budget::try_new(config.budget).expect("a checked budget is from 0 to 1");
    RetryLayer::new(retry::Config {
        replay_bytes: config.replay_bytes,
        hedge: config.hedge.map(Hedge::after),
        ..retry::Config::new(Retries::new(policy, budget))
    })
}
