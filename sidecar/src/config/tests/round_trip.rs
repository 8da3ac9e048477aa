//! What is written reads back; whole files are read as meant; no text panics.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;

/// Every section and key, with values that are not the defaults where there are others.
const FULL: &str = r#"
name = "cart.shop"
workers = 2
details = "never"

[identity]
source = "files"
cert   = "tls/tls.crt"
key    = "tls/tls.key"
trust  = "/etc/ca.crt"
crl    = ["tls/revoked.pem"]

[[inbound]]
listen = "0.0.0.0:15006"
tls    = "mutual"
allow  = ["spiffe://shop/ns/web/sa/*"]
proxy_protocol = "required"
[inbound.app]
endpoints = ["127.0.0.1:8080"]
protocol  = "auto"
health    = { path = "/healthz" }

[[inbound]]
listen = "[::]:15007"
tls    = "server"
app    = { name = "second", endpoints = ["127.0.0.1:8081"] }

[outbound]
listen = "127.0.0.1:15001"
[[outbound.upstream]]
name      = "orders"
hosts     = ["orders", "*.shop.svc", "[::1]:80"]
paths     = ["/", "/api/"]
listen    = "none"
endpoints = ["dns:orders.shop.svc:15006", "10.0.0.1:15006", "[fd00::1]:15006"]
tls       = { mode = "mutual", server_name = "orders.shop.svc", spiffe = ["spiffe://shop/ns/shop/sa/orders"] }
protocol  = "http2"
header_case = "kept"
timeout   = { connect = "2s", head = "none", attempt = "1.5s", total = "1m30s", idle = "none", stream_idle = "2h" }
retry     = { attempts = 4, budget = 0.1, base = "50ms", cap = "5s", replay_bytes = 1, hedge = "40ms" }
limit     = { in_flight = 10, streams = 20, queue = 0, queue_wait = "0s", adaptive = false, rate = "100/s", rate_per_caller = "10/m" }
breaker   = { failures = 6, hold = "2s", hold_cap = "2s" }
health    = { path = "/healthz?a=b", interval = "6s", timeout = "2s", rise = 3, fall = 4 }
balance   = { policy = "p2c-peak-ewma", panic_below = 1, slow_start = "0s" }
maintenance = true

[limits]
connections = 5
header_bytes = 8192
header_fields = 1
target_bytes = 256
header_time = "1ms"
handshake_time = "2ms"
idle_time = "3ms"
streams = 4
[dns]
servers = ["10.0.0.10:53"]
[admin]
listen = "127.0.0.1:1"
[probe]
listen = "none"
[drain]
delay = "0s"
grace = "0s"
[log]
format = "text"
access = "all"
"#;

#[test]
fn the_example_is_read_whole_and_warns_of_what_is_not_in_effect() {
    let loaded = parse(include_str!("example.toml")).unwrap();
    assert_eq!(
        loaded.config.outbound.unwrap().upstreams[0]
            .upstream
            .name
            .as_str(),
        "orders"
    );
    let keys: Vec<&str> = loaded
        .warnings
        .iter()
        .map(|warning| warning.key.as_str())
        .collect();
    for key in [
        "inbound[0].app.health.path",
        "outbound.upstream[0].balance.policy",
    ] {
        assert!(keys.contains(&key), "{key} is not among {keys:?}");
    }
}

#[test]
fn every_key_is_read_as_it_is_meant() {
    let config = config(FULL);
    assert_eq!(config.name.as_str(), "cart.shop");
    assert_eq!(config.workers, Workers::Count(NonZeroUsize::new(2).unwrap()));
    assert_eq!(config.details, Details::Never);
    let identity = config.identity.unwrap();
    assert_eq!(
        identity.cert,
        Path::new("/tls/tls.crt"),
        "relative to the folder of the file"
    );
    assert_eq!(identity.trust, Path::new("/etc/ca.crt"), "absolute as it is");
    assert_eq!(identity.crl, [Path::new("/tls/revoked.pem")]);
    assert_eq!(config.inbound[0].allow[0].as_str(), "spiffe://shop/ns/web/sa/*");
    assert_eq!(config.inbound[0].proxy_protocol, ProxyProtocol::Required);
    assert_eq!(config.inbound[1].proxy_protocol, ProxyProtocol::Off);
    assert_eq!(config.inbound[1].tls, TlsMode::Server);
    assert_eq!(config.inbound[1].app.name.as_str(), "second");
    assert_eq!(config.limits.header_bytes, 8192);
    assert_eq!(config.probe.listen, None);
    assert_eq!(config.drain.grace, Duration::ZERO);
    assert_eq!(
        (config.log.format, config.log.access),
        (LogFormat::Text, AccessLog::All)
    );
}

#[test]
fn an_upstream_is_read_as_it_is_meant() {
    let outbound = config(FULL).outbound.unwrap();
    let Destination {
        upstream,
        route,
        listen,
    } = &outbound.upstreams[0];
    let written: Vec<String> = upstream.endpoints.iter().map(ToString::to_string).collect();
    assert_eq!(
        written,
        ["dns:orders.shop.svc:15006", "10.0.0.1:15006", "[fd00::1]:15006"]
    );
    assert_eq!(
        upstream.tls.server_name,
        HostName::new("Orders.shop.svc.").map(|name| name.to_server_name())
    );
    assert_eq!(upstream.protocol, Protocol::Http2);
    assert_eq!(upstream.header_case, HeaderCase::Kept);
    assert_eq!(upstream.timeout.head, None);
    assert_eq!(upstream.timeout.attempt, Some(Duration::from_millis(1500)));
    assert_eq!(upstream.timeout.total, Some(Duration::from_secs(90)));
    assert_eq!(upstream.retry.attempts, 4);
    assert_eq!(upstream.limit.rate.unwrap().per, Duration::from_secs(1));
    assert_eq!(upstream.limit.rate_per_caller.unwrap().requests, 10);
    assert_eq!(upstream.balance.panic_below.get(), 1.0);
    assert_eq!(route.hosts[2], HostPattern::Exact("[::1]".to_owned()));
    assert_eq!(*listen, None);
}

