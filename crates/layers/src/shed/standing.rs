//! Whether a line of those who wait *stands*: it makes all of them late, and gets no more of them served.
//!
//! A line that a burst has made is gone soon, and whoever waits in it is served. But where everyone has waited for too
//! long for a while, more is asked than can be done. As long as that lasts, the line is served newest first and waited
//! in for short times only: those who came last are still waited for, and have the most of their time left.
//!
//! Too long is longer than requests take that have waited, and than 5 ms; twice that may be waited in a line that stands,
//! so that nobody is served later than three times as long as usual. A while is a tenth of a second, half of the wait
//! that is allowed, or what a request takes, whichever is the longest. A line stands until it is empty, or nobody has
//! waited too long in it for a while; so soon after, the first one who waits too long has it stand again. Nothing binds
//! before it is known what requests take.
//!
//! Pure: knows no clock and no service; time is since an epoch of the caller's choice. Source: CoDel (RFC 8289), as
//! folly's `Codel` has it for requests; adaptive LIFO as in "Fail at Scale" (ACM Queue 13/8).

use std::time::Duration;

/// The least that is taken for waiting.
const TARGET: Duration = Duration::from_millis(5);
/// The shortest while.
const INTERVAL: Duration = Duration::from_millis(100);
/// What one more request weighs in what is usual.
const WEIGHT: f64 = 1.0 / 16.0;

/// What is known of a line.
#[derive(Clone, Debug)]
pub struct Standing {
    patience: Duration,
    /// What requests take that have waited.
    usual: Option<Duration>,
    /// Since when everyone has waited too long.
    above: Option<Duration>,
    /// When someone last had, while it stood.
    stood: Option<Duration>,
    stands: bool,
}

impl Standing {
    /// A line in which one may wait for `patience` while all is well.
    pub const fn new(patience: Duration) -> Self {
        Self {
            patience,
            usual: None,
            above: None,
            stood: None,
            stands: false,
        }
    }

    /// A request that had waited was answered within `took` of being sent on.
    pub fn answered(&mut self, took: Duration) {
        self.usual = Some(match self.usual {
            Some(usual) => usual.mul_f64(1.0 - WEIGHT) + took.mul_f64(WEIGHT),
            None => took,
        });
    }

    /// Someone had waited for so long when it was let go, or gave up.
    pub fn waited(&mut self, now: Duration, waited: Duration) {
        if waited <= self.target() {
            self.above = None;
            return;
        }
        let since = *self.above.get_or_insert(now);
        let while_ago = now.saturating_sub(since) >= self.interval();
        if self.usual.is_some() && (while_ago || self.stood_lately(now)) {
            self.stands = true;
            self.stood = Some(now);
        }
    }

    /// Nobody waits any more.
    pub const fn emptied(&mut self) {
        self.above = None;
        self.stands = false;
    }

    /// Whether it stands.
    pub fn stands(&mut self, now: Duration) -> bool {
        if self.stands && !self.stood_lately(now) {
            self.emptied();
        }
        self.stands
    }

    /// How long one may wait.
    pub fn limit(&mut self, now: Duration) -> Duration {
        match self.stands(now) {
            true => self.patience.min(2 * self.target()),
            false => self.patience,
        }
    }

    fn stood_lately(&self, now: Duration) -> bool {
        self.stood
            .is_some_and(|stood| now.saturating_sub(stood) < self.interval())
    }

    fn target(&self) -> Duration {
        TARGET.max(self.usual.unwrap_or_default())
    }

