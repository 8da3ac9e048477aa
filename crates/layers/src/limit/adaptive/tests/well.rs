//! Apps that are well, in every way that looks like trouble: nobody is refused.

use super::*;

impl App {
    /// Always as long.
    fn constant(latency: f64) -> impl Fn(&mut Self) -> f64 {
        move |app| app.now + latency
    }

    /// So many at the same moment.
    fn burst(&mut self, size: usize, over_at: impl Fn(&mut Self) -> f64) {
        self.finish();
        for _ in 0..size {
            match self.limit.admit(secs(self.now), self.out.len()) {
                Some(begun) => {
                    let over = over_at(self);
                    self.out.push((over, begun));
                }
                None => self.refused += 1,
            }
        }
    }

    #[track_caller]
    fn was_never_limited(&self) {
        assert_eq!(self.refused, 0, "usual {:?}", self.limit.usual());
        assert_eq!(self.limit.limit(), usize::MAX);
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
fn an_app_that_a_deploy_made_ten_times_slower_is_never_limited() {
    for (rate, from, to) in [
        (100.0, 0.01, 0.1),
        (500.0, 0.005, 0.4),
        (50.0, 0.3, 3.0),
        (2000.0, 0.02, 0.2),
    ] {
        let mut app = App::new();
        app.load(rate, 30.0, App::alone(from));
        app.load(rate, 300.0, App::alone(to));
        app.was_never_limited();
        let mut app = App::new();
        app.load(rate, 30.0, App::constant(from));
        app.load(rate, 300.0, App::constant(to));
        app.was_never_limited();
    }
}

#[test]
fn an_app_that_becomes_slower_little_by_little_is_never_limited() {
    let mut app = App::new();
    for step in 0..200 {
        let latency = 0.01 * 1.03_f64.powi(step);
        app.load(300.0, 2.0, App::alone(latency));
    }
    app.was_never_limited();
}

#[test]
fn long_polling_is_never_limited() {
    let mut app = App::new();
    app.load(10.0, 600.0, App::constant(30.0));
    app.was_never_limited();
    // Beside quick requests, and when those have gone home.
    let mut app = App::new();
    let mixed = |app: &mut App| {
        let polls = app.random() < 0.05;
        app.now + if polls { 30.0 } else { 0.01 }
    };
    app.load(100.0, 120.0, mixed);
    app.load(5.0, 600.0, App::constant(30.0));
    app.load(100.0, 120.0, mixed);
    app.was_never_limited();
}

#[test]
fn one_request_a_minute_is_never_limited() {
    let mut app = App::new();
    for latency in [0.01, 2.0, 0.05, 20.0] {
        app.load(1.0 / 60.0, 7200.0, App::constant(latency));
    }
    app.was_never_limited();
}

#[test]
fn bursts_on_an_app_that_takes_them_all_at_once_are_never_limited() {
    let mut app = App::new();
    for n in 0..300 {
        app.burst(200, App::constant(0.1));
        app.load(if n % 2 == 0 { 5.0 } else { 500.0 }, 1.0, App::constant(0.1));
    }
    app.was_never_limited();
}

#[test]
fn bursts_of_what_is_slow_are_never_limited() {
    let mut app = App::new();
    for _ in 0..100 {
        app.load(100.0, 5.0, App::alone(0.01));
        app.burst(200, App::constant(2.0));
        app.load(100.0, 5.0, App::alone(0.01));
    }
    app.was_never_limited();
}

#[test]
fn an_app_that_collects_garbage_for_a_fifth_of_a_second_is_never_limited() {
    const PAUSE: f64 = 0.2;
    let paused = |now: f64| now % 10.0 < PAUSE;
    let resumes = |now: f64| now - now % 10.0 + PAUSE;
    for rate in [50.0, 700.0, 3000.0] {
        let mut app = App::new();
        app.load(rate, 120.0, |app| {
            let begins = if paused(app.now) {
                resumes(app.now)
            } else {
                app.now
            };
            begins + app.exponential(0.01)
        });
        app.was_never_limited();
    }
    // One thread, and a queue that has to be worked off.
    for rate in [300.0, 700.0] {
        let mut app = App::new();
        app.load(rate, 120.0, |app| {
            let begins = app.free_at.max(app.now);
            let begins = if paused(begins) { resumes(begins) } else { begins };
            app.free_at = begins + app.exponential(0.001);
            app.free_at
        });
        app.was_never_limited();
    }
}

#[test]
fn latencies_over_four_orders_of_magnitude_are_never_limited() {
    let mut app = App::new();
    let any = |app: &mut App| app.now + 0.001 * 10_f64.powf(4.0 * app.random());
    app.load(200.0, 600.0, any);
    app.was_never_limited();
}

#[test]
fn an_app_whose_load_grows_a_hundredfold_is_never_limited() {
    let mut app = App::new();
    for step in 0..100 {
        app.load(20.0 * f64::from(1 + step), 2.0, App::alone(0.2));
    }
    app.was_never_limited();
}
