//! Servers whose chain nearly fits the bundle: an authority's name without its key, an authority as a leaf.

mod common;

use std::sync::Arc;

use common::*;
use outrigger_gateway::{Failure, Reason};
use outrigger_identity::{Identity, Pem};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::version::TLS13;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::duplex;
use tokio_rustls::TlsAcceptor;

type Ca = CertifiedIssuer<'static, KeyPair>;

fn named(names: &[&str], common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("the names are names");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn ca(common_name: &str) -> Ca {
    let mut params = named(&[], common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key can be made"))
        .expect("it signs itself")
}

fn key(pair: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(pair.serialize_der()).into()
}

/// A client that trusts `ca`.
fn client_of(ca: &Ca) -> Identity {
    let pair = KeyPair::generate().expect("a key can be made");
    let leaf = named(&["web.example"], "web")
        .signed_by(&pair, ca)
        .expect("the authority signs");
    let (cert, key, trust) = (leaf.pem(), pair.serialize_pem(), ca.pem());
    let pem = Pem {
        cert: cert.as_bytes(),
        key: key.as_bytes(),
        trust: trust.as_bytes(),
        crl: &[],
    };
    Identity::from_pem(&pem).expect("it fits together")
}

async fn refused(ca: &Ca, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Failure {
    let config = serve_anything(&TLS13, chain, key, ca.der().clone());
    let connector = connector(&client_of(ca), by_name(NAME));
    let (near, far) = duplex(1 << 16);
    let (client, _) = tokio::join!(
        connector.connect(near),
        TlsAcceptor::from(Arc::new(config)).accept(far)
    );
    client.expect_err("the certificate is refused")
}

#[tokio::test]
async fn an_authority_of_the_same_name_with_another_key_is_told_as_that() {
    let (old, renewed) = (ca("shop"), ca("shop"));
    let pair = KeyPair::generate().unwrap();
    let leaf = named(&[NAME], "orders").signed_by(&pair, &old).unwrap();

    let failure = refused(&renewed, vec![leaf.der().clone()], key(&pair)).await;

    assert_eq!(failure.reason(), Reason::CertificateUnknownCa);
    assert_eq!(
        failure.detail().unwrap(),
        "the upstream's certificate (CN=orders): the bundle has an authority named CN=shop, \
         but with another key; was it renewed, or is it a foreign one?"
    );
}

#[tokio::test]
async fn a_self_signed_authority_as_a_leaf_is_told_as_self_signed() {
    let mut params = named(&[NAME], "orders");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pair = KeyPair::generate().unwrap();
    let leaf = params.self_signed(&pair).unwrap();

    let failure = refused(&ca("shop"), vec![leaf.der().clone()], key(&pair)).await;

    assert_eq!(failure.reason(), Reason::CertificateUnknownCa);
    assert_eq!(
        failure.detail().unwrap(),
        "the upstream's certificate (CN=orders) is self-signed and not in the bundle"
    );
}

#[tokio::test]
async fn an_authority_that_the_bundle_holds_is_still_no_leaf() {
    let mut params = named(&[NAME], "orders");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pair = KeyPair::generate().unwrap();
    let served = KeyPair::try_from(&PrivatePkcs8KeyDer::from(pair.serialize_der())).unwrap();
    let both = CertifiedIssuer::self_signed(params, pair).unwrap();

    let failure = refused(&both, vec![both.der().clone()], key(&served)).await;

    assert_eq!(failure.reason(), Reason::CertificateWrongUsage);
    assert_eq!(
        failure.detail().unwrap(),
        "the upstream's certificate (CN=orders) is an authority's, which may not be used by a peer"
    );
}

#[tokio::test]
async fn a_chain_to_a_root_that_is_not_in_the_bundle_names_that_root() {
    let foreign = ca("elsewhere");
    let pair = KeyPair::generate().unwrap();
    let leaf = named(&[NAME], "orders").signed_by(&pair, &foreign).unwrap();

    let failure = refused(
        &ca("shop"),
        vec![leaf.der().clone(), foreign.der().clone()],
        key(&pair),
    )
    .await;

    assert_eq!(failure.reason(), Reason::CertificateUnknownCa);
    assert_eq!(
        failure.detail().unwrap(),
        "the upstream's certificate (CN=orders) comes from CN=elsewhere, which is not in the bundle"
    );
}
