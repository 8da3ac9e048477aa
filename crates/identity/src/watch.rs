//! One log line as a certificate enters a stage on its way to expiry.
//!
//! Works on the certificates that are served, not on files. [`run`](Watch::run) waits for each stage and tells of it; who has a
//! clock of its own asks [`entered`](Watch::entered) at [`next_change`](Watch::next_change), and after an hour at the latest, since
//! wall clocks are set. A stage that was passed between two calls is not told any more.

use std::{collections::HashMap, convert::Infallible, time::Duration};

use crate::{
    Certificate, Role,
    expiry::{self, Stage},
    words,
};

/// It looks at least this often: a clock that is set changes what time it is.
const LONGEST: Duration = Duration::from_secs(60);

/// Remembers the stage of each certificate.
#[derive(Debug, Default)]
pub struct Watch {
    certificates: Vec<Certificate>,
    /// By hash, so that a reload which brings the same certificate again is no news.
    stages: HashMap<String, Stage>,
}

impl Watch {
    /// Watches these certificates; none of them was told yet.
    pub fn new(certificates: &[Certificate]) -> Self {
        let mut watch = Self::default();
        watch.replace(certificates);
        watch
    }

    /// Watches these instead.
    pub fn replace(&mut self, certificates: &[Certificate]) {
        self.certificates = certificates.to_vec();
        let served = |hash: &String| certificates.iter().any(|certificate| certificate.sha256 == *hash);
        self.stages.retain(|hash, _| served(hash));
    }

    /// Those that entered another stage since the last call; a fresh one is no news.
    pub fn entered(&mut self, now: i64) -> Vec<(&Certificate, Stage)> {
        let mut entered = Vec::new();
        for certificate in &self.certificates {
            let stage = expiry::stage(certificate.not_before, certificate.not_after, now);
            let before = self.stages.insert(certificate.sha256.clone(), stage);
            if before != Some(stage) && stage != Stage::Fresh {
                entered.push((certificate, stage));
            }
        }
        entered
    }

    /// Waits for as long as it is polled, and raises `alarm` as a certificate enters another stage, by the system's clock; at once
    /// for each that is not fresh. [`log_stage`] writes a line of it.
    pub async fn run(mut self, mut alarm: impl FnMut(&Certificate, Stage)) -> Infallible {
        loop {
            for (certificate, stage) in self.entered(expiry::now()) {
                alarm(certificate, stage);
            }
            let until = |change: i64| u64::try_from(change.saturating_sub(expiry::now())).unwrap_or(0);
            let wait = self
                .next_change(expiry::now())
                .map_or(LONGEST, |change| Duration::from_secs(until(change)));
            tokio::time::sleep(wait.clamp(Duration::from_secs(1), LONGEST)).await;
        }
    }

    /// The first second after `now` at which a certificate enters another stage; `None` if all have expired.
    pub fn next_change(&self, now: i64) -> Option<i64> {
        let changes = self.certificates.iter().filter_map(|certificate| {
            expiry::next_change(certificate.not_before, certificate.not_after, now)
        });
        changes.min()
    }
}

/// Logs that a certificate is in this stage: the alarm that needs nothing beside a log.
///
/// Errors are what breaks handshakes now or within the last fiftieth of a life; the rest can wait for a look.
pub fn log_stage(certificate: &Certificate, stage: Stage) {
    let now = expiry::now();
    macro_rules! event {
        ($macro:ident) => {
            tracing::$macro!(
                role = certificate.role.label(),
                stage = stage.label(),
                subject = certificate.full_label(),
                serial = certificate.serial,
                not_before = words::date(certificate.not_before),
                not_after = words::date(certificate.not_after),
                "{}",
                message(certificate, stage, now),
            )
        };
    }
    match stage {
        Stage::Fresh | Stage::Refresh => event!(info),
        Stage::Warn => event!(warn),
        Stage::NotYetValid | Stage::Critical | Stage::Expired => event!(error),
    }
}

fn message(certificate: &Certificate, stage: Stage, now: i64) -> String {
    let what = match certificate.role {
        Role::Own => "our certificate",
        Role::Intermediate => "an intermediate of our certificate",
        Role::Anchor => "an authority of the trust bundle",
        Role::Peer => "a peer's certificate",
    };
    let left = words::span(certificate.not_after.saturating_sub(now));
    match stage {
        Stage::NotYetValid => {
            let wait = words::span(certificate.not_before.saturating_sub(now));
            format!("{what} is valid only in {wait}; is a clock wrong?")
        }
        Stage::Fresh => format!("{what} is valid for {left}"),
        Stage::Refresh => format!("{what} expires in {left}; its renewal is due"),
        Stage::Warn => format!("{what} expires in {left}; its renewal is late"),
        Stage::Critical => format!("{what} expires in {left} and was not renewed; handshakes fail then"),
        Stage::Expired => format!("{what} expired {left} ago; handshakes fail"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn certificate(sha256: &str) -> Certificate {
        Certificate {
            sha256: sha256.into(),
            ..crate::certificate::tests::blank()
        }
    }

    fn stages(watch: &mut Watch, now: i64) -> Vec<Stage> {
        watch.entered(now).into_iter().map(|(_, stage)| stage).collect()
    }

    #[test]
    fn each_stage_is_told_once_as_it_is_entered() {
        let mut watch = Watch::new(&[certificate("a")]);
        let mut told = Vec::new();
        for now in 0..=HOUR + 10 {
            told.extend(stages(&mut watch, now));
        }
        assert_eq!(
            told,
            [Stage::Refresh, Stage::Warn, Stage::Critical, Stage::Expired]
        );
    }

    #[test]
    fn a_certificate_that_comes_late_is_told_in_its_present_stage_only() {
        let mut watch = Watch::new(&[certificate("a")]);

        assert_eq!(stages(&mut watch, HOUR - 1), [Stage::Critical]);
        assert_eq!(stages(&mut watch, HOUR - 1), []);
    }

    #[test]
    fn the_same_certificate_after_a_reload_is_no_news() {
        let mut watch = Watch::new(&[certificate("a")]);
        let _ = watch.entered(HOUR - 300);

        watch.replace(&[certificate("a"), certificate("b")]);
        assert_eq!(stages(&mut watch, HOUR - 300), [Stage::Warn], "the new one only");

        watch.replace(&[certificate("b")]);
        watch.replace(&[certificate("a")]);
        assert_eq!(
            stages(&mut watch, HOUR - 300),
            [Stage::Warn],
            "one that was gone is new"
        );
    }

    #[test]
    fn its_owner_knows_when_to_look_again() {
        let watch = Watch::new(&[certificate("a")]);

        assert_eq!(watch.next_change(0), Some(HOUR - 1200));
        assert_eq!(watch.next_change(HOUR), Some(HOUR + 1));
        assert_eq!(watch.next_change(HOUR + 1), None);
    }

    #[test]
    fn a_line_says_whose_certificate_it_is_and_what_is_left() {
        let own = certificate("a");

        assert_eq!(
            message(&own, Stage::Warn, HOUR - 300),
            "our certificate expires in 5 min; its renewal is late"
        );
        assert_eq!(
            message(&own, Stage::Expired, HOUR + 90),
            "our certificate expired 1 min 30 s ago; handshakes fail"
        );
    }
}
