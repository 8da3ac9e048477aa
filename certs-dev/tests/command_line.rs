//! The binary, from outside.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Runs one command line, split at spaces, in `dir`.
fn run(dir: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_outrigger-certs-dev"))
        .current_dir(dir)
        .args(line.split_whitespace())
        .output()
        .unwrap()
}

fn succeed(dir: &Path, line: &str) -> String {
    let output = run(dir, line);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn fail(dir: &Path, status: i32, line: &str) -> String {
    let output = run(dir, line);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{line}: {text}");
    text
}

fn folder_with_authority() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), "init");
    dir
}

const ORDERS: &str = "issue orders --dns orders.shop.svc --dns localhost --ip 127.0.0.1 \
                      --spiffe spiffe://shop/ns/shop/sa/orders";

#[test]
fn init_and_issue_leave_the_files_that_they_name() {
    let dir = folder_with_authority();
    let told = succeed(dir.path(), ORDERS);
    assert!(
        told.starts_with("certs/orders: dns:orders.shop.svc dns:localhost ip:127.0.0.1 spiffe://"),
        "{told}"
    );
    for file in ["root.crt", "root.key", "intermediate.crt", "intermediate.key"] {
        assert!(dir.path().join("certs").join(file).exists(), "{file}");
    }
    for file in ["tls.crt", "tls.key", "ca.crt"] {
        assert!(dir.path().join("certs/orders").join(file).exists(), "{file}");
    }
}

#[test]
fn an_authority_is_not_overwritten_without_force() {
    let dir = folder_with_authority();
    let root = fs::read(dir.path().join("certs/root.crt")).unwrap();

    let told = fail(dir.path(), 64, "init");
    assert!(
        told.contains("certs/root.crt exists already") && told.contains("--force"),
        "{told}"
    );
    assert_eq!(fs::read(dir.path().join("certs/root.crt")).unwrap(), root);

    succeed(dir.path(), "init --force");
    assert_ne!(fs::read(dir.path().join("certs/root.crt")).unwrap(), root);
}

#[test]
fn a_leaf_is_reissued_in_place() {
    let dir = folder_with_authority();
    succeed(dir.path(), ORDERS);
    let before = fs::read(dir.path().join("certs/orders/tls.crt")).unwrap();
    succeed(dir.path(), ORDERS);
    assert_ne!(fs::read(dir.path().join("certs/orders/tls.crt")).unwrap(), before);
}

#[test]
fn every_fault_can_be_asked_for() {
    let dir = folder_with_authority();
    for fault in outrigger_certs_dev::Fault::ALL {
        let told = succeed(dir.path(), &format!("issue x --dns localhost --fault {fault}"));
        assert!(
            told.trim_end().ends_with(&format!("({})", fault.about())),
            "{told}"
        );
    }
}

#[test]
fn list_and_show_tell_what_is_there() {
    let dir = folder_with_authority();
    succeed(dir.path(), ORDERS);
    succeed(dir.path(), "issue old --dns old.shop.svc --fault expired");

    let list = succeed(dir.path(), "list");
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    assert!(
        lines[0].starts_with("old ") && lines[0].contains("(1 hour ago)"),
        "{list}"
    );
    assert!(
        lines[1].starts_with("orders ") && lines[1].contains("(in 24 hours)"),
        "{list}"
    );

    let leaf = succeed(dir.path(), "show orders");
    assert!(
        leaf.contains("CN=orders\n") && leaf.contains("Digital Signature, server auth, client auth"),
        "{leaf}"
    );
    assert_eq!(
        leaf.matches("  serial   ").count(),
        2,
        "leaf and intermediate: {leaf}"
    );
    assert!(succeed(dir.path(), "show").contains("CN=development root "));
}

#[test]
fn a_leaf_holds_as_long_as_asked() {
    let dir = folder_with_authority();
    let told = succeed(dir.path(), "issue x --dns localhost --valid-for 3d12h5m");
    assert!(told.contains("(in 4 days)"), "{told}");
}

#[test]
fn revoke_writes_a_list_for_each_authority() {
    let dir = folder_with_authority();
    succeed(dir.path(), ORDERS);
    assert_eq!(succeed(dir.path(), "revoke orders"), "certs/crl.pem: 1 revoked\n");
    let lists = fs::read_to_string(dir.path().join("certs/crl.pem")).unwrap();
    assert_eq!(lists.matches("-----BEGIN X509 CRL-----").count(), 2);
}

#[test]
fn mistakes_are_told_with_status_64() {
    let dir = folder_with_authority();
    for (line, words) in [
        ("", "Usage"),
        ("isue", "a similar subcommand exists: 'issue'"),
        (
            "issue x --dns localhost --fault expird",
            "a similar value exists: 'expired'",
        ),
        ("issue x", "at least one DNS name, IP address or SPIFFE ID"),
        ("issue ../x --dns localhost", "no usable name"),
        ("issue x --dns 127.0.0.1", "it is an IP address"),
        ("issue x --ip localhost", "invalid IP address"),
        ("issue x --spiffe shop/orders", "it must begin with \"spiffe://\""),
        (
            "issue x --dns localhost --valid-for 8d",
            "would outlive its authority",
        ),
        ("issue x --dns localhost --valid-for soon", "invalid value 'soon'"),
        ("issue x --dns localhost --valid-for 5", "invalid value '5'"),
        ("--dir elsewhere issue x --dns localhost", "make one with `init`"),
    ] {
        let told = fail(dir.path(), 64, line);
        assert!(told.contains(words), "{line}: {told}");
    }
    assert!(!dir.path().join("certs/x").exists());
}

#[test]
fn failures_are_told_with_status_1_and_their_cause() {
    let dir = folder_with_authority();
    let told = fail(dir.path(), 1, "show nobody");
    assert!(
        told.contains("cannot read certs/nobody/tls.crt") && told.contains("because: No such file"),
        "{told}"
    );

    fs::write(dir.path().join("certs/root.key"), "nonsense").unwrap();
    let told = fail(dir.path(), 1, "issue x --dns localhost");
    assert!(
        told.contains("certs/root.key is not usable: it holds no private key in PEM"),
        "{told}"
    );
}

#[test]
fn help_and_version_are_answers() {
    let dir = tempfile::tempdir().unwrap();
    assert!(succeed(dir.path(), "issue --help").contains("ended an hour ago"));
    assert!(succeed(dir.path(), "--version").starts_with("outrigger-certs-dev "));
}
