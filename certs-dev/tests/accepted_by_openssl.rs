//! OpenSSL agrees, where it is installed.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{fs, path::Path, process::Command};

use outrigger_certs_dev::{Authority, Fault, Issued, Request};

fn orders() -> Request {
    Request::new("orders")
        .with_dns("orders.shop.svc")
        .with_spiffe("spiffe://shop/ns/shop/sa/orders")
}

/// What `openssl verify -x509_strict` says, or nothing where there is no openssl.
fn openssl_verify(issued: &Issued, purpose: &str) -> Option<(bool, String)> {
    let dir = tempfile::tempdir().unwrap();
    issued.write_to(dir.path()).unwrap();
    let at = |name: &str| dir.path().join(name);
    let output = Command::new("openssl")
        .args([
            "verify",
            "-x509_strict",
            "-purpose",
            purpose,
            "-verify_hostname",
            "orders.shop.svc",
        ])
        .arg("-CAfile")
        .arg(at("ca.crt"))
        .arg("-untrusted")
        .arg(at("tls.crt"))
        .arg(at("tls.crt"))
        .output();
    match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        output => {
            let output = output.unwrap();
            let text = [output.stdout, output.stderr].concat();
            Some((
                output.status.success(),
                String::from_utf8_lossy(&text).into_owned(),
            ))
        }
    }
}

#[test]
fn a_leaf_verifies_strictly_for_servers_and_clients() {
    let issued = Authority::new("shop").unwrap().issue(&orders()).unwrap();
    for purpose in ["sslserver", "sslclient"] {
        let Some((accepted, text)) = openssl_verify(&issued, purpose) else {
            return;
        };
        assert!(accepted, "{text}");
    }
}

#[test]
fn each_fault_is_told_by_its_own_name() {
    let authority = Authority::new("shop").unwrap();
    for (fault, words) in [
        (Fault::Expired, "certificate has expired"),
        (Fault::NotYetValid, "certificate is not yet valid"),
        (Fault::WrongName, "ostname mismatch"),
        (Fault::NoNames, "ostname mismatch"),
        (Fault::ForeignCa, "unable to get local issuer certificate"),
        (Fault::SelfSigned, "self-signed certificate"),
        (
            Fault::MissingIntermediate,
            "unable to get local issuer certificate",
        ),
        (Fault::ExpiredIntermediate, "certificate has expired"),
        (Fault::WrongUsage, "unsuitable certificate purpose"),
    ] {
        let issued = authority.issue_faulty(fault, &orders()).unwrap();
        let Some((accepted, text)) = openssl_verify(&issued, "sslserver") else {
            return;
        };
        assert!(!accepted && text.contains(words), "{fault}: {text}");
    }
}

#[test]
fn the_lists_are_readable() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("shop").unwrap();
    let issued = authority.issue(&orders()).unwrap();
    let path = dir.path().join("crl.pem");
    fs::write(&path, authority.revoke([issued.serial()]).unwrap().pem()).unwrap();
    let Some(text) = openssl_crl(&path) else { return };
    let serial: String = issued.serial().iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(text.contains(&serial), "{text}");
}

fn openssl_crl(path: &Path) -> Option<String> {
    let output = Command::new("openssl")
        .args(["crl", "-noout", "-text", "-in"])
        .arg(path)
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