    fn interval(&self) -> Duration {
        INTERVAL.max(self.patience / 2).max(self.target())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A line of which it is known that requests take this long.
    fn line(patience: Duration, usual: Duration) -> Standing {
        let mut line = Standing::new(patience);
        line.answered(usual);
        line
    }

    /// One that stands from a second on.
    fn standing() -> Standing {
        let mut line = line(ms(200), ms(20));
        line.waited(ms(900), ms(21));
        line.waited(ms(1000), ms(21));
        assert!(line.stands(ms(1000)));
        line
    }

    #[test]
    fn it_stands_once_everyone_has_waited_too_long_for_a_tenth_of_a_second() {
        let mut line = line(ms(200), ms(20));
        for at in 0..10 {
            line.waited(ms(1000 + 10 * at), ms(21));
            assert!(!line.stands(ms(1000 + 10 * at)), "{at}");
        }
        line.waited(ms(1100), ms(21));
        assert!(line.stands(ms(1100)));
        assert_eq!(line.limit(ms(1100)), ms(40));
    }

    #[test]
    fn one_who_hardly_waited_or_an_end_of_the_line_begins_it_anew() {
        let interrupts: [fn(&mut Standing, Duration); 2] =
            [|line, at| line.waited(at, ms(20)), |line, _| line.emptied()];
        for interrupt in interrupts {
            let mut line = line(ms(200), ms(20));
            line.waited(ms(1000), ms(50));
            interrupt(&mut line, ms(1050));
            line.waited(ms(1100), ms(50));
            line.waited(ms(1199), ms(50));
            assert!(!line.stands(ms(1199)));
            assert_eq!(line.limit(ms(1199)), ms(200));
            line.waited(ms(1200), ms(50));
            assert!(line.stands(ms(1200)));
        }
    }

    #[test]
    fn newest_first_most_hardly_wait_and_it_stands_until_nobody_has_waited_too_long_for_as_much_time() {
        let mut line = standing();
        line.waited(ms(1090), ms(0));
        line.waited(ms(1095), ms(40));
        line.waited(ms(1190), ms(0));
        assert!(line.stands(ms(1194)));
        assert!(!line.stands(ms(1195)));
        assert_eq!(line.limit(ms(1195)), ms(200));
    }

    #[test]
    fn it_stands_no_longer_when_it_is_empty_and_again_at_the_first_sign() {
        let mut line = standing();
        line.emptied();
        assert!(!line.stands(ms(1001)));
        line.waited(ms(1050), ms(20));
        assert!(!line.stands(ms(1050)));
        line.waited(ms(1099), ms(21));
        assert!(line.stands(ms(1099)));
        line.emptied();
        line.waited(ms(1199), ms(21));
        assert!(!line.stands(ms(1199)), "that was too long ago");
    }

    #[test]
    fn waiting_is_relative_to_what_requests_take_and_never_below_five_milliseconds() {
        let mut slow = line(ms(5000), ms(2000));
        slow.waited(ms(1000), ms(2001));
        slow.waited(ms(3499), ms(2001));
        assert!(!slow.stands(ms(3499)), "half of the wait has not passed");
        slow.waited(ms(3500), ms(2001));
        assert_eq!(slow.limit(ms(3500)), ms(4000));

        let mut quick = line(ms(200), ms(1));
        quick.waited(ms(1000), ms(5));
        quick.waited(ms(1100), ms(6));
        quick.waited(ms(1200), ms(6));
        assert_eq!(quick.limit(ms(1200)), ms(10));
    }

    #[test]
    fn nothing_binds_before_it_is_known_what_requests_take() {
        let mut line = Standing::new(ms(200));
        (0..1000).for_each(|n| line.waited(ms(n), ms(150)));
        assert_eq!(line.limit(ms(1000)), ms(200));
    }

    #[test]
    fn what_is_usual_follows() {
        let mut line = line(ms(200), ms(20));
        (0..200).for_each(|_| line.answered(ms(1000)));
        assert!(
            line.target() > ms(990) && line.target() <= ms(1000),
            "{:?}",
            line.target()
        );
    }

    proptest! {
        #[test]
        fn whatever_happens_nobody_may_wait_longer_than_allowed_nor_less_than_twice_what_requests_take(
            patience in 0_u64..3000,
            events in prop::collection::vec((0_u64..200, 0_u64..3000, prop::option::of(0_u64..5000)), 0..200),
        ) {
            let patience = ms(patience);
            let (mut line, mut now) = (Standing::new(patience), Duration::ZERO);
            for (pause, waited, took) in events {
                now += ms(pause);
                line.waited(now, ms(waited));
                if let Some(took) = took {
                    line.answered(ms(took));
                }
                let limit = line.limit(now);
                prop_assert!(limit <= patience);
                prop_assert!(limit == patience || limit >= 2 * TARGET.max(line.usual.unwrap()));
            }
        }

        #[test]
        fn it_never_begins_to_stand_where_one_in_each_interval_is_served_at_once(
            waits in prop::collection::vec(0_u64..250, 1..300),
        ) {
            let mut line = line(ms(200), ms(20));
            for (n, wait) in (0..).zip(waits) {
                let wait = if n % 10 == 0 { 0 } else { wait };
                line.waited(ms(10 * n), ms(wait));
                prop_assert!(!line.stands(ms(10 * n)));
            }
        }
    }
}
