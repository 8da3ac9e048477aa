mod layer;
mod overload;
mod well;

use proptest::prelude::*;

use super::*;
use crate::random::share;

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// An app that serves each request on its own, however many there are, or one after the other.
struct App {
    limit: ServerLimit,
    now: f64,
    /// When each will be over.
    out: Vec<(f64, Begun)>,
    free_at: f64,
    refused: u32,
    random: u64,
}

impl App {
    fn new() -> Self {
        Self {
            limit: ServerLimit::new(),
            now: 100.0,
            out: Vec::new(),
            free_at: 0.0,
            refused: 0,
            random: 7,
        }
    }

    fn random(&mut self) -> f64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        share(self.random)
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.random()).ln()
    }

    /// Lets requests come at `rate` a second for so many seconds; returns how many were refused.
    fn load(&mut self, rate: f64, seconds: f64, over_at: impl Fn(&mut Self) -> f64) -> u32 {
        let (end, before) = (self.now + seconds, self.refused);
        while self.now < end {
            self.now += self.exponential(1.0 / rate);
            self.finish();
            let in_flight = self.out.len();
            match self.limit.admit(secs(self.now), in_flight) {
                Some(begun) => {
                    let over = over_at(self);
                    self.out.push((over, begun));
                }
                None => self.refused += 1,
            }
        }
        self.refused - before
    }

    fn finish(&mut self) {
        self.out.sort_by(|a, b| b.0.total_cmp(&a.0));
        while let Some((over, begun)) = self.out.pop_if(|next| next.0 <= self.now) {
            self.limit.finished(begun, secs(over));
        }
    }

    /// Every request on its own.
    fn alone(mean: f64) -> impl Fn(&mut Self) -> f64 {
        move |app| app.now + app.exponential(mean)
    }

    /// One after the other, `rate` of them a second.
    fn queued(rate: f64) -> impl Fn(&mut Self) -> f64 {
        move |app| {
            app.free_at = app.free_at.max(app.now) + app.exponential(1.0 / rate);
            app.free_at
        }
    }
}

#[test]
fn nothing_binds_before_it_has_learned() {
    let limit = ServerLimit::new();
    limit.restarted(secs(1.0));
    assert!(limit.admit(secs(1.0), 1_000_000).is_some());
    let client = ClientLimit::new();
    (0..100).for_each(|_| ask(&client, 1.0, 0.01, Outcome::Failed, 1));
    assert!(client.admit(secs(2.0), 1_000_000).is_some());
}

/// One request of a client from `at` on, over after `latency` while `in_flight` are.
fn ask(client: &ClientLimit, at: f64, latency: f64, outcome: Outcome, in_flight: usize) {
    if let Some(begun) = client.admit(secs(at), 0) {
        client.finished(begun, secs(at + latency), outcome, in_flight);
    }
}

fn learned() -> ClientLimit {
    let client = ClientLimit::new();
    (0..200).for_each(|n| ask(&client, 1.0 + 0.01 * f64::from(n), 0.01, Outcome::Served, 1));
    client
}

#[test]
fn a_lone_failure_is_nobodys_overload() {
    let client = learned();
    for n in 0..10_000 {
        let outcome = if n % 20 == 0 {
            Outcome::Failed
        } else {
            Outcome::Served
        };
        ask(&client, 5.0 + 0.01 * f64::from(n), 0.01, outcome, 50);
        assert_eq!(client.limit(), usize::MAX);
    }
}

#[test]
fn failures_cut_a_client_down_to_one_at_a_time_and_no_further() {
    let client = learned();
    (0..50).for_each(|_| ask(&client, 5.0, 0.01, Outcome::Failed, 100));
    assert_eq!(client.limit(), 1);
    assert!(client.admit(secs(6.0), 0).is_some() && client.admit(secs(6.0), 1).is_none());
}

#[test]
fn successes_give_back_what_is_used_and_half_a_minute_the_rest() {
    let client = learned();
    (0..50).for_each(|_| ask(&client, 5.0, 0.01, Outcome::Failed, 100));
    (0..100).for_each(|_| ask(&client, 6.0, 0.01, Outcome::Served, 0));
    assert_eq!(client.limit(), 1, "not used");
    for _ in 0..500 {
        ask(&client, 7.0, 0.01, Outcome::Served, client.limit());
    }
    assert!((28..36).contains(&client.limit()), "{}", client.limit());
    ask(&client, 36.0, 0.01, Outcome::Served, 1);
    assert_eq!(client.limit(), usize::MAX);
}

/// Requests of which each takes so long for each beside which it begins.
fn ask_beside(client: &ClientLimit, from: f64, latency: impl Fn(usize) -> f64) {
    for n in 0..400 {
        let (at, beside) = (from + 0.01 * n as f64, 5 + n % 20);
        if let Some(begun) = client.admit(secs(at), beside) {
            client.finished(begun, secs(at + latency(beside)), Outcome::Served, beside);
        }
    }
}

#[test]
fn a_queue_cuts_a_client() {
    let client = learned();
    ask_beside(&client, 10.0, |beside| 0.05 * beside as f64);
    assert!(client.limit() < 15, "{}", client.limit());
}

#[test]
fn an_upstream_that_became_slower_does_not() {
    let client = learned();
    for n in 0..20 {
        ask_beside(&client, 10.0 + 4.0 * f64::from(n), |_| 0.5);
        assert_eq!(client.limit(), usize::MAX);
    }
    assert!((0.3..0.6).contains(&client.usual().unwrap().as_secs_f64()));
}

proptest! {
    #[test]
    fn the_servers_limit_stays_between_seven_and_none(
        events in prop::collection::vec((0_u64..50, 0_u64..2000, 0_usize..2000, 0_u8..50), 1..2000),
    ) {
        let limit = ServerLimit::new();
        let mut now = secs(10.0);
        for (pause, latency, in_flight, what) in events {
            now += Duration::from_millis(pause);
            let begun = limit.admit(now, in_flight);
            now += Duration::from_millis(latency / 20);
            match (what, begun) {
                (0, _) => limit.restarted(now),
                (1, Some(begun)) => limit.abandoned(begun, now),
                (_, Some(begun)) => limit.finished(begun, now),
                (_, None) => {}
            }
            prop_assert!((7..=1000).contains(&limit.limit()) || limit.limit() == usize::MAX);
        }
    }

    #[test]
    fn a_client_may_always_ask_once(
        events in prop::collection::vec((0_u64..500, any::<bool>(), 0_u64..2000, 1_usize..100), 1..500),
    ) {
        let client = ClientLimit::new();
        let mut now = 10.0;
        for (pause, served, latency, in_flight) in events {
            now += pause as f64 / 1e3;
            let outcome = if served { Outcome::Served } else { Outcome::Failed };
            ask(&client, now, latency as f64 / 1e3, outcome, in_flight);
            prop_assert!(client.limit() >= 1);
        }
    }
}
