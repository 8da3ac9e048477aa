//! Is the peer who it must be? Chain, validity, usage and revocation by webpki; names and SPIFFE IDs here.
//!
//! Revocation lists, where given, are asked for every certificate of the chain. A certificate whose authority has
//! no list is not refused, and a list past its `nextUpdate` still revokes what it names (loading warns of it): a
//! missing list must not take a service down, a known revocation always holds.
//!
//! Source: RFC 5280 §6, RFC 9525 (names), X509-SVID §2 (exactly one URI name).

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::{
    Certificate, Expect, Identity, Role, SetupError, SpiffeId,
    certificate::Essentials,
    explain::{Case, Presenter},
    handshake::{self, Refusal},
    sessions::Sessions,
    tls,
};

/// Verifies servers for a [`Connector`](crate::Connector).
#[derive(Debug)]
pub(crate) struct ServerVerifier {
    chain: Arc<WebPkiServerVerifier>,
    certificates: Arc<[Certificate]>,
    expect: Expect,
    sessions: Arc<Sessions>,
}

impl ServerVerifier {
    pub(crate) fn try_new(
        identity: &Identity,
        expect: Expect,
        sessions: Arc<Sessions>,
    ) -> Result<Self, SetupError> {
        let chain =
            WebPkiServerVerifier::builder_with_provider(identity.roots.clone(), tls::provider().clone())
                .with_crls(identity.revocation_lists.iter().cloned())
                .allow_unknown_revocation_status()
                .build()?;
        Ok(Self {
            chain,
            certificates: identity.certificates.clone(),
            expect,
            sessions,
        })
    }

    /// Chain, then DNS name or address if one is expected.
    fn verify_chain(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        match self.chain.verify_server_cert(leaf, intermediates, name, &[], now) {
            // webpki looks at the name last, so the chain is good; without a name to expect, the ID decides.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.expect.server_name.is_none() => Ok(()),
            result => result.map(drop),
        }
    }

    /// Whether a workload with this ID is expected; without IDs to expect, the name has decided.
    fn expects(&self, id: Option<&SpiffeId>) -> bool {
        let workload = id.filter(|id| id.names_workload());
        self.expect.spiffe.is_empty() || workload.is_some_and(|id| self.expect.allows(id))
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let case = || case(Presenter::Upstream, leaf, intermediates, &self.certificates);
        self.verify_chain(leaf, intermediates, name, now)
            .inspect_err(|error| note(error, case))?;
        let Essentials { spiffe, not_after } = essentials(leaf)?;
        if !self.expects(spiffe.as_ref()) {
            handshake::refuse(case().wrong_id(&self.expect.spiffe));
            // The server is told access_denied: its certificate is good, but not for this.
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        self.sessions.until(not_after);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Verifies clients for an [`Acceptor`](crate::Acceptor): whoever has a certificate from the bundle.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    certificates: Arc<[Certificate]>,
}

impl ClientVerifier {
    pub(crate) fn try_new(identity: &Identity) -> Result<Self, SetupError> {
        // No hints: the subjects of a large bundle would make every handshake kilobytes longer.
        let chain =
            WebPkiClientVerifier::builder_with_provider(identity.roots.clone(), tls::provider().clone())
                .with_crls(identity.revocation_lists.iter().cloned())
                .allow_unknown_revocation_status()
                .clear_root_hint_subjects()
                .build()?;
        Ok(Self {
            chain,
            certificates: identity.certificates.clone(),
        })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let case = || case(Presenter::Client, leaf, intermediates, &self.certificates);
        let verified = self
            .chain
            .verify_client_cert(leaf, intermediates, now)
            .inspect_err(|error| note(error, case))?;
        handshake::vouch_until(essentials(leaf)?.not_after);
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// webpki took the leaf already; what it takes and x509-parser does not is refused all the same.
fn essentials(leaf: &CertificateDer<'_>) -> Result<Essentials, Error> {
    Essentials::read(leaf).map_err(|_| CertificateError::BadEncoding.into())
}

fn note<'a>(error: &Error, case: impl Fn() -> Case<'a>) {
    if let Error::InvalidCertificate(certificate_error) = error {
        let refusal: Refusal = case().explain(certificate_error);
        handshake::refuse(refusal);
    }
}

fn case<'a>(
    presenter: Presenter,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    known: &'a [Certificate],
) -> Case<'a> {
    let presented =
        std::iter::once((Role::Peer, leaf)).chain(intermediates.iter().map(|der| (Role::Intermediate, der)));
    let chain = presented
        .map_while(|(role, der)| Certificate::read(role, der).ok())
        .collect();
    let first_anchor = known
        .iter()
        .position(|certificate| certificate.role == Role::Anchor)
        .unwrap_or(known.len());
    Case {
        presenter,
        chain,
        anchors: &known[first_anchor..],
    }
}
