//! The endpoints known at one moment, and which of them may be asked.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use outrigger_gateway::{Failure, Reason};
use outrigger_layers::breaker::{
    Breaker, Pass,
    state::{Config, Force, View},
};

use crate::endpoint::Endpoint;

/// The endpoints known at one moment.
#[derive(Debug, Default)]
pub struct Set {
    pub(crate) endpoints: Vec<Endpoint>,
    /// One for each of them, or none.
    breakers: Vec<Guard>,
    /// Why there is none, or not all.
    pub(crate) failure: Option<Failure>,
}

/// What holds one endpoint back.
#[derive(Clone, Debug)]
struct Guard {
    breaker: Breaker,
    /// Whether it was asked once more because nobody else was left, and has not served anything since.
    spent: Arc<AtomicBool>,
}

impl Guard {
    fn new(config: Config) -> Self {
        Self {
            breaker: Breaker::new(config),
            spent: Arc::default(),
        }
    }
}

/// An endpoint that may be asked.
#[derive(Debug)]
pub struct Choice<'a> {
    /// Its place among the endpoints.
    pub index: usize,
    /// Told what comes of it, if anyone wants to know.
    pub pass: Option<Pass<&'a Breaker>>,
}

impl Set {
    /// These endpoints; those that were there `before` keep their breakers.
    pub(super) fn new(
        endpoints: Vec<Endpoint>,
        failure: Option<Failure>,
        breakers: Option<Config>,
        before: &Self,
    ) -> Self {
        let breaker = |endpoint, config| {
            let mut known = before.endpoints.iter().zip(&before.breakers);
            let known = known.find(|(known, _)| *known == endpoint);
            known.map_or_else(|| Guard::new(config), |(_, guard)| guard.clone())
        };
        let breakers = breakers.map(|config| {
            endpoints
                .iter()
                .map(|endpoint| breaker(endpoint, config))
                .collect()
        });
        Self {
            endpoints,
            breakers: breakers.unwrap_or_default(),
            failure,
        }
    }

