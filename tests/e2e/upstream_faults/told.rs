//! Whether a reply, the metrics and the log all tell what the table says.

use http::Response;
use hyper::body::Incoming;
use serde_json::Value;

use super::{
    Caller,
    row::{Body, Told, cut, told},
};
use crate::harness::{Metrics, Reply};

impl Told {
    /// What the caller gets otherwise, if anything.
    pub(super) async fn differs(&self, caller: Caller, response: Response<Incoming>) -> Option<String> {
        let reply = Reply::read(response).await;
        match caller {
            Caller::Grpc => self.differs_over_grpc(&reply),
            Caller::Http1 | Caller::Http2 => self.differs_over_http(&reply),
        }
    }

    fn differs_over_http(&self, reply: &Reply) -> Option<String> {
        if self.body == Body::CutOrOurs {
            let told = told(502, "http_response_incomplete", 14, self.reason).saying(self.words);
            let cut = cut(14, self.reason).differs_over_http(reply);
            return cut.and_then(|_| told.differs_over_http(reply));
        }
        let got = (
            reply.status.as_u16(),
            reply.error().unwrap_or_default(),
            body(reply),
        );
        let expected = (self.status, self.error.to_owned(), self.body);
        if got != expected {
            return Some(format!("expected {expected:?}, got {got:?}: {}", said(reply)));
        }
        if self.error.is_empty() {
            return self.is_padded(reply);
        }
        if reply.reason().as_deref() != Some(self.reason) {
            return Some(format!(
                "expected the reason {}, got {}",
                self.reason,
                said(reply)
            ));
        }
        let details = reply.details();
        (details.is_empty() || !details.contains(self.words))
            .then(|| format!("expected the words {:?}, got {details:?}", self.words))
    }

    fn differs_over_grpc(&self, reply: &Reply) -> Option<String> {
        let code = reply.trailer("grpc-status").parse::<u8>().ok();
        let message =
            outrigger_gateway::grpc::decode_message(&reply.trailer("grpc-message").parse().unwrap());
        let how = || format!("expected {self:?}, got {} {code:?} {message}", reply.status);
        if self.is_passed() {
            let as_is = reply.status == self.status && code == self.code && reply.cut.is_none();
            return (!as_is).then(how).or_else(|| self.is_padded(reply));
        }
        let as_told = reply.status == 200 && code == self.code && message.contains(self.reason);
        match self.body {
            // All in one head, no matter how many trailers there might be.
            Body::Whole if !as_told || !reply.trailers.is_empty() || reply.cut.is_some() => Some(how()),
            Body::Whole if reply.error().as_deref() != Some(self.error) => Some(how()),
            Body::Whole if !message.contains(self.words) => Some(how()),
            // Where trailers cannot be had any more, a reset is the only way to say it.
            Body::Cut | Body::CutOrOurs if !as_told && reply.cut.is_none() => Some(how()),
            _ => None,
        }
    }

    /// Nothing is ever added to what the upstream has sent.
    fn is_padded(&self, reply: &Reply) -> Option<String> {
        let fake = reply.text().contains("fake") || reply.text().contains("more than that");
        fake.then(|| format!("bytes after the response are taken for its own: {}", said(reply)))
    }

    /// Who speaks.
    fn by(&self) -> &'static str {
        if self.reason == "upstream_status" {
            "upstream"
        } else {
            "proxy"
        }
    }

    /// What the metric counts otherwise, if anything.
    pub(super) fn is_counted_otherwise(
        &self,
        caller: Caller,
        upstream: &str,
        metrics: &Metrics,
    ) -> Option<String> {
        if self.body == Body::CutOrOurs {
            let labels = [
                ("upstream", upstream),
                ("reason", self.reason),
                ("generated_by", "proxy"),
            ];
            let counted = metrics.sum("outrigger_requests_total", &labels);
            return (counted != 1.0).then(|| format!("{counted} are counted as {labels:?}"));
        }
        let status = match caller {
            Caller::Grpc if !self.is_passed() => 200,
            _ => self.status,
        };
        let status = status.to_string();
        let labels = [
            ("direction", "outbound"),
            ("upstream", upstream),
            ("status", &*status),
            ("reason", self.reason),
            ("generated_by", self.by()),
        ];
        let (exactly, all) = (
            metrics.sum("outrigger_requests_total", &labels),
            metrics.sum("outrigger_requests_total", &[("upstream", upstream)]),
        );
        ((exactly, all) != (1.0, 1.0)).then(|| format!("{exactly} of {all} are counted as {labels:?}"))
    }

    /// What the access log says otherwise, if anything; the lines of the upstream are given.
    pub(super) fn is_logged_otherwise(&self, lines: &[&Value]) -> Option<String> {
        if self.reason == "upstream_status" && self.status < 500 {
            return None;
        }
        let [line] = lines else {
            return Some(format!("{} lines are logged", lines.len()));
        };
        let told = line["reason"] == self.reason
            && line["generated_by"] == self.by()
            && line["detail"].as_str().unwrap_or_default().contains(self.words);
        (!told).then(|| format!("expected {self:?}, logged {line}"))
    }
}

fn body(reply: &Reply) -> Body {
    if reply.cut.is_some() {
        Body::Cut
    } else {
        Body::Whole
    }
}

fn said(reply: &Reply) -> String {
    reply.text().chars().take(400).collect()
}
