//! What every layer promises, whatever it is for; each function in `readiness`, `passing`, `release` and
//! `threads` is one promise.
//!
//! A layer is held to all of them by one line in [`contract!`]. It is given room for [`ROOM`] requests at once, where
//! it bounds them, and no other reason to interfere. What each of them bounds, and on which side of it, is in `bounds`.
//! Time is tokio's and paused, save between threads; nothing here waits for real.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod below;
mod body;
mod bounds;
mod passing;
mod readiness;
mod release;
mod subject;
mod threads;

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Request};
use metrics::NoopRecorder;
use outrigger_layers::{
    breaker::{BreakerLayer, state},
    classify::ClassifyLayer,
    deadline::DeadlineLayer,
    hedge::Hedge,
    hop::{HopLayer, Name},
    limit::{LimitLayer, adaptive::AdaptiveLayer},
    maintenance::{MaintenanceLayer, Switch},
    observe::{Access, Direction, Metrics, ObserveLayer},
    priority::{ApartLayer, Priority, PriorityLayer},
    rate::{Quota, QuotaLayer, Rate, RateLayer},
    respond::{Details, RespondLayer},
    retry::{
        Config, RetryLayer,
        budget::Budget,
        policy::{IDEMPOTENCY_KEY, Policy, Retries},
    },
    shed::ShedLayer,
    stack::{self, ClientLayer, ServerLayer},
    throttle::{Throttle, ThrottleLayer},
    timeout::TimeoutLayer,
};
use tower::{ServiceBuilder, layer::util::Identity};

use self::{body::Scripted, subject::Subject};

/// So many requests may be in flight at once.
pub(crate) const ROOM: usize = 2;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(3600);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Makes a layer that nothing has passed yet.
pub(crate) type Make = fn() -> Subject;

/// Each promise, as a test of the layer that `$make` makes.
macro_rules! promises {
    ($make:expr; $($part:ident: $($promise:ident)*;)*) => {
        $($(
            #[tokio::test(start_paused = true)]
            async fn $promise() {
                crate::$part::$promise($make).await;
            }
        )*)*
    };
}

/// All promises of each layer.
macro_rules! contract {
    ($($name:ident: $layer:expr;)*) => {
        $(
            mod $name {
                use super::*;

                promises! { || Subject::new($layer);
                    readiness: what_is_not_ready_is_waited_for an_error_of_readiness_passes
                        a_clone_starts_without_readiness idle_clones_hold_nothing
                        readiness_that_is_not_used_is_given_back who_polled_last_is_woken who_waited_last_is_woken
                        polls_without_need_do_no_harm each_request_gets_its_own_answer;
                    passing: requests_pass answers_pass answers_pass_whatever_their_status failures_pass
                        bodies_that_break_do_so_above requests_that_break_do_so_below;
                    release: the_end_of_a_body_is_seen the_failure_of_a_body_is_seen failures_hold_nothing
                        dropped_at_any_point_it_leaves_nothing a_panic_leaves_nothing
                        a_panic_later_on_leaves_nothing who_leaves_a_line_holds_up_nobody;
                    threads: threads_lose_no_wake_up;
                }
            }
        )*
    };
}

contract! {
    // The suite itself: what holds of no layer at all.
    nothing: Identity::new();
    timeout: TimeoutLayer::new(LONG);
    deadline_of_none: DeadlineLayer::new(None);
    deadline: DeadlineLayer::new(Some(LONG));
    limit: LimitLayer::new(ROOM);
    shed: ShedLayer::new(ROOM, LONG);
    rate: RateLayer::new(Rate::try_new(1e9, u32::MAX).unwrap());
    adaptive_of_a_server: AdaptiveLayer::server();
    adaptive_of_a_client: AdaptiveLayer::client();
    adaptive_off: AdaptiveLayer::off();
    quota: QuotaLayer::new(
        Quota::try_new(1e9, u32::MAX).unwrap(),
        |_: &Request<Scripted>| Some("everyone"),
    );
    maintenance: MaintenanceLayer::new(Switch::new(false));
    breaker: BreakerLayer::new(state::Config::default());
    retry: retries();
    // What fails is held back by chance: by the number that is never reached.
    throttle: ThrottleLayer::with_random(Throttle::default(), || u64::MAX);
    hedge: ServiceBuilder::new()
        .map_request(repeatable as fn(_) -> _)
        .layer(RetryLayer::new(Config {
            hedge: Some(Hedge::after(Duration::from_millis(10))),
            ..earned(Policy::default())
        }));
    retry_of_one_attempt: retries_of(Policy { attempts: 1, ..Policy::default() });
    respond_in_an_origin: RespondLayer::origin();
    respond_at_a_gateway: RespondLayer::gateway("cart.shop", Details::Auto);
    hop: HopLayer::new(Name::try_new("cart.shop-in-7f3a").unwrap());
    observe: ObserveLayer::new(&metrics(), Access::Failures);
    classify: ClassifyLayer::default();
    priority: PriorityLayer::new(|_: &Request<Scripted>| Priority::Sheddable);
    apart: ApartLayer::new(LimitLayer::new(ROOM), LimitLayer::new(0));
    apart_for_the_exempt: ServiceBuilder::new()
        .layer(PriorityLayer::new(|_: &Request<Scripted>| Priority::Exempt))
        .layer(ApartLayer::new(LimitLayer::new(0), LimitLayer::new(ROOM)));
    shed_of_the_least: ServiceBuilder::new()
        .layer(PriorityLayer::new(|_: &Request<Scripted>| Priority::Sheddable))
        .layer(ShedLayer::new(ROOM, LONG));
    stack_of_a_server: ServerLayer::standard(&config()).unwrap();
    stack_of_a_client: ClientLayer::standard(&config()).unwrap();
    stack_of_a_gateway: ServiceBuilder::new()
        .layer(ObserveLayer::new(&metrics(), Access::Failures))
        .layer(RespondLayer::gateway("cart.shop", Details::Auto))
        .layer(HopLayer::new(Name::try_new("cart.shop-in-7f3a").unwrap()))
        .layer(ClientLayer::standard(&config()).unwrap());
}

/// Everything that the standard stacks have, and room.
fn config() -> stack::Config {
    let mut config = stack::Config::default();
    (config.timeout.total, config.timeout.attempt) = (Some(LONG), Some(LONG));
    (
        config.limit.in_flight,
        config.limit.queue,
        config.limit.queue_wait,
    ) = (ROOM, ROOM, LONG);
    // A success pays for a whole repeat.
    config.retry.budget = 1.0;
    // What fails on purpose here is not to be held back; the breaker is held to the contract by itself.
    config.breaker.failures = 0;
    config.limit.rate = Some(stack::Rate {
        requests: u32::MAX,
        per: Duration::from_secs(5),
    });
    config
}

/// Makes a request one that may be sent twice.
fn repeatable(mut request: Request<Scripted>) -> Request<Scripted> {
    let key = HeaderValue::from_static("4711");
    request.headers_mut().insert(IDEMPOTENCY_KEY, key);
    request
}

fn retries() -> RetryLayer {
    retries_of(Policy::default())
}

fn retries_of(policy: Policy) -> RetryLayer {
    RetryLayer::new(earned(policy))
}

/// A success pays for a whole repeat.
fn earned(policy: Policy) -> Config {
    Config::new(Retries::new(policy, Budget::try_new(1.0).unwrap()))
}

fn metrics() -> Metrics {
    Metrics::new(Arc::new(NoopRecorder), Direction::Inbound)
}
