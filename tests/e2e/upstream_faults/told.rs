//! Whether a reply, the metrics and the log all tell what the table says.

use outrigger_faults::Fault;

use super::table::{Ending, Told};
use crate::harness::{Reply, Sidecar, eventually};

impl Told {
    /// What the reply says otherwise, if anything.
    pub(super) fn differs(&self, reply: &Reply) -> Option<String> {
        let got = (
            reply.status.as_u16(),
            reply.error().unwrap_or_default(),
            ending(reply),
        );
        let expected = (self.status, self.error.to_owned(), self.ending);
        if got != expected {
            return Some(format!("expected {expected:?}, got {got:?}: {}", reply.text()));
        }
        if !self.error.is_empty() && reply.reason().as_deref() != Some(self.reason) {
            return Some(format!(
                "expected the reason {}, got {}",
                self.reason,
                reply.text()
            ));
        }
        if !self.error.is_empty() && reply.details().is_empty() {
            return Some("nothing is said about it".to_owned());
        }
        None
    }

    /// The metric and, for failures, the access line say the same.
    pub(super) async fn is_counted(&self, sidecar: &Sidecar, row: usize, fault: Fault) {
        let by = if self.reason == "upstream_status" {
            "upstream"
        } else {
            "proxy"
        };
        let (upstream, status) = (format!("row-{row}"), self.status.to_string());
        let labels = [
            ("direction", "outbound"),
            ("upstream", &*upstream),
            ("status", &*status),
            ("reason", self.reason),
            ("generated_by", by),
        ];
        eventually(&format!("{fault:?} counted as {labels:?}"), async || {
            let metrics = sidecar.metrics().await;
            (metrics.sum("outrigger_requests_total", &labels) == 1.0).then_some(())
        })
        .await;
        if self.status < 500 && self.reason == "upstream_status" {
            return;
        }
        let line = sidecar.access_line(|line| line["upstream"] == *upstream).await;
        assert_eq!(line["reason"], self.reason, "{fault:?}: {line}");
        assert_eq!(line["status"], self.status, "{fault:?}: {line}");
        assert_eq!(line["generated_by"], by, "{fault:?}: {line}");
    }
}

fn ending(reply: &Reply) -> Ending {
    if reply.cut.is_some() {
        Ending::Cut
    } else {
        Ending::Whole
    }
}
