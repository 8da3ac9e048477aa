//! What the handshake tests share: an authority, identities of it, and one handshake between two ends.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::{io, sync::Arc};

use outrigger_certs_dev::{Authority, Fault, Issued, Request};
use outrigger_gateway::Failure;
use outrigger_identity::{
    AcceptError, Acceptor, ClientAuth, ClientSettings, Connector, Expect, Identity, Pem, ServerName,
    ServerSettings,
};
use rustls::{ServerConfig, SupportedProtocolVersion, crypto::aws_lc_rs, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::{TlsAcceptor, client, server};

/// The DNS name of the server in all tests.
pub(crate) const NAME: &str = "orders.shop.svc";
/// Its SPIFFE ID.
pub(crate) const ID: &str = "spiffe://shop/ns/shop/sa/orders";

pub(crate) fn authority() -> Authority {
    Authority::new("shop").expect("an authority can be made")
}

pub(crate) fn orders() -> Request {
    Request::new("orders").with_dns(NAME).with_spiffe(ID)
}

pub(crate) fn web() -> Request {
    Request::new("web")
        .with_dns("web.shop.svc")
        .with_spiffe("spiffe://shop/ns/web/sa/web")
}

pub(crate) fn identity(issued: &Issued) -> Identity {
    identity_trusting(issued, &issued.ca_pem(), &[])
}

pub(crate) fn identity_trusting(issued: &Issued, trust: &str, crl: &[&[u8]]) -> Identity {
    let (cert, key) = (issued.chain_pem(), issued.key_pem());
    let pem = Pem {
        cert: cert.as_bytes(),
        key: key.as_bytes(),
        trust: trust.as_bytes(),
        crl,
    };
    Identity::from_pem(&pem).expect("what the authority issues can be loaded")
}

pub(crate) fn good(authority: &Authority, request: &Request) -> Identity {
    identity(&authority.issue(request).expect("a good leaf can be issued"))
}

pub(crate) fn faulty(authority: &Authority, fault: Fault, request: &Request) -> Identity {
    let issued = authority
        .issue_faulty(fault, request)
        .expect("a faulty leaf can be issued");
    identity_trusting(&issued, &authority.root_pem(), &[])
}

pub(crate) fn by_name(name: &'static str) -> Expect {
    Expect::name(ServerName::try_from(name).expect("the test's name is one"))
}

pub(crate) fn by_id(patterns: &[&str]) -> Expect {
    Expect::spiffe(
        patterns
            .iter()
            .map(|pattern| pattern.parse().expect("the test's pattern is one"))
            .collect(),
    )
}

pub(crate) fn connector(identity: &Identity, expect: Expect) -> Connector {
    Connector::try_new(identity, ClientSettings::new(expect)).expect("a connector can be made")
}

pub(crate) fn acceptor(identity: &Identity) -> Acceptor {
    Acceptor::try_new(identity, ServerSettings::new(ClientAuth::Required)).expect("an acceptor can be made")
}

pub(crate) type ClientSide = Result<client::TlsStream<DuplexStream>, Failure>;
pub(crate) type ServerSide = Result<server::TlsStream<DuplexStream>, AcceptError>;

/// One handshake, both ends at once.
pub(crate) async fn shake(connector: &Connector, acceptor: &Acceptor) -> (ClientSide, ServerSide) {
    let (near, far) = duplex(1 << 16);
    tokio::join!(connector.connect(near), acceptor.accept(far))
}

/// One handshake that succeeds, and a byte each way: tickets arrive with the server's.
pub(crate) async fn exchange(
    connector: &Connector,
    acceptor: &Acceptor,
) -> (bool, Option<outrigger_identity::Peer>) {
    let (client, server) = shake(connector, acceptor).await;
    let (mut client, mut server) = (client.expect("it connects"), server.expect("it accepts"));
    let mut byte = [0];
    server.write_all(b"x").await.expect("the server can write");
    client.read_exact(&mut byte).await.expect("the client can read");
    let resumed = client.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
    (resumed, outrigger_identity::Peer::of(server.get_ref().1))
}

/// A server that speaks one version only and answers over `io`; its own error is kept.
pub(crate) async fn serve_version(
    version: &'static SupportedProtocolVersion,
    issued: &Issued,
    alpn: &[&[u8]],
    io: DuplexStream,
) -> io::Result<server::TlsStream<DuplexStream>> {
    let mut config = serve_anything(version, issued.chain_der(), issued.key_der(), issued.ca_der());
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config)).accept(io).await
}

/// A server that presents what no identity of ours could hold.
pub(crate) fn serve_anything(
    version: &'static SupportedProtocolVersion,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    trust: CertificateDer<'static>,
) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trust).expect("the root can be trusted");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .expect("a verifier can be made");
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("the version is known")
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .expect("key and certificate match")
}
