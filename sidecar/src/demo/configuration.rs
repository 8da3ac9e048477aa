//! What the demo's sidecars are configured with: the text of the files that one would write for them.

use std::net::SocketAddr;

/// What the outbound sidecars can reach.
pub(super) struct Reachable {
    pub(super) app: SocketAddr,
    pub(super) narrow: SocketAddr,
    pub(super) expired: SocketAddr,
    pub(super) names: SocketAddr,
}

/// What all have in common; the identity is given to them in memory.
fn process(name: &str) -> String {
    format!(
        r#"
name    = "{name}"
workers = 1
admin   = {{ listen = "127.0.0.1:0" }}
probe   = {{ listen = "none" }}
"#
    )
}

const IDENTITY: &str = r#"
[identity]
cert  = "tls.crt"
key   = "tls.key"
trust = "ca.crt"
"#;

/// Each failure is shown by its own name, however many came before it.
const UNBROKEN: &str = "breaker   = { failures = 0 }";

/// The sidecar beside the app. Its second listener lets in one request at a time.
pub(super) fn server(app: SocketAddr) -> String {
    let process = process("server");
    format!(
        r#"{process}{IDENTITY}
[[inbound]]
listen = "127.0.0.1:0"
tls    = "mutual"
[inbound.app]
name      = "app"
endpoints = ["{app}"]
timeout   = {{ head = "1s" }}
{UNBROKEN}

[[inbound]]
listen = "127.0.0.1:0"
tls    = "mutual"
[inbound.app]
name      = "narrow"
endpoints = ["{app}"]
timeout   = {{ head = "1s" }}
limit     = {{ in_flight = 1, queue = 0 }}
{UNBROKEN}
"#
    )
}

/// A sidecar like the server's, to be given a certificate that has expired.
pub(super) fn expired(app: SocketAddr) -> String {
    let process = process("expired");
    format!(
        r#"{process}{IDENTITY}
[[inbound]]
listen = "127.0.0.1:0"
tls    = "mutual"
app    = {{ endpoints = ["{app}"] }}
"#
    )
}

/// The sidecar beside the caller.
pub(super) fn client(to: &Reachable) -> String {
    let (process, names) = (process("client"), to.names);
    let upstreams = [
        upstream("app", &to.app.to_string(), "app.test"),
        upstream("narrow", &to.narrow.to_string(), "app.test"),
        upstream("expired", &to.expired.to_string(), "app.test"),
        upstream("wrong-name", &to.app.to_string(), "billing.test"),
        upstream("unresolvable", "dns:nowhere.test:15006", "nowhere.test"),
    ];
    outbound(
        &format!("{process}dns = {{ servers = [\"{names}\"] }}\n"),
        &upstreams,
    )
}

/// The sidecar beside a caller whom the server does not know.
pub(super) fn stranger(to: &Reachable) -> String {
    outbound(
        &process("stranger"),
        &[upstream("app", &to.app.to_string(), "app.test")],
    )
}

fn outbound(process: &str, upstreams: &[String]) -> String {
    let upstreams = upstreams.concat();
    format!(
        r#"{process}{IDENTITY}
[outbound]
listen = "127.0.0.1:0"
{upstreams}"#
    )
}

/// A service that is called by its name, and has to show a certificate for `server_name`.
fn upstream(name: &str, endpoint: &str, server_name: &str) -> String {
    format!(
        r#"
[[outbound.upstream]]
name      = "{name}"
hosts     = ["{name}"]
endpoints = ["{endpoint}"]
tls       = {{ mode = "mutual", server_name = "{server_name}" }}
retry     = {{ attempts = 1 }}
{UNBROKEN}
"#
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn each_configuration_is_in_effect_as_a_whole() {
        let addr = SocketAddr::from(([127, 0, 0, 1], 1));
        let to = Reachable {
            app: addr,
            narrow: addr,
            expired: addr,
            names: addr,
        };
        for text in [server(addr), expired(addr), client(&to), stranger(&to)] {
            let loaded = Config::parse(&text, Path::new("outrigger.toml")).unwrap();
            assert_eq!(loaded.warnings, []);
        }
    }
}