    /// The endpoints, whether they may be asked or not.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The endpoint at this place, if it may be asked now.
    pub fn admit(&self, index: usize) -> Option<Choice<'_>> {
        let pass = match self.breakers.get(index) {
            Some(guard) => Some(guard.breaker.admit().ok()?),
            None => None,
        };
        Some(Choice { index, pass })
    }

    /// The next in turn that may be asked, but for the one that was just tried.
    pub(crate) fn choose(&self, turns: &AtomicUsize, tried: Option<usize>) -> Option<Choice<'_>> {
        let count = self.endpoints.len();
        let first = turns.fetch_add(1, Relaxed);
        let indexes = (0..count).map(|turn| (turn, first.wrapping_add(turn) % count));
        let (turn, choice) = indexes
            .filter(|(_, index)| Some(*index) != tried)
            .find_map(|(turn, index)| Some((turn, self.admit(index)?)))?;
        if turn > 0 {
            // Or whoever comes behind one that is left out would be asked twice as often.
            turns.fetch_add(turn, Relaxed);
        }
        Some(choice)
    }

    /// An endpoint that was held back while others were well, now that none of them is left: it may be well again, and
    /// there was no outage that its load has to come back from bit by bit. Each is asked once more in this way, until it
    /// has served something; so a pool that is dead as a whole stays left alone.
    pub fn last_resort(&self, tried: Option<usize>) -> Option<Choice<'_>> {
        if self.endpoints.len() < 2 {
            return None;
        }
        let mut others = (0..self.breakers.len()).filter(|index| Some(*index) != tried);
        others.find_map(|index| {
            let Guard { breaker, spent } = &self.breakers[index];
            if matches!(breaker.look(), View::Closed | View::Forced(_)) || spent.swap(true, Relaxed) {
                return None;
            }
            breaker.release();
            self.admit(index)
        })
    }

    /// The endpoint at this place has served a request.
    pub fn served(&self, index: usize) {
        if let Some(guard) = self.breakers.get(index)
            // Almost never.
            && guard.spent.load(Relaxed)
            && guard.breaker.look() == View::Closed
        {
            guard.spent.store(false, Relaxed);
        }
    }

    pub(super) fn look(&self) -> Vec<(Endpoint, View)> {
        let look = |guard: &Guard| guard.breaker.look();
        let view = |index| self.breakers.get(index).map_or(View::Closed, look);
        let endpoints = self.endpoints.iter().enumerate();
        endpoints
            .map(|(index, endpoint)| (endpoint.clone(), view(index)))
            .collect()
    }

    /// What a request fails with if no endpoint may be asked: the cause that emptied the pool.
    pub fn refusal(&self) -> Failure {
        let breakers = self.breakers.iter().map(|guard| &guard.breaker);
        let held: Vec<_> = breakers.map(|breaker| (breaker, breaker.look())).collect();
        let ramps = |view: &View| {
            matches!(
                view,
                View::Closing { .. } | View::Closed | View::Forced(Force::Closed)
            )
        };
        let reason = match held.iter().any(|(_, view)| ramps(view)) {
            true => Reason::Overload,
            false => Reason::of_empty_pool(held.iter().map(|(_, view)| cause(view))),
        };
        let told = held.iter().position(|(_, view)| match reason {
            Reason::Overload => ramps(view),
            reason => Reason::of_empty_pool([cause(view)]) == reason,
        });
        let first_back = held.iter().min_by_key(|(_, view)| wait(view));
        let (Some(told), Some((first_back, view))) = (told, first_back) else {
            return Failure::new(Reason::NoEndpointUnusable).with_detail("there is no endpoint");
        };
        let failure = Failure::new(reason)
            .with_retry_after(first_back.refusal(*view).retry_after().unwrap_or_default());
        let (breaker, view) = &held[told];
        let (endpoint, sentence) = (&self.endpoints[told], breaker.sentence(*view));
        match held.len() {
            1 => failure
                .with_detail(format_args!("{endpoint} is {sentence}"))
                .at_endpoint(endpoint.label().clone()),
            count => failure.with_detail(format_args!(
                "none of {count} endpoints may be asked ({}): {endpoint} is {sentence}",
                counted(held.iter().map(|(_, view)| view)),
            )),
        }
    }
}

fn cause(view: &View) -> Reason {
    match view {
        View::Open { cause, .. } | View::HalfOpen { cause } | View::Closing { cause, .. } => *cause,
        // By order.
        View::Closed | View::Forced(_) => Reason::NoEndpointRefusing,
    }
}

/// How long until an endpoint may be asked again; nobody knows how long an order lasts.
fn wait(view: &View) -> Duration {
    match view {
        View::Open { wait, .. } => *wait,
        View::Forced(Force::Open) => Duration::MAX,
        View::Closed | View::HalfOpen { .. } | View::Closing { .. } | View::Forced(Force::Closed) => {
            Duration::ZERO
        }
    }
}

