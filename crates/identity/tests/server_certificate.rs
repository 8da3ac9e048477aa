//! Each fault of a server's certificate is told by its own reason, with dates, names and what was expected.

mod common;

use common::*;
use outrigger_certs_dev::{Authority, Fault, Request, Usage};
use outrigger_gateway::{Failure, Reason};
use outrigger_identity::{Alpn, Expect, HandshakeResult, Peer};

/// What connecting to a server with this certificate fails with, and what the server hears of it.
async fn refused(authority: &Authority, fault: Fault, expect: Expect) -> (Failure, String) {
    let acceptor = acceptor(&faulty(authority, fault, &orders()));
    let connector = connector(&good(authority, &web()), expect);
    let (client, server) = shake(&connector, &acceptor).await;
    let failure = client.expect_err("the certificate is refused");
    assert!(failure.unprocessed(), "nothing was sent: {failure}");
    (
        failure,
        server
            .expect_err("the server is told")
            .result()
            .label()
            .to_owned(),
    )
}

#[tokio::test]
async fn a_good_server_is_taken_by_name_by_id_or_by_both() {
    let authority = authority();
    let (acceptor, web) = (acceptor(&good(&authority, &orders())), good(&authority, &web()));
    let both = Expect {
        spiffe: by_id(&[ID]).spiffe,
        ..by_name(NAME)
    };

    for expect in [by_name(NAME), by_id(&["spiffe://shop/ns/shop/sa/*"]), both] {
        let (client, server) = shake(&connector(&web, expect), &acceptor).await;
        let (client, server) = (client.unwrap(), server.unwrap());

        assert_eq!(Alpn::of(client.get_ref().1), Some(Alpn::H2));
        assert_eq!(Alpn::of(server.get_ref().1), Some(Alpn::H2));
        assert_eq!(
            Peer::of(client.get_ref().1).unwrap().spiffe().unwrap().as_str(),
            ID
        );
        assert_eq!(
            Peer::of(server.get_ref().1).unwrap().certificate().label(),
            "CN=web"
        );
    }
}

#[tokio::test]
async fn an_expired_certificate_is_told_with_its_date() {
    let (failure, server) = refused(&authority(), Fault::Expired, by_name(NAME)).await;

    assert_eq!(failure.reason(), Reason::CertificateExpired);
    let detail = failure.detail().unwrap();
    assert!(
        detail.starts_with("the upstream's certificate expired 1 h"),
        "{detail}"
    );
    assert!(detail.contains(" ago: CN=orders, notAfter 20"), "{detail}");
    assert_eq!(server, "alert_certificate_expired");
    assert_eq!(
        HandshakeResult::of_failure(&failure).label(),
        "certificate_expired"
    );
}

#[tokio::test]
async fn a_certificate_not_yet_valid_is_told_with_its_date() {
    let (failure, server) = refused(&authority(), Fault::NotYetValid, by_name(NAME)).await;

    assert_eq!(failure.reason(), Reason::CertificateNotYetValid);
    let detail = failure.detail().unwrap();
    assert!(
        detail.starts_with("the upstream's certificate is valid only in "),
        "{detail}"
    );
    assert!(detail.contains("CN=orders, notBefore 20"), "{detail}");
    assert_eq!(server, "alert_certificate_expired");
}

#[tokio::test]
async fn an_expired_intermediate_is_told_apart_from_the_leaf() {
    let (failure, _) = refused(&authority(), Fault::ExpiredIntermediate, by_name(NAME)).await;

    assert_eq!(failure.reason(), Reason::CertificateExpired);
    let detail = failure.detail().unwrap();
    assert!(
        detail.starts_with("an intermediate of the upstream's certificate expired "),
        "{detail}"
    );
    assert!(!detail.contains("CN=orders"), "{detail}");
}

#[tokio::test]
async fn a_wrong_name_is_told_with_the_names_it_has_and_the_one_expected() {
    let (failure, server) = refused(&authority(), Fault::WrongName, by_name(NAME)).await;

    assert_eq!(failure.reason(), Reason::CertificateWrongName);
    assert_eq!(
        failure.detail().unwrap(),
        "the upstream's certificate is for wrong-name.invalid; expected orders.shop.svc"
    );
    assert_eq!(server, "alert_bad_certificate");
}

#[tokio::test]
async fn a_certificate_without_names_says_so() {
    let (failure, _) = refused(&authority(), Fault::NoNames, by_name(NAME)).await;

    assert_eq!(failure.reason(), Reason::CertificateWrongName);
    assert_eq!(
        failure.detail().unwrap(),
        "the upstream's certificate has no DNS name or address; expected orders.shop.svc"
    );
}

#[tokio::test]
async fn a_wrong_spiffe_id_is_told_with_the_id_it_has_and_those_expected() {
    let expect = by_id(&["spiffe://shop/ns/a/sa/b", "spiffe://shop/ns/web/*"]);
    let (failure, server) = refused(&authority(), Fault::WrongName, expect).await;

    assert_eq!(failure.reason(), Reason::CertificateWrongName);
    assert_eq!(
        failure.detail().unwrap(),
        "the upstream presented spiffe://wrong-name.invalid/wrong; \
         expected one of spiffe://shop/ns/a/sa/b, spiffe://shop/ns/web/*"
    );
    assert_eq!(server, "alert_access_denied");
}

