//! What rustls's verifier makes of good leaves and of each faulty one.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use outrigger_certs_dev::{Authority, Fault, Issued, Request, Usage, Validity};
use rustls_pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, Error, KeyUsage, OwnedCertRevocationList,
    RevocationOptionsBuilder, anchor_from_trusted_cert,
};

const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[webpki::aws_lc_rs::ECDSA_P256_SHA256];

fn orders() -> Request {
    Request::new("orders")
        .with_dns("orders.shop.svc")
        .with_ip([127, 0, 0, 1])
        .with_spiffe("spiffe://shop/ns/shop/sa/orders")
}

fn now() -> UnixTime {
    UnixTime::since_unix_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
}

/// The chain for a purpose, then each name.
fn verify(issued: &Issued, usage: KeyUsage, names: &[&'static str]) -> Result<(), Error> {
    verify_with(issued, usage, names, &[])
}

fn verify_with(
    issued: &Issued,
    usage: KeyUsage,
    names: &[&'static str],
    lists: &[&CertRevocationList<'_>],
) -> Result<(), Error> {
    verify_below(&issued.ca_der(), issued, usage, lists)?;
    let chain = issued.chain_der();
    let leaf = EndEntityCert::try_from(&chain[0])?;
    names
        .iter()
        .try_for_each(|name| leaf.verify_is_valid_for_subject_name(&ServerName::try_from(*name).unwrap()))
}

fn verify_below(
    root: &CertificateDer<'_>,
    issued: &Issued,
    usage: KeyUsage,
    lists: &[&CertRevocationList<'_>],
) -> Result<(), Error> {
    let anchors = [anchor_from_trusted_cert(root).unwrap()];
    let chain = issued.chain_der();
    let leaf = EndEntityCert::try_from(&chain[0])?;
    let revocation = RevocationOptionsBuilder::new(lists)
        .ok()
        .map(|options| options.build());
    leaf.verify_for_usage(ALGORITHMS, &anchors, &chain[1..], now(), usage, revocation, None)
        .map(drop)
}

fn uris(issued: &Issued) -> Vec<String> {
    let chain = issued.chain_der();
    let leaf = EndEntityCert::try_from(&chain[0]).unwrap();
    leaf.valid_uri_names().map(str::to_owned).collect()
}

fn faulty(fault: Fault) -> Issued {
    Authority::new("shop")
        .unwrap()
        .issue_faulty(fault, &orders())
        .unwrap()
}

fn verdict(fault: Fault) -> Error {
    verify(&faulty(fault), KeyUsage::server_auth(), &["orders.shop.svc"]).unwrap_err()
}

#[test]
fn a_leaf_serves_and_calls_under_each_of_its_names() {
    let issued = Authority::new("shop").unwrap().issue(&orders()).unwrap();
    for usage in [KeyUsage::server_auth(), KeyUsage::client_auth()] {
        verify(&issued, usage, &["orders.shop.svc", "127.0.0.1"]).unwrap();
    }
    assert_eq!(uris(&issued), ["spiffe://shop/ns/shop/sa/orders"]);
}

#[test]
fn a_leaf_for_servers_does_not_call_and_the_other_way_round() {
    let authority = Authority::new("shop").unwrap();
    let server = authority.issue(&orders().with_usage(Usage::Server)).unwrap();
    let client = authority.issue(&orders().with_usage(Usage::Client)).unwrap();

    verify(&server, KeyUsage::server_auth(), &[]).unwrap();
    verify(&client, KeyUsage::client_auth(), &[]).unwrap();
    assert!(verify(&server, KeyUsage::client_auth(), &[]).is_err());
    assert!(verify(&client, KeyUsage::server_auth(), &[]).is_err());
}

#[test]
fn expired() {
    assert!(matches!(verdict(Fault::Expired), Error::CertExpired { .. }));
}

#[test]
fn not_yet_valid() {
    assert!(matches!(
        verdict(Fault::NotYetValid),
        Error::CertNotValidYet { .. }
    ));
}

#[test]
fn wrong_name() {
    assert!(matches!(verdict(Fault::WrongName), Error::CertNotValidForName(_)));
    assert_eq!(
        uris(&faulty(Fault::WrongName)),
        ["spiffe://wrong-name.invalid/wrong"]
    );
    verify(
        &faulty(Fault::WrongName),
        KeyUsage::server_auth(),
        &["wrong-name.invalid"],
    )
    .unwrap();
}

#[test]
fn no_names() {
    assert!(matches!(verdict(Fault::NoNames), Error::CertNotValidForName(_)));
    verify(&faulty(Fault::NoNames), KeyUsage::server_auth(), &[]).unwrap();
}

#[test]
fn two_spiffe_ids() {
    let issued = faulty(Fault::TwoSpiffeIds);
    verify(&issued, KeyUsage::server_auth(), &["orders.shop.svc"]).unwrap();
    assert_eq!(
        uris(&issued),
        [
            "spiffe://shop/ns/shop/sa/orders",
            "spiffe://wrong-name.invalid/wrong"
        ]
    );
}

#[test]
fn foreign_ca() {
    assert_eq!(verdict(Fault::ForeignCa), Error::UnknownIssuer);
}

#[test]
fn self_signed() {
    assert_eq!(verdict(Fault::SelfSigned), Error::UnknownIssuer);
    assert_eq!(faulty(Fault::SelfSigned).chain_der().len(), 1);
}

#[test]
fn missing_intermediate() {
    assert_eq!(verdict(Fault::MissingIntermediate), Error::UnknownIssuer);
}

#[test]
fn expired_intermediate() {
    let Error::CertExpired { not_after, .. } = verdict(Fault::ExpiredIntermediate) else {
        panic!("the intermediate is not expired")
    };
    assert!(not_after < now());
}

#[test]
fn wrong_usage() {
    assert!(matches!(
        verdict(Fault::WrongUsage),
        Error::RequiredEkuNotFoundContext(_)
    ));
}

#[test]
fn mismatched_key() {
    let issued = faulty(Fault::MismatchedKey);
    verify(&issued, KeyUsage::server_auth(), &["orders.shop.svc"]).unwrap();
    let key = rcgen::KeyPair::from_pem(&issued.key_pem()).unwrap();
    let chain = issued.chain_der();
    let leaf = EndEntityCert::try_from(&chain[0]).unwrap();
    assert_ne!(
        leaf.subject_public_key_info().as_ref(),
        rcgen::PublicKeyData::subject_public_key_info(&key)
    );
}

#[test]
fn the_bearer_of_a_faulty_leaf_still_trusts_its_own_root() {
    let authority = Authority::new("shop").unwrap();
    for fault in Fault::ALL {
        let issued = authority.issue_faulty(fault, &orders()).unwrap();
        assert_eq!(issued.ca_der(), authority.root_der(), "{fault}");
    }
}

#[test]
fn two_authorities_of_one_name_are_strangers() {
    let ours = Authority::new("shop").unwrap();
    let issued = Authority::new("shop").unwrap().issue(&orders()).unwrap();
    let verdict = verify_below(&ours.root_der(), &issued, KeyUsage::server_auth(), &[]);
    assert_eq!(verdict, Err(Error::UnknownIssuer));
}

#[test]
fn only_the_revoked_leaf_is_refused() {
    let authority = Authority::new("shop").unwrap();
    let (revoked, other) = (
        authority.issue(&orders()).unwrap(),
        authority.issue(&orders()).unwrap(),
    );
    let lists: Vec<CertRevocationList<'_>> = authority
        .revoke([revoked.serial()])
        .unwrap()
        .der()
        .iter()
        .map(|der| OwnedCertRevocationList::from_der(der).unwrap().into())
        .collect();
    let lists: Vec<&CertRevocationList<'_>> = lists.iter().collect();

    let check = |issued| verify_with(issued, KeyUsage::client_auth(), &[], &lists);
    assert_eq!(check(&revoked), Err(Error::CertRevoked));
    assert_eq!(check(&other), Ok(()));
}

#[test]
fn a_revocation_list_names_the_serial_that_the_certificate_has() {
    let authority = Authority::new("shop").unwrap();
    for _ in 0..50 {
        let issued = authority.issue(&orders()).unwrap();
        let chain = issued.chain_der();
        assert_eq!(
            EndEntityCert::try_from(&chain[0]).unwrap().serial(),
            issued.serial()
        );
        let lists = authority.revoke([issued.serial()]).unwrap();
        let list = BorrowedCertRevocationList::from_der(&lists.der()[0])
            .unwrap()
            .to_owned()
            .unwrap();
        assert!(
            CertRevocationList::from(list)
                .find_serial(issued.serial())
                .unwrap()
                .is_some()
        );
    }
}

#[test]
fn a_leaf_must_not_outlive_its_authority() {
    let short = Validity::lasting(Duration::from_secs(60));
    let authority = Authority::with_validity("shop", short).unwrap();

    let asked = orders().with_validity(Validity::lasting(Duration::from_secs(3600)));
    let error = authority.issue(&asked).unwrap_err();
    assert!(
        error.to_string().contains("would outlive its authority"),
        "{error}"
    );
    assert!(error.is_usage());

    // What was not asked for is cut to fit.
    verify(&authority.issue(&orders()).unwrap(), KeyUsage::server_auth(), &[]).unwrap();
}

#[test]
fn an_authority_that_is_over_issues_only_what_is_over_too() {
    let past = Validity::expired();
    let authority = Authority::with_validity("shop", past).unwrap();
    assert!(authority.issue(&orders()).is_err());
    let issued = authority.issue(&orders().with_validity(past)).unwrap();
    assert!(matches!(
        verify(&issued, KeyUsage::server_auth(), &[]),
        Err(Error::CertExpired { .. })
    ));
}

#[test]
fn a_leaf_without_any_name_is_refused() {
    let error = Authority::new("shop")
        .unwrap()
        .issue(&Request::new("orders"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"orders\" needs at least one DNS name, IP address or SPIFFE ID"
    );
}
