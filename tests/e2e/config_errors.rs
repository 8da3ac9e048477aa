//! Bad input gets a clear error before any port is bound, and an exit code that says whose fault it is.

use std::{fs, net::TcpListener, path::Path, process::Output};

use outrigger_certs_dev::{Fault, Request};

use crate::harness::{Certificates, outbound_to, run_to_end};

const USAGE: i32 = 64;
const UNAVAILABLE: i32 = 69;

/// Runs the binary in a folder with this configuration in `o.toml`.
async fn run(verb: &str, config: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("o.toml"), config).unwrap();
    told(run_to_end(folder.path(), &[verb, "--config", "o.toml"]).await)
}

fn told(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const WRONG: &str = r#"
name = "cart shop"
workers = 0
detials = "auto"

[outbound]
listen = "127.0.0.1:0"
[[outbound.upstream]]
name = "orders"
endpoints = ["127.0.0.1"]
timeout = { conect = "1s", head = "30" }
[limits]
header_time = 10
"#;

#[tokio::test]
async fn every_mistake_is_told_at_once_each_with_its_place() {
    for verb in ["check", "run"] {
        let (code, out, err) = run(verb, WRONG).await;
        assert_eq!((code, &*out), (Some(USAGE), ""), "{verb}: {err}");
        for expected in [
            "o.toml:2:8: name: ",
            "o.toml:3:11: workers: ",
            "o.toml:4:1: detials: ",
            "o.toml:10:14: outbound.upstream[0].endpoints[0]: ",
            "o.toml:11:13: outbound.upstream[0].timeout.conect: ",
            "o.toml:11:35: outbound.upstream[0].timeout.head: ",
            "o.toml:13:15: limits.header_time: ",
        ] {
            assert!(err.contains(expected), "{verb}: no {expected:?} in\n{err}");
        }
        assert!(
            err.contains("`details`") && err.contains("`connect`"),
            "the keys meant are suggested:\n{err}"
        );
        assert_eq!(err.lines().count(), 7, "one line each:\n{err}");
    }
}

#[tokio::test]
async fn text_that_is_not_toml_is_told_with_its_place() {
    let (code, _, err) = run("run", "name = \"a\"\n[outbound\nlisten = 3\n").await;
    assert_eq!(code, Some(USAGE));
    assert!(err.starts_with("o.toml:2:"), "{err}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["missing.toml", "."] {
        let (code, _, err) = told(run_to_end(folder.path(), &["run", "--config", file]).await);
        assert_eq!(code, Some(USAGE), "{err}");
        assert!(
            err.contains("cannot read the configuration") && err.contains(file),
            "{err}"
        );
    }
}

#[tokio::test]
async fn unknown_flags_and_verbs_are_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    for (args, word) in [
        (&["run", "--confg", "o.toml"][..], "--config"),
        (&["fly"], "fly"),
        (&["run"], "OUTRIGGER_CONFIG"),
        (&[], "Usage"),
    ] {
        let (code, out, err) = told(run_to_end(folder.path(), args).await);
        assert_eq!((code, &*out), (Some(USAGE), ""), "{args:?}: {err}");
        assert!(err.contains(word), "{args:?}: {err}");
    }
}

#[tokio::test]
async fn help_and_version_are_no_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["--help"][..], &["run", "--help"], &["--version"]] {
        let (code, out, _) = told(run_to_end(folder.path(), args).await);
        assert_eq!(code, Some(0), "{args:?}");
        assert!(out.contains("outrigger"), "{out}");
    }
}

#[tokio::test]
async fn check_prints_what_is_in_effect_defaults_included_and_it_can_be_run_with() {
    let config = outbound_to("127.0.0.1:9".parse().unwrap(), "");
    let (code, shown, err) = run("check", &config).await;
    assert_eq!(code, Some(0), "{err}");
    for line in [
        "name = \"web.shop\"",
        "header_bytes = 65536",
        "idle_time = \"5m\"",
        "grace = \"25s\"",
    ] {
        assert!(shown.contains(line), "no {line} in\n{shown}");
    }
    let (code, again, err) = run("check", &shown).await;
    assert_eq!(
        (code, again),
        (Some(0), shown),
        "what is printed is a configuration, and the same one: {err}"
    );
}

#[tokio::test]
async fn a_key_that_is_not_in_effect_yet_is_warned_about_by_name() {
    let config = outbound_to("127.0.0.1:9".parse().unwrap(), "balance = { panic_below = 0.4 }");
    let (code, _, err) = run("check", &config).await;
    assert_eq!(code, Some(0));
    assert!(
        err.contains("warning: o.toml:7:") && err.contains("balance.panic_below"),
        "{err}"
    );
}

