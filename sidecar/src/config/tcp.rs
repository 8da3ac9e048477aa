//! What does not go together with `protocol = "tcp"`: settings for requests, of which raw TCP knows none.

use super::{Limit, Retry, Timeouts, Upstream, section::Section};

impl Section<'_> {
    /// Notes every setting for requests that an upstream of raw TCP was given.
    ///
    /// Values that are the defaults pass: the configuration in effect holds them, and must read back.
    pub(super) fn check_tcp(&self, upstream: &Upstream) {
        for (section, key) in for_requests(upstream) {
            self.clash_within(section, key, FOR_REQUESTS);
        }
        if upstream.retry != Retry::never() {
            self.clash("retry", FOR_REQUESTS);
        }
        if upstream.health.is_some() {
            self.clash("health", "probes are made over HTTP, and `protocol` is \"tcp\"");
        }
    }

    /// The same for what chooses among upstreams; and there must be a way to it.
    pub(super) fn check_tcp_route(&self, hosts: bool, paths: bool, listen: bool) {
        for key in [("hosts", hosts), ("paths", paths)]
            .into_iter()
            .filter_map(|(key, is_set)| is_set.then_some(key))
        {
            self.clash(key, FOR_REQUESTS);
        }
        if !listen {
            let why = "is missing; protocol = \"tcp\" needs a listener of its own: its bytes do not say where they go";
            self.clash("listen", why);
        }
    }
}

const FOR_REQUESTS: &str = "is for requests, and `protocol` is \"tcp\"";

/// The keys that are set and mean nothing without requests, each with its section.
fn for_requests(upstream: &Upstream) -> impl Iterator<Item = (&'static str, &'static str)> {
    let (timeout, limit) = (&upstream.timeout, &upstream.limit);
    let (usual_timeout, usual_limit) = (Timeouts::default(), Limit::default());
    let keys = [
        ("timeout", "head", timeout.head != usual_timeout.head),
        ("timeout", "attempt", timeout.attempt != usual_timeout.attempt),
        ("timeout", "total", timeout.total != usual_timeout.total),
        ("timeout", "idle", timeout.idle != usual_timeout.idle),
        ("limit", "in_flight", limit.in_flight != usual_limit.in_flight),
        ("limit", "queue", limit.queue != usual_limit.queue),
        ("limit", "queue_wait", limit.queue_wait != usual_limit.queue_wait),
        ("limit", "adaptive", limit.adaptive != usual_limit.adaptive),
        ("limit", "rate", limit.rate != usual_limit.rate),
        ("limit", "rate_per_caller", limit.rate_per_caller.is_some()),
    ];
    keys.into_iter()
        .filter_map(|(section, key, is_set)| is_set.then_some((section, key)))
}
