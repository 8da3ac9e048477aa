//! Handshakes that end otherwise than with a certificate: alerts by name, answers that are none, no common ground.

use std::{fmt::Write, sync::Arc};

use outrigger_faults::{Fault, Hello, Server};
use outrigger_gateway::Extra;
use rustls::{
    AlertDescription, CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
    version::{TLS12, TLS13},
};

use super::{BY_NAME, ask, sidecar};
use crate::harness::{Certificates, Reply, presenting};

/// Status, error and reason of a reply.
fn told(reply: &Reply) -> (u16, String, String) {
    (
        reply.status.as_u16(),
        reply.error().unwrap_or_default(),
        reply.reason().unwrap_or_default(),
    )
}

/// How a reply differs from an alert of this number and name.
fn differs_from_alert(reply: &Reply, id: u8, name: &str) -> Option<String> {
    let expected = (502, "tls_alert_received".to_owned(), "tls_alert".to_owned());
    let members = reply.proxy_status();
    let extra = |key| members.first().and_then(|member| member.extra.get(key));
    let as_expected = told(reply) == expected
        && extra("alert-id") == Some(Extra::Integer(id.into()))
        && extra("alert-message") == Some(Extra::Token(name.to_owned()))
        && reply.details().contains(name);
    (!as_expected).then(|| format!("{name} ({id}): {:?} {}", told(reply), reply.details()))
}

#[rustfmt::skip]
const ALERTS: &[(u8, &str)] = &[
    (10, "unexpected_message"),     (20, "bad_record_mac"),           (22, "record_overflow"),
    (40, "handshake_failure"),      (42, "bad_certificate"),          (43, "unsupported_certificate"),
    (44, "certificate_revoked"),    (45, "certificate_expired"),      (46, "certificate_unknown"),
    (47, "illegal_parameter"),      (48, "unknown_ca"),               (49, "access_denied"),
    (50, "decode_error"),           (51, "decrypt_error"),            (70, "protocol_version"),
    (71, "insufficient_security"),  (80, "internal_error"),           (86, "inappropriate_fallback"),
    (109, "missing_extension"),     (110, "unsupported_extension"),   (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),                         (115, "unknown_psk_identity"),
    (116, "certificate_required"),  (120, "no_application_protocol"), (200, "unknown"),
];

#[tokio::test]
async fn each_alert_in_a_handshake_is_told_by_number_and_name() {
    let certificates = Certificates::new();
    let mut wrong = String::new();
    for (id, name) in ALERTS {
        let server = Server::start(Fault::TlsAlert(*id));
        let reply = ask(&sidecar(&certificates, &server, BY_NAME).await).await;
        if let Some(how) = differs_from_alert(&reply, *id, name) {
            writeln!(wrong, "{how}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Refuses every client's certificate for one reason.
#[derive(Debug)]
struct Refusing(CertificateError, Arc<CryptoProvider>);

impl ClientCertVerifier for Refusing {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Err(Error::InvalidCertificate(self.0.clone()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            signature,
            &self.1.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            signature,
            &self.1.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.1.signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test]
async fn each_way_to_refuse_our_certificate_is_told_as_its_alert_by_both_versions() {
    #[rustfmt::skip]
    let table = [
        (CertificateError::BadEncoding,                    "bad_certificate"),
        (CertificateError::InvalidPurpose,                 "unsupported_certificate"),
        (CertificateError::Revoked,                        "certificate_revoked"),
        (CertificateError::Expired,                        "certificate_expired"),
        (CertificateError::NotValidYet,                    "certificate_expired"),
        (CertificateError::UnknownIssuer,                  "unknown_ca"),
        (CertificateError::ApplicationVerificationFailure, "access_denied"),
        (CertificateError::BadSignature,                   "decrypt_error"),
    ];
    let certificates = Certificates::new();
    let orders = certificates
        .authority
        .issue(&Certificates::workload("orders"))
        .unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut wrong = String::new();
    for (error, name) in table {
        for version in [&TLS12, &TLS13] {
            let key = provider.key_provider.load_private_key(orders.key_der()).unwrap();
            let certified = rustls::sign::CertifiedKey::new(orders.chain_der(), key);
            let config = ServerConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(&[version])
                .unwrap()
                .with_client_cert_verifier(Arc::new(Refusing(error.clone(), provider.clone())))
                .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
            let server = Server::start_tls(Fault::None, Arc::new(config));
            let reply = ask(&sidecar(&certificates, &server, BY_NAME).await).await;
            let alert = u8::from(AlertDescription::from(error.clone()));
            if let Some(how) = differs_from_alert(&reply, alert, name) {
                writeln!(wrong, "{version:?} {error:?}: {how}").unwrap();
            }
            if !reply.details().contains("CN=web") && name != "decrypt_error" {
                writeln!(
                    wrong,
                    "{name}: which certificate is not told: {}",
                    reply.details()
                )
                .unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn what_answers_a_hello_with_something_else_is_told_as_bad_tls() {
    let certificates = Certificates::new();
    let mut wrong = String::new();
    for hello in Hello::ALL.iter().filter(|hello| **hello != Hello::Warning) {
        let server = Server::start(Fault::Hello(*hello));
        let reply = ask(&sidecar(&certificates, &server, BY_NAME).await).await;
        if told(&reply) != (502, "tls_protocol_error".to_owned(), "tls_protocol".to_owned())
            || reply.details().is_empty()
        {
            writeln!(wrong, "{hello:?}: {:?} {}", told(&reply), reply.details()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let server = Server::start(Fault::Hello(Hello::PlainHttp));
    let reply = ask(&sidecar(&certificates, &server, BY_NAME).await).await;
    assert!(
        reply.details().contains("does not speak TLS"),
        "{}",
        reply.details()
    );
}

#[tokio::test]
async fn a_server_without_a_protocol_in_common_says_so_by_alert() {
    let certificates = Certificates::new();
    let orders = certificates
        .authority
        .issue(&Certificates::workload("orders"))
        .unwrap();
    let server = Server::start_tls(Fault::None, presenting(&orders, b"h3"));
    let reply = ask(&sidecar(&certificates, &server, BY_NAME).await).await;
    assert_eq!(differs_from_alert(&reply, 120, "no_application_protocol"), None);
}