#[tokio::test]
async fn the_name_does_not_make_up_for_a_wrong_id_nor_the_id_for_a_wrong_name() {
    let authority = authority();
    let (acceptor, web) = (acceptor(&good(&authority, &orders())), good(&authority, &web()));
    let wrong_id = Expect {
        spiffe: by_id(&["spiffe://shop/ns/shop/sa/cart"]).spiffe,
        ..by_name(NAME)
    };
    let wrong_name = Expect {
        spiffe: by_id(&[ID]).spiffe,
        ..by_name("cart.shop.svc")
    };

    for expect in [wrong_id, wrong_name] {
        let (client, _) = shake(&connector(&web, expect), &acceptor).await;
        assert_eq!(client.unwrap_err().reason(), Reason::CertificateWrongName);
    }
}

#[tokio::test]
async fn an_id_among_several_uri_names_is_no_id() {
    let (failure, _) = refused(&authority(), Fault::TwoSpiffeIds, by_id(&[ID])).await;

    assert_eq!(failure.reason(), Reason::CertificateWrongName);
    assert!(
        failure.detail().unwrap().contains("several URI names"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_certificate_without_an_id_is_no_match_for_one() {
    let authority = authority();
    let plain = good(&authority, &Request::new("orders").with_dns(NAME));
    let (client, _) = shake(
        &connector(&good(&authority, &web()), by_id(&[ID])),
        &acceptor(&plain),
    )
    .await;

    assert_eq!(
        client.unwrap_err().detail().unwrap(),
        format!("the upstream presented a certificate without a SPIFFE ID; expected {ID}")
    );
}

#[tokio::test]
async fn an_unknown_authority_is_named() {
    let (failure, server) = refused(&authority(), Fault::ForeignCa, by_name(NAME)).await;

    assert_eq!(failure.reason(), Reason::CertificateUnknownCa);
    let detail = failure.detail().unwrap();
    assert!(
        detail.contains("the upstream's certificate (CN=orders): issuer "),
        "{detail}"
    );
    assert!(
        detail.ends_with("is neither in the chain it sent nor in the bundle"),
        "{detail}"
    );
    assert_eq!(server, "alert_unknown_ca");
}

#[tokio::test]
async fn a_self_signed_certificate_is_called_so() {
    let (failure, server) = refused(&authority(), Fault::SelfSigned, by_name(NAME)).await;

    assert_eq!(failure.reason(), Reason::CertificateUnknownCa);
    assert_eq!(
        failure.detail().unwrap(),
        "the upstream's certificate (CN=orders) is self-signed and not in the bundle"
    );
    assert_eq!(server, "alert_unknown_ca");
}

#[tokio::test]
async fn a_missing_intermediate_shows_as_an_issuer_that_is_nowhere() {
    let (failure, _) = refused(&authority(), Fault::MissingIntermediate, by_name(NAME)).await;

    assert_eq!(failure.reason(), Reason::CertificateUnknownCa);
    let detail = failure.detail().unwrap();
    assert!(detail.contains("issuer CN="), "{detail}");
    assert!(
        detail.ends_with("is neither in the chain it sent nor in the bundle"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_certificate_for_clients_only_is_not_taken_from_a_server() {
    let authority = authority();
    let client_only = good(&authority, &orders().with_usage(Usage::Client));
    let (client, server) = shake(
        &connector(&good(&authority, &web()), by_name(NAME)),
        &acceptor(&client_only),
    )
    .await;

    let failure = client.unwrap_err();
    assert_eq!(failure.reason(), Reason::CertificateWrongUsage);
    assert_eq!(
        failure.detail().unwrap(),
        "the upstream's certificate (CN=orders) may not be used by servers (its extended key usage is ClientAuth)"
    );
    assert_eq!(
        server.unwrap_err().result().label(),
        "alert_unsupported_certificate"
    );
}

#[tokio::test]
async fn a_revoked_certificate_is_told_with_its_serial_number() {
    let authority = authority();
    let issued = authority.issue(&orders()).unwrap();
    let lists = authority.revoke([issued.serial()]).unwrap();
    let web = authority.issue(&web()).unwrap();
    let pem = lists.pem();
    let web = identity_trusting(&web, &authority.root_pem(), &[pem.as_bytes()]);

    let (client, server) = shake(&connector(&web, by_name(NAME)), &acceptor(&identity(&issued))).await;

    let failure = client.unwrap_err();
    assert_eq!(failure.reason(), Reason::CertificateRevoked);
    let serial: String = issued.serial().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(
        failure.detail().unwrap().contains(&format!("serial {serial}")),
        "{failure} {serial}"
    );
    assert_eq!(server.unwrap_err().result().label(), "alert_certificate_revoked");
}

#[tokio::test]
async fn a_revocation_list_spares_those_that_it_does_not_name() {
    let authority = authority();
    let lists = authority.revoke([[1_u8, 2, 3].as_slice()]).unwrap().pem();
    let web = authority.issue(&web()).unwrap();
    let web = identity_trusting(&web, &authority.root_pem(), &[lists.as_bytes()]);

    let (client, _) = shake(
        &connector(&web, by_name(NAME)),
        &acceptor(&good(&authority, &orders())),
    )
    .await;

    assert!(client.is_ok());
}
