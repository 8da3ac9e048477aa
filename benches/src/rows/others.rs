//! The layers of others, as a reader of their documentation would set them up.

use std::{
    fmt::Debug,
    future::{Ready, ready},
    sync::Arc,
};

use http::Response;
use tower::{
    Service, ServiceBuilder,
    hedge::Hedge,
    retry::{
        self, RetryLayer,
        budget::{Budget, TpsBudget},
    },
};
use tower_resilience_adaptive::{AdaptiveLimiterLayer, Aimd};
use tower_resilience_bulkhead::BulkheadLayer;
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, DefaultClassifier};
use tower_resilience_ratelimiter::RateLimiterLayer;
use tower_resilience_retry::{RetryBudgetBuilder, RetryLayer as ResilientRetryLayer};
use tower_resilience_timelimiter::{FixedTimeout, TimeLimiterLayer};

use super::{LONG, MANY, StatusCode};
use crate::app::{Answer, App, Question};

pub(super) fn timeout() -> tower_http::timeout::TimeoutLayer {
    tower_http::timeout::TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONG)
}

pub(super) fn time_limiter() -> TimeLimiterLayer<FixedTimeout> {
    TimeLimiterLayer::builder().timeout_duration(LONG).build()
}

pub(super) fn bulkhead() -> BulkheadLayer {
    let layer = BulkheadLayer::builder()
        .max_concurrent_calls(MANY)
        .max_wait_duration(LONG);
    layer.build().expect("a limit that can be")
}

pub(super) fn rate_limiter() -> RateLimiterLayer {
    let layer = RateLimiterLayer::builder()
        .limit_for_period(1 << 50)
        .refresh_period(LONG);
    layer.build().expect("a rate that can be")
}

pub(super) fn circuit_breaker() -> CircuitBreakerLayer<DefaultClassifier> {
    CircuitBreakerLayer::standard()
        .build()
        .expect("a breaker that can be")
}

pub(super) fn adaptive() -> AdaptiveLimiterLayer<Aimd> {
    let aimd = Aimd::builder()
        .initial_limit(MANY)
        .max_limit(MANY)
        .latency_threshold(LONG);
    AdaptiveLimiterLayer::new(aimd.build().expect("a limit that can be"))
}

/// Repeats what failed, twice at most, within the budget.
#[derive(Clone, Debug)]
pub(super) struct Twice {
    left: u32,
    budget: Arc<TpsBudget>,
}

impl<B, E> retry::Policy<Question, Response<B>, E> for Twice {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Question, result: &mut Result<Response<B>, E>) -> Option<Ready<()>> {
        if result.is_ok() {
            self.budget.deposit();
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        self.budget.withdraw().then(|| ready(()))
    }

    fn clone_request(&mut self, question: &Question) -> Option<Question> {
        Some(question.clone())
    }
}

pub(super) fn retry() -> RetryLayer<Twice> {
    RetryLayer::new(Twice {
        left: 2,
        budget: Arc::new(TpsBudget::default()),
    })
}

pub(super) fn resilient_retry<E>() -> ResilientRetryLayer<Question, Answer, E> {
    let budget = RetryBudgetBuilder::new()
        .token_bucket()
        .build()
        .expect("a budget that can be");
    ResilientRetryLayer::builder()
        .max_attempts(3)
        .exponential_backoff(LONG)
        .budget(budget)
        .build()
}

/// Hedges everything that takes long.
#[derive(Clone, Copy, Debug)]
pub(super) struct All;

impl tower::hedge::Policy<Question> for All {
    fn clone_request(&self, question: &Question) -> Option<Question> {
        Some(question.clone())
    }

    fn can_retry(&self, _: &Question) -> bool {
        true
    }
}

pub(super) fn hedge() -> Hedge<App, All> {
    Hedge::new::<Question>(App, All, 10, 0.95, LONG)
}

/// What bounds a server of theirs.
pub(super) fn resilient_server() -> impl Asked {
    ServiceBuilder::new()
        .layer(time_limiter())
        .layer(bulkhead())
        .service(App)
}

/// All that they have for a client.
pub(super) fn resilient_client() -> impl Asked {
    ServiceBuilder::new()
        .layer(time_limiter())
        .layer(bulkhead())
        .layer(resilient_retry())
        .layer(circuit_breaker())
        .service(App)
}

/// A service that a row can be made of.
pub(super) trait Asked: Service<Question, Response = Answer, Error: Debug> + Clone + 'static {}
impl<S: Service<Question, Response = Answer, Error: Debug> + Clone + 'static> Asked for S {}