#[test]
fn the_app_beside_us_has_defaults_of_its_own() {
    let inbound = "\
[[inbound]]
app = { endpoints = [\"127.0.0.1:1\"] }
[[inbound]]
listen = \"127.0.0.1:2\"
app = { endpoints = [\"127.0.0.1:1\"] }
";
    let config = config(&format!("{inbound}{IDENTITY}"));
    let names: Vec<&str> = config
        .inbound
        .iter()
        .map(|inbound| inbound.app.name.as_str())
        .collect();
    assert_eq!(names, ["app", "app-2"]);
    for inbound in &config.inbound {
        assert_eq!(inbound.tls, TlsMode::Mutual);
        assert_eq!(inbound.app.tls.mode, TlsMode::Off, "it is on this host");
        assert_eq!(
            inbound.app.retry.attempts, 1,
            "only the outermost of several proxies repeats"
        );
    }
}

#[test]
fn tls_is_mutual_wherever_there_is_an_identity_and_off_without() {
    let mode = |text: &str| config(text).outbound.unwrap().upstreams[0].upstream.tls.mode;
    assert_eq!(mode(MINIMAL), TlsMode::Off);
    assert_eq!(mode(&format!("{MINIMAL}{IDENTITY}")), TlsMode::Mutual);
}

#[test]
fn the_configuration_of_the_benchmark_is_read_without_a_warning() {
    let text = r#"
workers = 1
[admin]
listen = "127.0.0.1:28500"
[probe]
listen = "none"
[log]
access = "off"
[identity]
cert = "/x/proxy.pem"
key = "/x/proxy.key"
trust = "/x/ca.pem"
[outbound]
listen = "127.0.0.1:28000"
[[outbound.upstream]]
name = "app"
endpoints = ["127.0.0.1:27443"]
protocol = "http1"
limit = { in_flight = 100000 }
tls = { mode = "mutual", server_name = "app.bench" }
"#;
    assert_eq!(warnings(text), [""; 0]);
    let upstream = &config(text).outbound.unwrap().upstreams[0].upstream;
    assert_eq!(upstream.limit.in_flight, 100_000);
}

#[test]
fn the_effective_configuration_reads_back_as_the_same() {
    for text in [FULL, MINIMAL, &format!("{MINIMAL}{IDENTITY}")] {
        let first = config(text);
        assert_eq!(config(&first.effective()), first);
    }
}

#[test]
fn the_configuration_is_json_too() {
    let json = serde_json::to_value(config(FULL)).unwrap();
    let upstream = &json["outbound"]["upstream"][0];
    assert_eq!(upstream["timeout"]["total"], "90s");
    assert_eq!(upstream["hosts"][1], "*.shop.svc");
    assert_eq!(json["probe"]["listen"], "none");
}

#[test]
fn a_setting_without_effect_is_a_warning_by_name() {
    let text = format!(
        "{MINIMAL}balance = {{ slow_start = \"2s\" }}\nretry = {{ attempts = 1 }}\nlimit = {{ adaptive = true }}\n"
    );
    assert_eq!(
        warnings(&text),
        ["4:26: outbound.upstream[0].balance.slow_start: not in effect yet: endpoints take turns",]
    );
    assert_eq!(warnings(MINIMAL), [""; 0], "defaults are not warned about");
}

/// Texts that are nearly configurations: lines of real ones, cut, doubled and out of order.
fn nearly() -> impl Strategy<Value = String> {
    let lines: Vec<&'static str> = FULL.lines().collect();
    vec((select(lines), option::of(0_usize..60)), 0..40).prop_map(|lines| {
        let cut = |(line, at): &(&str, Option<usize>)| match at {
            Some(at) => line.chars().take(*at).collect(),
            None => (*line).to_owned(),
        };
        lines.iter().map(cut).collect::<Vec<String>>().join("\n")
    })
}

/// A refusal says why; what is accepted reads back as the same.
fn holds(text: &str) -> Result<(), TestCaseError> {
    match parse(text) {
        Err(errors) => {
            prop_assert!(!errors.0.is_empty());
            prop_assert_eq!(errors.to_string().lines().count(), errors.0.len());
        }
        Ok(loaded) => {
            let again = parse(&loaded.config.effective());
            prop_assert_eq!(again.map(|again| again.config), Ok(loaded.config));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_text_panics(text in "(?s).{0,200}") {
        holds(&text)?;
    }

    #[test]
    fn no_text_that_is_nearly_a_configuration_panics(text in nearly()) {
        holds(&text)?;
    }

    #[test]
    fn any_value_anywhere_is_read_or_told(
        line in select(FULL.lines().filter(|line| line.contains(" = ")).collect::<Vec<_>>()),
        value in "\"[a-z0-9:./*-]{0,12}\"|-?[0-9]{1,20}|[0-9]\\.[0-9]|true|\\[\\]|\\{\\}|nan|2020-01-01",
    ) {
        let (key, _) = line.split_once('=').unwrap();
        holds(&FULL.replace(line, &format!("{key}= {value}")))?;
    }
}
