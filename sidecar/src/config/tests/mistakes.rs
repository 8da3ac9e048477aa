//! Every kind of mistake is told with its place: keys, types, values, texts.

use super::*;

#[test]
fn an_unknown_key_comes_with_the_key_that_was_meant() {
    assert_eq!(
        in_upstream("timeout = { conect = \"1s\" }"),
        ["4:13: outbound.upstream[0].timeout.conect: unknown key; did you mean `connect`?"]
    );
    assert_eq!(
        errors(&format!("[drian]\n{MINIMAL}")),
        ["1:2: drian: unknown key; did you mean `drain`?"]
    );
}

#[test]
fn an_unknown_key_that_is_like_none_comes_with_all_that_are_known() {
    assert_eq!(
        errors(&format!("[drain]\n\"banana split\" = 1\n{MINIMAL}")),
        ["2:1: drain.\"banana split\": unknown key; known here: delay, grace"]
    );
}

#[test]
fn a_wrong_type_says_what_is_expected() {
    assert_eq!(
        in_upstream("timeout = { connect = 1 }"),
        ["4:23: outbound.upstream[0].timeout.connect: expected a duration like \"250ms\", found an integer"]
    );
    assert_eq!(
        in_upstream("timeout = \"1s\""),
        ["4:11: outbound.upstream[0].timeout: expected a table, found a string"]
    );
    assert_eq!(
        in_upstream("hosts = \"a\""),
        ["4:9: outbound.upstream[0].hosts: expected an array, found a string"]
    );
    assert_eq!(
        in_upstream("hosts = [1]"),
        ["4:10: outbound.upstream[0].hosts[0]: expected a string, found an integer"]
    );
    assert_eq!(
        in_upstream("limit.in_flight = 1.0"),
        ["4:19: outbound.upstream[0].limit.in_flight: expected a whole number, found a float"]
    );
    assert_eq!(
        in_upstream("limit.adaptive = 1"),
        ["4:18: outbound.upstream[0].limit.adaptive: expected true or false, found an integer"]
    );
    assert_eq!(
        errors("[inbound]\n"),
        ["1:1: inbound: expected an array of tables, found a table"]
    );
}

#[test]
fn a_proxy_header_is_required_or_not_read() {
    assert_eq!(
        errors(&format!("[outbound]\nproxy_protocol = \"optional\"\n{MINIMAL}")),
        ["2:18: outbound.proxy_protocol: \"optional\" is not one of \"off\", \"required\""]
    );
}

#[test]
fn a_duration_that_is_none_says_why() {
    let told = |value: &str| in_upstream(&format!("timeout.connect = {value}")).join("\n");
    let place = "4:19: outbound.upstream[0].timeout.connect";
    assert_eq!(told("\"0s\""), format!("{place}: must be longer than zero"));
    assert_eq!(
        told("\"none\""),
        format!("{place}: \"none\": not a duration; write it like \"250ms\", \"30s\" or \"1m30s\"")
    );
    assert_eq!(
        told("\"30\""),
        format!("{place}: \"30\": a duration needs a unit: ns, us, ms, s, m, h or d")
    );
    assert_eq!(told("\"400d\""), format!("{place}: \"400d\": longer than 365d"));
}

#[test]
fn numbers_outside_their_range_are_told() {
    assert_eq!(
        in_upstream("limit.in_flight = 0"),
        ["4:19: outbound.upstream[0].limit.in_flight: 0 is not a number from 1 to 1000000000"]
    );
    assert_eq!(
        in_upstream("retry.attempts = 0"),
        ["4:18: outbound.upstream[0].retry.attempts: 0 is not a number from 1 to 100"]
    );
    assert_eq!(
        in_upstream("limit.queue = -1"),
        ["4:15: outbound.upstream[0].limit.queue: -1 is not a number from 0 to 1000000000"]
    );
    assert_eq!(
        in_upstream("retry.budget = 1.5"),
        ["4:16: outbound.upstream[0].retry.budget: 1.5 is not within 0 to 1"]
    );
    assert_eq!(
        errors(&format!("workers = 0\n{MINIMAL}")),
        ["1:11: workers: 0 is not a number from 1 to 1024"]
    );
}

#[test]
fn a_word_that_is_none_comes_with_those_that_are() {
    assert_eq!(
        in_upstream("protocol = \"http3\""),
        [
            "4:12: outbound.upstream[0].protocol: \"http3\" is not one of \"auto\", \"http1\", \"http2\", \"tcp\""
        ]
    );
    assert_eq!(
        errors(&format!("workers = \"all\"\n{MINIMAL}")),
        ["1:11: workers: \"all\" is neither \"auto\" nor a number"]
    );
}

