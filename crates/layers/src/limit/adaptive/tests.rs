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
fn a_slow_but_well_app_is_never_limited() {
    for (mean, rate) in [(2.0, 50.0), (0.3, 300.0), (10.0, 5.0)] {
        let mut app = App::new();
        assert_eq!(
            app.load(rate, 1200.0, App::alone(mean)),
            0,
            "{mean}: usual {:?}",
            app.limit.usual()
        );
        assert_eq!(app.limit.limit(), usize::MAX);
    }
}

#[test]
fn an_app_with_quick_and_very_slow_requests_is_never_limited() {
    let mut app = App::new();
    let mixed = |app: &mut App| {
        let slow = app.random() < 0.5;
        app.now + app.exponential(if slow { 3.0 } else { 0.005 })
    };
    assert_eq!(app.load(100.0, 1200.0, mixed), 0);
}

#[test]
fn a_burst_on_a_healthy_app_is_not_refused() {
    let mut app = App::new();
    app.load(20.0, 30.0, App::alone(0.02));
    assert_eq!(app.load(20_000.0, 0.5, App::alone(0.02)), 0);
}

#[test]
fn an_app_that_becomes_slower_is_measured_once_and_then_left_alone() {
    let mut app = App::new();
    app.load(500.0, 20.0, App::alone(0.005));
    let measuring = app.load(500.0, 60.0, App::alone(0.4));
    // Some seconds' worth, while it is eighty times slower than it was.
    assert!(measuring < 5000, "{measuring} of 30000");
    assert_eq!(app.load(500.0, 600.0, App::alone(0.4)), 0);
}

#[test]
fn a_queue_is_kept_short_and_the_app_busy() {
    let mut app = App::new();
    app.load(700.0, 15.0, App::queued(1000.0));
    app.load(3000.0, 5.0, App::queued(1000.0));
    let refused = app.load(3000.0, 20.0, |app| {
        let over = App::queued(1000.0)(app);
        assert!(over - app.now < 0.2, "waits {}", over - app.now);
        over
    });
    let served = 3000.0 * 20.0 - f64::from(refused);
    assert!((19_000.0..21_000.0).contains(&served), "{served}");
}

#[test]
fn a_queue_that_slows_down_is_not_taken_for_a_slow_app() {
    let mut app = App::new();
    app.load(700.0, 15.0, App::queued(1000.0));
    app.load(700.0, 60.0, App::queued(100.0));
    assert!(app.limit.limit() <= 60, "{}", app.limit.limit());
    assert!(app.limit.usual().unwrap() < secs(0.06), "{:?}", app.limit.usual());
}

/// What was let in while it was slow is what who comes first has to wait for when it is well again.
#[test]
fn hardly_more_than_ten_wait_in_a_queue_that_has_become_slow() {
    let mut app = App::new();
    app.load(800.0, 15.0, App::queued(1000.0));
    app.load(800.0, 5.0, App::queued(100.0));
    let mut above = 0;
    for _ in 0..200 {
        app.load(800.0, 0.1, App::queued(100.0));
        above += usize::from(app.limit.limit() > 12);
    }
    assert!(above < 20, "{above} of 200 times");
}

#[test]
fn half_a_minute_after_the_trouble_there_is_no_limit() {
    let mut app = App::new();
    app.load(700.0, 15.0, App::queued(1000.0));
    app.load(2000.0, 10.0, App::queued(1000.0));
    assert!(app.limit.limit() < 200);
    app.load(700.0, 40.0, App::queued(1000.0));
    assert_eq!(app.limit.limit(), usize::MAX);
}

#[test]
fn a_restarted_app_begins_at_ten_and_grows_to_what_it_can_do() {
    let mut app = App::new();
    app.load(700.0, 15.0, App::queued(1000.0));
    app.limit.restarted(secs(app.now));
    assert_eq!(app.limit.limit(), 10);
    app.load(2000.0, 3.0, App::queued(1000.0));
    assert!((25..150).contains(&app.limit.limit()), "{}", app.limit.limit());
}

#[test]
fn an_app_from_which_nothing_comes_is_found_out_at_once() {
    let mut app = App::new();
    app.load(700.0, 15.0, App::queued(1000.0));
    app.load(700.0, 0.4, |_| 1e9);
    assert!(app.out.len() < 200, "{}", app.out.len());
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

#[test]
fn a_standing_delay_cuts_a_client() {
    let client = learned();
    (0..400).for_each(|n| ask(&client, 10.0 + 0.01 * f64::from(n), 0.5, Outcome::Served, 20));
    assert!(client.limit() < 15, "{}", client.limit());
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
