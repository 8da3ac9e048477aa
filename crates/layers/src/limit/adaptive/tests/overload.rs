//! Apps that cannot do what is asked of them: their queue is kept short, and they are kept busy.

use super::*;

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
    app.load(700.0, 1.0, |_| 1e9);
    assert!(app.out.len() < 600, "{}", app.out.len());
}

/// So many workers, each of whom takes so long for one.
fn workers(count: usize, service: f64) -> impl FnMut(&mut App) -> f64 {
    let mut free = vec![0.0_f64; count];
    move |app| {
        let first = free.iter_mut().min_by(|a, b| a.total_cmp(b));
        let first = first.expect("there are workers");
        *first = first.max(app.now) + service;
        *first
    }
}

#[test]
fn four_workers_under_twice_their_load_stay_busy_and_answer_soon() {
    for load in [2.0, 4.0, 10.0] {
        let mut app = App::new();
        let over_at = std::cell::RefCell::new(workers(4, 0.01));
        app.load(200.0, 15.0, |app| over_at.borrow_mut()(app));
        assert_eq!(app.refused, 0);
        app.load(load * 400.0, 5.0, |app| over_at.borrow_mut()(app));
        let waits = std::cell::RefCell::new(Vec::new());
        let refused = app.load(load * 400.0, 20.0, |app| {
            let over = over_at.borrow_mut()(app);
            waits.borrow_mut().push(over - app.now);
            over
        });
        let mut waits = waits.into_inner();
        assert!(refused > 0);
        assert!(
            waits.len() as f64 >= 0.95 * 400.0 * 20.0,
            "{load}: {}",
            waits.len()
        );
        waits.sort_by(f64::total_cmp);
        let p99 = waits[waits.len() * 99 / 100];
        assert!(p99 < 0.15, "{load}: {p99}");
    }
}

#[test]
fn an_app_that_is_asked_too_much_from_its_first_request_on_is_found_out() {
    let mut app = App::new();
    app.load(300.0, 10.0, App::queued(100.0));
    app.load(300.0, 10.0, |app| {
        let over = App::queued(100.0)(app);
        assert!(over - app.now < 0.6, "waits {}", over - app.now);
        over
    });
}

/// Clients that each ask again as soon as they have their answer, or half a second after a refusal.
fn closed(app: &mut App, clients: usize, seconds: f64, rate: f64) -> Vec<f64> {
    let end = app.now + seconds;
    let mut asks: Vec<f64> = (0..clients).map(|n| app.now + 1e-4 * n as f64).collect();
    let mut waits = Vec::new();
    while app.now < end {
        asks.sort_by(|a, b| b.total_cmp(a));
        let Some(next) = asks.pop() else { break };
        app.now = next;
        app.finish();
        match app.limit.admit(secs(app.now), app.out.len()) {
            Some(begun) => {
                let over = App::queued(rate)(app);
                app.out.push((over, begun));
                waits.push(over - app.now);
                asks.push(over);
            }
            None => {
                app.refused += 1;
                asks.push(app.now + 0.5);
            }
        }
    }
    waits
}

#[test]
fn a_crowd_that_asks_again_and_again_is_thinned_out() {
    let mut app = App::new();
    closed(&mut app, 2, 15.0, 100.0);
    assert_eq!(app.refused, 0);
    closed(&mut app, 200, 15.0, 100.0);
    let waits = closed(&mut app, 200, 15.0, 100.0);
    let mean = waits.iter().sum::<f64>() / waits.len() as f64;
    assert!(mean < 0.3, "{mean}");
    assert!(waits.len() > 1350, "{}", waits.len());
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
