//! How hard we are pressed, and when those we refuse should come back.
//!
//! Pure: knows no clock and no service; time is since an epoch of the caller's choice. The window for their return is
//! ten times the refused for each admitted, in seconds, both smoothed over two seconds, and clamped: so those who come
//! back add about a tenth of what is being admitted anyway, however many they are.

use std::time::Duration;

/// Time constant of the smoothing.
const MEMORY: Duration = Duration::from_secs(2);
const SECONDS_PER_RATIO: f64 = 10.0;
const SHORTEST: f64 = 2.0;
const LONGEST: f64 = 30.0;

/// Smoothed counts of what was refused and admitted.
#[derive(Clone, Debug, Default)]
pub struct Pressure {
    refused: f64,
    admitted: f64,
    /// All that had been admitted when we last looked, and when that was.
    seen: u64,
    at: Option<Duration>,
}

impl Pressure {
    /// Counts one refusal; `admitted` is everything let in so far.
    pub fn refuse(&mut self, now: Duration, admitted: u64) {
        let new = admitted.saturating_sub(self.seen) as f64;
        // Before the first refusal there is no telling over what time they came: take the longest that counts.
        let passed = self.at.map_or(MEMORY, |at| now.saturating_sub(at));
        let ages = passed.as_secs_f64() / MEMORY.as_secs_f64();
        let kept = (-ages).exp();
        // They came evenly over the time passed, so the older of them are half forgotten already.
        let fresh = if ages > 0.0 {
            new * (1.0 - kept) / ages
        } else {
            new
        };
        *self = Self {
            refused: self.refused * kept + 1.0,
            admitted: self.admitted * kept + fresh,
            seen: admitted.max(self.seen),
            at: Some(now),
        };
    }

    /// A whole number of seconds, at least one, drawn evenly from the window.
    pub fn retry_after(&self, random: u64) -> Duration {
        Duration::from_secs(1 + random % self.window())
    }

    /// Seconds over which the refused should spread their return.
    fn window(&self) -> u64 {
        let ratio = self.refused / self.admitted.max(1.0);
        (SECONDS_PER_RATIO * ratio).clamp(SHORTEST, LONGEST).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The window after `seconds` of steady load, per second.
    fn steady(refused: u32, admitted: u32, seconds: u32) -> u64 {
        let mut pressure = Pressure::default();
        let start = Duration::from_secs(100);
        for n in 0..refused * seconds {
            let passed = f64::from(n) / f64::from(refused);
            let admitted = (passed * f64::from(admitted)) as u64;
            pressure.refuse(start + Duration::from_secs_f64(passed), admitted);
        }
        pressure.window()
    }

    #[test]
    fn the_window_is_ten_seconds_for_each_refused_per_admitted() {
        assert_eq!(steady(100, 100, 10), 10);
        assert_eq!(steady(200, 100, 10), 20);
        assert_eq!(steady(50, 100, 10), 5);
    }

    #[test]
    fn a_few_refusals_spread_over_two_seconds_and_a_flood_over_thirty() {
        assert_eq!(steady(1, 1000, 10), 2);
        assert_eq!(steady(1000, 1, 10), 30);
    }

    #[test]
    fn what_is_long_past_is_forgotten() {
        let mut pressure = Pressure::default();
        let start = Duration::from_secs(100);
        (0..1000).for_each(|_| pressure.refuse(start, 0));
        assert_eq!(pressure.window(), 30);
        pressure.refuse(start + Duration::from_secs(60), 60_000);
        assert_eq!(pressure.window(), 2);
    }

    #[test]
    fn no_second_of_the_window_gets_a_crowd() {
        let mut pressure = Pressure::default();
        let start = Duration::from_secs(100);
        (0..100).for_each(|_| pressure.refuse(start, 100));
        let mut told = [0; 31];
        for _ in 0..10_000 {
            told[pressure.retry_after(crate::random::random()).as_secs() as usize] += 1;
        }
        let window = pressure.window() as usize;
        let fair = 10_000 / window;
        assert!(
            told[1..=window].iter().all(|n| (fair / 2..fair * 2).contains(n)),
            "{told:?}"
        );
    }

    proptest! {
        #[test]
        fn whatever_happens_one_to_thirty_whole_seconds_are_told(
            events in prop::collection::vec((0u64..100_000, any::<u64>(), any::<u64>()), 1..50),
        ) {
            let mut pressure = Pressure::default();
            let mut now = Duration::from_secs(100);
            for (pause, admitted, random) in events {
                now += Duration::from_millis(pause);
                pressure.refuse(now, admitted);
                let told = pressure.retry_after(random);
                prop_assert!((1..=30).contains(&told.as_secs()) && told.subsec_nanos() == 0);
            }
        }
    }
}