/// "2 held, 1 probing"
fn counted<'a>(views: impl Iterator<Item = &'a View>) -> String {
    let mut counts = View::STATES.map(|state| (state, 0));
    for view in views {
        let state = view.state();
        counts
            .iter_mut()
            .filter(|(name, _)| *name == state)
            .for_each(|(_, count)| *count += 1);
    }
    let mut text = String::new();
    for (state, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{count} {state}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::endpoint;

    fn set(count: u16) -> Set {
        let endpoints = (1..=count).map(endpoint).collect();
        Set::new(endpoints, None, Some(Config::default()), &Set::default())
    }

    fn fails(set: &Set, index: usize, reason: Reason) {
        for _ in 0..5 {
            let choice = set.admit(index).unwrap();
            choice.pass.unwrap().failed(&Failure::new(reason));
        }
    }

    fn turns(set: &Set, count: usize) -> Vec<usize> {
        let next = AtomicUsize::new(0);
        (0..count)
            .map(|_| set.choose(&next, None).unwrap().index)
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_behind_one_that_is_held_is_asked_as_often_as_all() {
        let set = set(4);
        assert_eq!(turns(&set, 6), [0, 1, 2, 3, 0, 1]);
        fails(&set, 1, Reason::ConnectionRefused);
        assert_eq!(turns(&set, 7), [0, 2, 3, 0, 2, 3, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_just_tried_is_not_chosen_again() {
        let set = set(2);
        let next = AtomicUsize::new(0);
        for _ in 0..3 {
            assert_eq!(set.choose(&next, Some(0)).unwrap().index, 1);
        }
        fails(&set, 1, Reason::ConnectionRefused);
        assert!(set.choose(&next, Some(0)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_held_back_while_others_were_well_is_asked_when_none_is_left() {
        let set = set(2);
        fails(&set, 0, Reason::ConnectionRefused);
        // The second refuses for the first time.
        let choice = set.last_resort(Some(1)).unwrap();
        assert_eq!(choice.index, 0);
        choice.pass.unwrap().succeeded();
        assert!(set.admit(0).is_some(), "all of the load is its own");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pool_that_is_dead_as_a_whole_is_left_alone_until_it_serves() {
        let set = set(2);
        (0..2).for_each(|index| fails(&set, index, Reason::ConnectionRefused));
        for index in 0..2 {
            assert_eq!(set.last_resort(None).unwrap().index, index);
            fails(&set, index, Reason::ConnectionRefused);
        }
        assert!(set.last_resort(None).is_none());

        // Nor is the ramp after a probe cut short.
        (0..100).for_each(|_| assert!(set.admit(0).is_none()));
        tokio::time::advance(Duration::from_secs(1)).await;
        set.admit(0).unwrap().pass.unwrap().succeeded();
        set.served(0);
        assert!(set.last_resort(None).is_none());
        tokio::time::advance(Duration::from_secs(3)).await;
        set.admit(0).unwrap().pass.unwrap().succeeded();
        set.served(0);
        fails(&set, 0, Reason::ConnectionRefused);
        assert_eq!(set.last_resort(None).unwrap().index, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_endpoint_alone_has_no_second_chance() {
        let set = set(1);
        fails(&set, 0, Reason::ConnectionRefused);
        assert!(set.last_resort(None).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_is_what_emptied_most_of_the_pool() {
        let set = set(3);
        fails(&set, 0, Reason::ConnectionRefused);
        fails(&set, 1, Reason::ResponseTimeout);
        fails(&set, 2, Reason::ConnectionTimeout);
        assert!(set.choose(&AtomicUsize::new(0), None).is_none());
        let failure = set.refusal();
        assert_eq!(failure.reason(), Reason::NoEndpointSilent);
        let detail = failure.detail().unwrap();
        assert!(
            detail.starts_with("none of 3 endpoints may be asked (3 held): 10.0.0.1:2 is held back for "),
            "{detail}"
        );
        let wait = failure.retry_after().unwrap();
        assert!(
            wait > Duration::from_millis(400) && wait < Duration::from_secs(4),
            "{wait:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_comes_back_makes_it_a_matter_of_load() {
        let set = set(2);
        fails(&set, 0, Reason::ConnectionRefused);
        fails(&set, 1, Reason::ConnectionRefused);
        (0..100).for_each(|_| assert!(set.admit(1).is_none()));
        tokio::time::advance(Duration::from_secs(1)).await;
        set.admit(1).unwrap().pass.unwrap().succeeded();
        let failure = set.refusal();
        assert_eq!(failure.reason(), Reason::Overload);
        let detail = failure.detail().unwrap();
        assert!(
            detail.contains("(1 returning, 1 held): 10.0.0.1:2 is well again, and given 5 % "),
            "{detail}"
        );
    }
}