#[test]
fn names_that_cannot_be_are_told() {
    assert_eq!(
        errors(&format!("name = \"my cart\"\n{MINIMAL}")),
        ["1:8: name: \"my cart\" is not a name; a name is 1 to 64 of A-Z a-z 0-9 . _ -"]
    );
    assert_eq!(
        in_upstream("limit.rate = \"100/d\""),
        ["4:14: outbound.upstream[0].limit.rate: \"100/d\" is not a rate; \
          write it like \"100/s\", \"100/m\" or \"100/h\""]
    );
    assert_eq!(
        in_upstream("health = { path = \"healthz\" }"),
        ["4:19: outbound.upstream[0].health.path: \"healthz\" is not a path; it begins with `/`"]
    );
}

#[test]
fn endpoints_that_cannot_be_are_told() {
    let told = |endpoint: &str| {
        let lines = errors(&format!(
            "[[outbound.upstream]]\nname = \"a\"\nendpoints = [\"{endpoint}\"]\n"
        ));
        lines
            .join("\n")
            .replacen("3:14: outbound.upstream[0].endpoints[0]: ", "", 1)
    };
    assert_eq!(told("localhost:80"), "write a name as `dns:localhost:80`");
    assert_eq!(told("127.0.0.1"), "`127.0.0.1` has no port");
    assert_eq!(told("127.0.0.1:0"), "port 0 cannot be connected to");
    assert_eq!(
        told("dns:10.0.0.1:80"),
        "`10.0.0.1` is an address; leave out `dns:`"
    );
    assert_eq!(told("dns:[::1]:80"), "`[::1]` is an address; leave out `dns:`");
    assert_eq!(
        told("dns:orders"),
        "`dns:orders` has no port; write dns:host:port"
    );
    assert_eq!(told("dns:orders:0"), "`0` is not a port within 1 to 65535");
    assert_eq!(told("dns:or ders:80"), "`or ders` is not a DNS name");
    assert_eq!(told("orders"), "`orders` is neither ip:port nor dns:host:port");
    assert_eq!(told(""), "`` is neither ip:port nor dns:host:port");
    assert_eq!(
        told("srv:_http._tcp.shop"),
        "`srv:_http._tcp.shop` is not available yet"
    );
    assert_eq!(told("file:/a"), "`file:/a` is not available yet");
}

#[test]
fn an_upstream_needs_endpoints_and_none_twice() {
    let upstream = "[[outbound.upstream]]\nname = \"a\"\n";
    assert_eq!(
        errors(upstream),
        ["1:1: outbound.upstream[0].endpoints: is missing"]
    );
    assert_eq!(
        errors(&format!("{upstream}endpoints = []")),
        ["3:13: outbound.upstream[0].endpoints: is empty; an upstream has at least one"]
    );
    assert_eq!(
        errors(&format!("{upstream}endpoints = [\"dns:a:1\", \"dns:A.:1\"]")),
        ["3:13: outbound.upstream[0].endpoints: `dns:a:1` is there twice"]
    );
}

#[test]
fn names_to_check_must_be_names() {
    let told = |line: &str| errors(&format!("{MINIMAL}{line}\n{IDENTITY}"));
    assert_eq!(
        told("tls.server_name = \"a b\""),
        ["4:19: outbound.upstream[0].tls.server_name: \"a b\" is neither a DNS name nor an IP address"]
    );
    assert_eq!(
        told("tls.spiffe = [\"spiffe://shop/a\", \"http://shop/a\"]"),
        ["4:34: outbound.upstream[0].tls.spiffe[1]: \"http://shop/a\": \
         does not begin with spiffe:// (in lower case)"]
    );
}

#[test]
fn a_listener_is_ip_and_port() {
    assert_eq!(
        errors(&format!(
            "admin.listen = \"localhost:80\"\nprobe.listen = \"::1\"\n{MINIMAL}"
        )),
        [
            "1:16: admin.listen: \"localhost:80\" is not ip:port",
            "2:16: probe.listen: \"::1\" has no port; write ip:port",
        ]
    );
}

#[test]
fn hosts_and_paths_that_match_nothing_are_told() {
    assert_eq!(
        in_upstream("hosts = [\"*\", \"a*b\", \"*.\", \"a b\"]"),
        [
            "4:10: outbound.upstream[0].hosts[0]: leave out `hosts` to match every host",
            "4:15: outbound.upstream[0].hosts[1]: \"a*b\" is neither a host nor *.suffix",
            "4:22: outbound.upstream[0].hosts[2]: leave out `hosts` to match every host",
            "4:28: outbound.upstream[0].hosts[3]: \"a b\" is neither a host nor *.suffix",
        ]
    );
    assert_eq!(
        in_upstream("paths = [\"api\"]"),
        [
            "4:10: outbound.upstream[0].paths[0]: \"api\" is not a path prefix; it begins with `/` and has no query"
        ]
    );
}

#[test]
fn what_is_not_available_yet_is_told_by_name() {
    assert_eq!(
        errors(&format!("{IDENTITY}source = \"spiffe\"\n{MINIMAL}")),
        ["5:10: identity.source: `spiffe` is not available yet"]
    );
}