/// `[identity]` of files beside the configuration, and an inbound that uses it.
fn with_identity(cert: &str, key: &str, trust: &str) -> String {
    format!(
        "[identity]\ncert = \"{cert}\"\nkey = \"{key}\"\ntrust = \"{trust}\"\n[[inbound]]\nlisten = \"127.0.0.1:0\"\n\
         [inbound.app]\nendpoints = [\"127.0.0.1:9\"]\n"
    )
}

async fn with_files(folder: &Path, config: &str) -> (Option<i32>, String, String) {
    fs::write(folder.join("o.toml"), config).unwrap();
    let run = told(run_to_end(folder, &["run", "--config", "o.toml"]).await);
    let check = told(run_to_end(folder, &["check", "--config", "o.toml"]).await);
    assert_eq!(
        (run.0, run.0),
        (check.0, Some(USAGE)),
        "run: {}\ncheck: {}",
        run.2,
        check.2
    );
    check
}

#[tokio::test]
async fn a_key_of_another_certificate_names_both_files() {
    let certificates = Certificates::new();
    let issued = certificates
        .authority
        .issue_faulty(Fault::MismatchedKey, &Request::new("a").with_dns("a"))
        .unwrap();
    let folder = certificates.write("a", &issued);
    let (_, _, err) = with_files(&folder, &with_identity("tls.crt", "tls.key", "ca.crt")).await;
    assert!(err.contains("tls.crt") && err.contains("tls.key"), "{err}");
}

#[tokio::test]
async fn files_of_an_identity_that_are_missing_or_wrong_are_all_named() {
    let certificates = Certificates::new();
    let issued = certificates
        .authority
        .issue(&Request::new("a").with_dns("a"))
        .unwrap();
    let folder = certificates.write("a", &issued);
    fs::write(folder.join("empty.pem"), "").unwrap();
    let (_, _, err) = with_files(&folder, &with_identity("no.crt", "tls.crt", "empty.pem")).await;
    for file in ["no.crt", "tls.crt", "empty.pem"] {
        assert!(err.contains(file), "no {file} in\n{err}");
    }
    assert!(!err.contains("BEGIN"), "no contents of files: {err}");
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_it_is_for() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let outbound = outbound_to("127.0.0.1:9".parse().unwrap(), "");
    let elsewhere = "[probe]\nlisten = \"none\"\n";
    for (what, config) in [
        (
            "outbound",
            outbound.replace("127.0.0.1:0", &addr.to_string())
                + elsewhere
                + "[admin]\nlisten = \"127.0.0.1:0\"\n",
        ),
        (
            "admin",
            format!("{outbound}{elsewhere}[admin]\nlisten = \"{addr}\"\n"),
        ),
        (
            "probe",
            format!("{outbound}[admin]\nlisten = \"127.0.0.1:0\"\n[probe]\nlisten = \"{addr}\"\n"),
        ),
    ] {
        let (code, _, err) = run("run", &config).await;
        assert_eq!(code, Some(UNAVAILABLE), "{what}: {err}");
        let expected = format!("{what} {addr}: another process listens there already");
        assert!(err.contains(&expected), "no {expected:?} in\n{err}");
    }
}

#[tokio::test]
async fn an_address_that_is_not_ours_is_told_so() {
    let outbound = outbound_to("127.0.0.1:9".parse().unwrap(), "").replace("127.0.0.1:0", "192.0.2.1:15001");
    let rest = "[admin]\nlisten = \"127.0.0.1:0\"\n[probe]\nlisten = \"none\"\n";
    let (code, _, err) = run("run", &(outbound + rest)).await;
    assert_eq!(code, Some(UNAVAILABLE), "{err}");
    assert!(
        err.contains("outbound 192.0.2.1:15001: this host has no such address"),
        "{err}"
    );
}

#[tokio::test]
async fn tls_without_an_identity_is_told_where_it_is_asked_for() {
    let config = outbound_to("127.0.0.1:9".parse().unwrap(), "tls = { mode = \"mutual\" }");
    let (code, _, err) = run("run", &config).await;
    assert_eq!(code, Some(USAGE));
    assert!(err.contains("o.toml:7:") && err.contains("[identity]"), "{err}");
}

#[tokio::test]
async fn a_log_filter_that_cannot_be_read_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("o.toml"),
        outbound_to("127.0.0.1:9".parse().unwrap(), ""),
    )
    .unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_outrigger"));
    command
        .args(["run", "--config", "o.toml"])
        .env("OUTRIGGER_LOG", "=what=")
        .current_dir(folder.path());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = crate::harness::within(crate::harness::LONG, "its end", output)
        .await
        .unwrap();
    let (code, _, err) = told(output);
    assert_eq!(code, Some(USAGE), "{err}");
    assert!(err.contains("OUTRIGGER_LOG"), "{err}");
}
