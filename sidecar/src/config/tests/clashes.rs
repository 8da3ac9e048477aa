//! What is missing, and what does not go together, is told with its place.

use std::time::Duration;

use super::*;

#[test]
fn what_is_missing_is_told_where_it_should_stand() {
    assert_eq!(
        errors(""),
        ["1:1: neither [[inbound]] nor [outbound] is there: nothing to do"]
    );
    assert_eq!(errors("[outbound]\n"), ["1:1: outbound.upstream: is missing"]);
    assert_eq!(
        errors("inbound = []\n"),
        ["1:1: neither [[inbound]] nor [outbound] is there: nothing to do"]
    );
    assert_eq!(errors("\n[[inbound]]\n"), ["2:1: inbound[0].app: is missing"]);
    assert_eq!(
        errors(&format!("{MINIMAL}health = {{}}")),
        ["4:10: outbound.upstream[0].health.path: is missing"]
    );
    assert_eq!(
        errors(&format!("{MINIMAL}[identity]\ncert = \"c\"\n")),
        ["4:1: identity.key: is missing", "4:1: identity.trust: is missing",]
    );
}

#[test]
fn tls_needs_an_identity() {
    assert_eq!(
        in_upstream("tls = { mode = \"mutual\" }"),
        ["4:16: outbound.upstream[0].tls.mode: \"mutual\" needs [identity]"]
    );
    assert_eq!(
        errors("[[inbound]]\ntls = \"server\"\napp = { endpoints = [\"127.0.0.1:1\"] }\n"),
        ["2:7: inbound[0].tls: \"server\" needs [identity]"]
    );
}

#[test]
fn names_to_check_need_tls() {
    assert_eq!(
        in_upstream("tls = { server_name = \"a\", spiffe = [\"spiffe://shop/a\"] }"),
        [
            "4:23: outbound.upstream[0].tls.server_name: is checked over TLS only, and `mode` is \"off\"",
            "4:37: outbound.upstream[0].tls.spiffe: is checked over TLS only, and `mode` is \"off\"",
        ]
    );
    let inbound = "[[inbound]]\nallow = [\"spiffe://shop/a\"]\napp = { endpoints = [\"127.0.0.1:1\"] }\n";
    assert_eq!(
        errors(inbound),
        ["2:9: inbound[0].allow: is checked with tls = \"mutual\" only"]
    );
}

#[test]
fn pairs_must_be_in_order() {
    assert_eq!(
        errors(&format!("drain.grace = \"4s\"\n{MINIMAL}")),
        ["1:15: drain.grace: 4s is shorter than `delay` (5s)"]
    );
    assert_eq!(
        errors(&format!("drain.delay = \"30s\"\n{MINIMAL}")),
        ["1:15: drain.delay: 30s is longer than `grace` (25s)"]
    );
    assert_eq!(
        in_upstream("retry = { base = \"2s\", cap = \"1s\" }"),
        ["4:30: outbound.upstream[0].retry.cap: 1s is shorter than `base` (2s)"]
    );
    assert_eq!(
        in_upstream("breaker = { hold = \"9s\" }"),
        ["4:20: outbound.upstream[0].breaker.hold: 9s is longer than `hold_cap` (5s)"]
    );
    assert_eq!(
        in_upstream("health = { path = \"/\", timeout = \"6s\" }"),
        ["4:34: outbound.upstream[0].health.timeout: 6s is longer than `interval` (5s)"]
    );
}

#[test]
fn an_address_is_listened_at_once_only() {
    assert_eq!(
        errors(&format!("admin.listen = \"127.0.0.1:15001\"\n{MINIMAL}")),
        ["1:16: admin.listen: `127.0.0.1:15001` is taken by `outbound.listen`"]
    );
    assert_eq!(
        errors(&format!(
            "admin.listen = \"127.0.0.1:1\"\nprobe.listen = \"0.0.0.0:1\"\n{MINIMAL}"
        )),
        ["2:16: probe.listen: `0.0.0.0:1` is taken by `admin.listen`"]
    );
    let free = "admin.listen = \"127.0.0.1:0\"\nprobe.listen = \"127.0.0.1:0\"\n";
    assert!(
        parse(&format!("{free}{MINIMAL}")).is_ok(),
        "port 0 is another port every time"
    );
}

#[test]
fn names_of_upstreams_are_told_apart() {
    let other = "[[outbound.upstream]]\nname = \"a\"\nhosts = [\"b\"]\nendpoints = [\"127.0.0.1:2\"]\n";
    assert_eq!(
        errors(&format!("{MINIMAL}{other}")),
        ["5:8: outbound.upstream[1].name: `a` is taken by `outbound.upstream[0].name`"]
    );
}

#[test]
fn a_request_goes_to_one_upstream_only() {
    let other = "[[outbound.upstream]]\nname = \"b\"\nendpoints = [\"127.0.0.1:2\"]\n";
    assert_eq!(
        errors(&format!("{MINIMAL}{other}")),
        ["4:1: outbound.upstream[1].hosts: every request is taken by `outbound.upstream[0].hosts`"]
    );
    assert_eq!(
        errors(&format!(
            "{MINIMAL}hosts = [\"X.:80\", \"y\"]\n{other}hosts = [\"z\", \"x\"]\n"
        )),
        ["8:9: outbound.upstream[1].hosts: `x` is taken by `outbound.upstream[0].hosts`"]
    );
    let same_path =
        format!("{MINIMAL}hosts = [\"x\"]\npaths = [\"/a\"]\n{other}hosts = [\"x\"]\npaths = [\"/a/\"]\n");
    assert_eq!(
        errors(&same_path),
        ["9:9: outbound.upstream[1].hosts: `x` with `/a` is taken by `outbound.upstream[0].hosts`"]
    );
    assert!(
        parse(&same_path.replace("/a/", "/b")).is_ok(),
        "paths tell them apart"
    );
}

#[test]
fn who_waits_must_still_have_time_to_be_served() {
    assert_eq!(
        in_upstream("timeout.total = \"1s\"\nlimit.queue_wait = \"1s\""),
        [
            "5:20: outbound.upstream[0].limit.queue_wait: 1s leaves none of `timeout.total` (1s) to be served in"
        ]
    );
    assert_eq!(
        in_upstream("timeout.total = \"2s\"\nlimit = { queue = 21, rate = \"10/s\" }"),
        [
            "5:19: outbound.upstream[0].limit.queue: 21 requests take 2.1 s at `rate`, longer than `timeout.total` (2s)"
        ]
    );
    for fits in [
        "timeout.total = \"1s\"\nlimit.queue_wait = \"999ms\"",
        "timeout.total = \"1s\"\nlimit = { queue = 0, queue_wait = \"2s\" }",
        "timeout.total = \"2s\"\nlimit = { queue = 20, rate = \"10/s\" }",
        // The default is bounded by the wait.
        "timeout.total = \"2s\"\nlimit.rate = \"10/s\"",
    ] {
        config(&format!("{MINIMAL}{fits}\n"));
    }
}

#[test]
fn the_default_wait_is_half_of_the_time_for_the_whole_request() {
    let wait = |total: &str| {
        let config = config(&format!("{MINIMAL}timeout.total = \"{total}\"\n"));
        config.outbound.unwrap().upstreams[0].upstream.limit.queue_wait
    };
    assert_eq!(wait("300ms"), Duration::from_millis(150));
    assert_eq!(wait("10s"), Duration::from_millis(250));
}
