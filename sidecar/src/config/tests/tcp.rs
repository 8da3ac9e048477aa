//! Raw TCP, and listeners of an upstream's own.

use super::*;

const TCP: &str = "protocol = \"tcp\"\nlisten = \"127.0.0.1:5432\"\n";

#[test]
fn raw_tcp_needs_a_listener_of_its_own() {
    let why =
        "is missing; protocol = \"tcp\" needs a listener of its own: its bytes do not say where they go";
    assert_eq!(
        in_upstream("protocol = \"tcp\""),
        [format!("1:1: outbound.upstream[0].listen: {why}")]
    );
    let app = "[[inbound]]\napp = { endpoints = [\"127.0.0.1:1\"], protocol = \"tcp\" }\n";
    let app = &config(app).inbound[0].app;
    assert_eq!(
        app.protocol,
        Protocol::Tcp,
        "an app has the listener of its section"
    );
}

#[test]
fn raw_tcp_has_nothing_to_do_with_requests() {
    let told = |keys: &str| errors(&format!("{MINIMAL}{TCP}{keys}\n"));
    assert_eq!(
        told("hosts = [\"db\"]\npaths = [\"/\"]"),
        [
            "6:9: outbound.upstream[0].hosts: is for requests, and `protocol` is \"tcp\"",
            "7:9: outbound.upstream[0].paths: is for requests, and `protocol` is \"tcp\"",
        ]
    );
    assert_eq!(
        told("retry.attempts = 3\nhealth.path = \"/\""),
        [
            "6:1: outbound.upstream[0].retry: is for requests, and `protocol` is \"tcp\"",
            "7:1: outbound.upstream[0].health: probes are made over HTTP, and `protocol` is \"tcp\"",
        ]
    );
    assert_eq!(
        told("timeout = { connect = \"2s\", idle = \"5s\" }\nlimit = { streams = 2, queue = 0 }"),
        [
            "6:36: outbound.upstream[0].timeout.idle: is for requests, and `protocol` is \"tcp\"",
            "7:32: outbound.upstream[0].limit.queue: is for requests, and `protocol` is \"tcp\"",
        ]
    );
    let fits = "timeout = { connect = \"2s\", stream_idle = \"none\" }\nlimit.streams = 2\n";
    assert!(warnings(&format!("{MINIMAL}{TCP}{fits}")).is_empty());
}

#[test]
fn an_upstream_with_a_listener_of_its_own_does_not_claim_every_request() {
    let other = "[[outbound.upstream]]\nname = \"b\"\nendpoints = [\"127.0.0.1:2\"]\n";
    let config = config(&format!("{MINIMAL}listen = \"127.0.0.1:1234\"\n{other}"));
    let routed = |index: usize| config.outbound.as_ref().unwrap().upstreams[index].is_routed();
    assert!(!routed(0) && routed(1));
    let named = format!("{MINIMAL}listen = \"127.0.0.1:1234\"\nhosts = [\"b\"]\n{other}hosts = [\"b\"]\n");
    assert_eq!(
        errors(&named),
        ["9:9: outbound.upstream[1].hosts: `b` is taken by `outbound.upstream[0].hosts`"]
    );
}

#[test]
fn a_listener_of_an_upstreams_own_is_taken_like_any_other() {
    assert_eq!(
        in_upstream("listen = \"127.0.0.1:15001\""),
        ["4:10: outbound.upstream[0].listen: `127.0.0.1:15001` is taken by `outbound.listen`"]
    );
}

#[test]
fn what_arrives_is_not_sent_to_where_it_arrived() {
    let circle =
        |at: &str| format!("{at} is where this upstream is listened for: it would go round in circles");
    assert_eq!(
        in_upstream("listen = \"127.0.0.1:1\""),
        [format!(
            "3:13: outbound.upstream[0].endpoints: {}",
            circle("`127.0.0.1:1`")
        )]
    );
    let inbound = "[[inbound]]\napp = { endpoints = [\"10.0.0.1:15006\", \"127.0.0.1:15006\"] }\n";
    assert_eq!(
        errors(inbound),
        [format!(
            "2:21: inbound[0].app.endpoints: {}",
            circle("`127.0.0.1:15006`")
        )]
    );
}

#[test]
fn the_configuration_in_effect_for_raw_tcp_reads_back() {
    let read = config(&format!("{MINIMAL}{TCP}limit.streams = 7\n"));
    assert_eq!(config(&read.effective()), read);
}
