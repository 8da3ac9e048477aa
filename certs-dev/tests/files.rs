//! Leaves and authorities as files.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use outrigger_certs_dev::{Authority, Error, Request};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

fn orders() -> Request {
    Request::new("orders").with_dns("orders.shop.svc")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_leaf_is_laid_out_like_a_kubernetes_tls_secret() {
    let dir = tempfile::tempdir().unwrap();
    let issued = Authority::new("shop").unwrap().issue(&orders()).unwrap();
    let folder = dir.path().join("deep/orders");
    issued.write_to(&folder).unwrap();

    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["ca.crt", "tls.crt", "tls.key"]);

    let chain: Vec<_> = CertificateDer::pem_file_iter(folder.join("tls.crt"))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(chain, issued.chain_der());
    assert_eq!(
        PrivateKeyDer::from_pem_file(folder.join("tls.key")).unwrap(),
        issued.key_der()
    );
    assert_eq!(
        CertificateDer::from_pem_file(folder.join("ca.crt")).unwrap(),
        issued.ca_der()
    );
}

#[test]
fn keys_are_for_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("shop").unwrap();
    authority.save(dir.path()).unwrap();
    authority
        .issue(&orders())
        .unwrap()
        .write_to(dir.path().join("orders"))
        .unwrap();

    for key in ["root.key", "intermediate.key", "orders/tls.key"] {
        assert_eq!(mode(&dir.path().join(key)), 0o600, "{key}");
    }
}

#[test]
fn a_key_that_lay_open_is_closed_when_it_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("tls.key");
    fs::write(&key, "old").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();

    Authority::new("shop")
        .unwrap()
        .issue(&orders())
        .unwrap()
        .write_to(dir.path())
        .unwrap();
    assert_eq!(mode(&key), 0o600);
}

#[test]
fn a_loaded_authority_issues_what_the_saved_one_would() {
    let dir = tempfile::tempdir().unwrap();
    let saved = Authority::new("shop").unwrap();
    saved.save(dir.path()).unwrap();
    let loaded = Authority::load(dir.path()).unwrap();

    let (before, after) = (saved.issue(&orders()).unwrap(), loaded.issue(&orders()).unwrap());
    assert_eq!(before.ca_der(), after.ca_der());
    assert_eq!(before.chain_der()[1], after.chain_der()[1]);
    assert_ne!(before.serial(), after.serial());
    // The file keeps whole seconds.
    let lost = saved.not_after().duration_since(loaded.not_after()).unwrap();
    assert!(lost < std::time::Duration::from_secs(1));
}

#[test]
fn an_empty_folder_has_no_authority() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Authority::find(dir.path()), None);
    assert!(matches!(
        Authority::load(dir.path()),
        Err(Error::NoAuthority { .. })
    ));
}

#[test]
fn an_authority_with_files_of_another_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    for (file, why) in [
        ("root.key", "it is not the key of the certificate beside it"),
        (
            "intermediate.key",
            "it is not the key of the certificate beside it",
        ),
    ] {
        Authority::new("shop").unwrap().save(dir.path()).unwrap();
        Authority::new("shop").unwrap().save(other.path()).unwrap();
        fs::copy(other.path().join(file), dir.path().join(file)).unwrap();
        let error = Authority::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains(file) && error.ends_with(why), "{error}");
    }
}

#[test]
fn an_intermediate_of_another_root_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    Authority::new("shop").unwrap().save(dir.path()).unwrap();
    Authority::new("shop").unwrap().save(other.path()).unwrap();
    for file in ["intermediate.crt", "intermediate.key"] {
        fs::copy(other.path().join(file), dir.path().join(file)).unwrap();
    }
    let error = Authority::load(dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("the root beside it did not issue it"), "{error}");
}

#[test]
fn a_file_that_is_no_pem_is_named() {
    let dir = tempfile::tempdir().unwrap();
    Authority::new("shop").unwrap().save(dir.path()).unwrap();
    fs::write(dir.path().join("intermediate.crt"), "nonsense").unwrap();
    let error = Authority::load(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("intermediate.crt") && error.contains("no certificate in PEM"),
        "{error}"
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let issued = Authority::new("shop").unwrap().issue(&orders()).unwrap();
    let error = issued.write_to(file.join("orders")).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot make ") && !error.is_usage(),
        "{error}"
    );
}
