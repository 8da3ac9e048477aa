//! Gauges of the certificates that are served, computed at scrape.
//!
//! `outrigger_certificate_not_after_seconds` and `outrigger_certificate_expires_in_seconds`, labelled `role` and
//! `subject`. Not by serial number: a renewed certificate continues the series of the one before, and alarms end by
//! themselves. Of several with the same subject the first to expire counts. A series whose certificate is gone
//! becomes NaN, which no comparison matches.

use std::{collections::BTreeMap, fmt, sync::Arc};

use metrics::{Gauge, Key, KeyName, Label, Level, Metadata, Recorder, Unit};

use crate::{Certificate, Role};

const NOT_AFTER: &str = "outrigger_certificate_not_after_seconds";
const EXPIRES_IN: &str = "outrigger_certificate_expires_in_seconds";

/// The gauges of one recorder.
pub struct Gauges {
    recorder: Arc<dyn Recorder + Send + Sync>,
    bound: BTreeMap<Series, Pair>,
}

type Series = (Role, String);

struct Pair {
    not_after: Gauge,
    expires_in: Gauge,
}

impl Gauges {
    /// No series yet; describes them in `recorder`.
    pub fn new(recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        let describe = |name, what: &'static str| {
            recorder.describe_gauge(KeyName::from_const_str(name), Some(Unit::Seconds), what.into());
        };
        describe(
            NOT_AFTER,
            "The last second of a certificate's validity, since 1970.",
        );
        describe(
            EXPIRES_IN,
            "What is left of a certificate's validity; negative once it has expired.",
        );
        Self {
            recorder,
            bound: BTreeMap::new(),
        }
    }

    /// Sets the gauges to what holds at `now`, in seconds since 1970.
    pub fn record(&mut self, certificates: &[Certificate], now: i64) {
        let ends = ends(certificates);
        self.bound.retain(|series, pair| {
            let served = ends.contains_key(series);
            if !served {
                pair.set(f64::NAN, f64::NAN);
            }
            served
        });
        for (series, end) in ends {
            let recorder = &*self.recorder;
            let pair = self
                .bound
                .entry(series)
                .or_insert_with_key(|(role, subject)| Pair::bind(recorder, *role, subject));
            pair.set(as_gauge(end), as_gauge(end.saturating_sub(now)));
        }
    }
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges")
            .field("bound", &self.bound.keys())
            .finish_non_exhaustive()
    }
}

impl Pair {
    fn bind(recorder: &dyn Recorder, role: Role, subject: &str) -> Self {
        let labels = vec![
            Label::new("role", role.label()),
            Label::new("subject", subject.to_owned()),
        ];
        let gauge = |name: &'static str| {
            let metadata = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
            recorder.register_gauge(&Key::from_parts(name, labels.clone()), &metadata)
        };
        Self {
            not_after: gauge(NOT_AFTER),
            expires_in: gauge(EXPIRES_IN),
        }
    }

    fn set(&self, not_after: f64, expires_in: f64) {
        self.not_after.set(not_after);
        self.expires_in.set(expires_in);
    }
}

/// The first end of each series.
fn ends(certificates: &[Certificate]) -> BTreeMap<Series, i64> {
    let mut ends = BTreeMap::new();
    for certificate in certificates {
        let end = ends
            .entry((certificate.role, certificate.full_label()))
            .or_insert(certificate.not_after);
        *end = certificate.not_after.min(*end);
    }
    ends
}

/// Exact up to 2^53 seconds, which no certificate reaches (RFC 5280 §4.1.2.5: the year 9999).
#[expect(
    clippy::cast_precision_loss,
    reason = "seconds of dates before the year 9999 fit a double exactly"
)]
fn as_gauge(seconds: i64) -> f64 {
    seconds as f64
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Mutex, sync::atomic::AtomicU64, sync::atomic::Ordering};

    use metrics::{Counter, Histogram, SharedString};

    use super::*;

    /// Keeps gauges by name and labels.
    #[derive(Default)]
    struct Kept(Mutex<HashMap<String, Arc<AtomicU64>>>);

    impl Kept {
        fn value(&self, series: &str) -> f64 {
            f64::from_bits(self.0.lock().unwrap()[series].load(Ordering::Relaxed))
        }
    }

    impl Recorder for Kept {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            let labels: Vec<_> = key.labels().map(|label| label.value().to_owned()).collect();
            let series = format!("{}{{{}}}", key.name(), labels.join("|"));
            Gauge::from_arc(self.0.lock().unwrap().entry(series).or_default().clone())
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    fn certificate(role: Role, subject: &str, not_after: i64) -> Certificate {
        Certificate {
            role,
            subject: subject.into(),
            not_after,
            ..crate::certificate::tests::blank()
        }
    }

    #[test]
    fn a_gauge_tells_the_end_and_what_is_left() {
        let kept = Arc::new(Kept::default());
        let mut gauges = Gauges::new(kept.clone());
        gauges.record(&[certificate(Role::Own, "CN=a", 5000)], 6000);

        assert_eq!(
            kept.value("outrigger_certificate_not_after_seconds{own|CN=a}"),
            5000.0
        );
        assert_eq!(
            kept.value("outrigger_certificate_expires_in_seconds{own|CN=a}"),
            -1000.0
        );
    }

    #[test]
    fn a_renewed_certificate_continues_the_series() {
        let kept = Arc::new(Kept::default());
        let mut gauges = Gauges::new(kept.clone());
        gauges.record(&[certificate(Role::Own, "CN=a", 5000)], 4000);
        gauges.record(&[certificate(Role::Own, "CN=a", 9000)], 4000);

        assert_eq!(
            kept.value("outrigger_certificate_expires_in_seconds{own|CN=a}"),
            5000.0
        );
    }

    #[test]
    fn of_two_of_one_name_the_first_to_expire_counts() {
        let kept = Arc::new(Kept::default());
        let anchors = [
            certificate(Role::Anchor, "CN=ca", 9000),
            certificate(Role::Anchor, "CN=ca", 7000),
        ];
        Gauges::new(kept.clone()).record(&anchors, 0);

        assert_eq!(
            kept.value("outrigger_certificate_not_after_seconds{anchor|CN=ca}"),
            7000.0
        );
    }

    #[test]
    fn a_certificate_that_is_gone_alarms_nobody() {
        let kept = Arc::new(Kept::default());
        let mut gauges = Gauges::new(kept.clone());
        gauges.record(&[certificate(Role::Anchor, "CN=old", 10)], 0);
        gauges.record(&[], 20);

        assert!(
            kept.value("outrigger_certificate_expires_in_seconds{anchor|CN=old}")
                .is_nan()
        );
    }
}
