//! Behind TLS: faults below HTTP come before the handshake, the others after it; a cut lacks `close_notify`.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{io, sync::Arc};

use outrigger_certs_dev::{Authority, Request};
use outrigger_faults::{Fault, Server};
use rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let authority = Authority::new("faults").unwrap();
    let leaf = authority
        .issue(&Request::new("server").with_dns("localhost"))
        .unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(leaf.chain_der(), leaf.key_der())
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.root_der()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

/// The handshake, a request, and all that comes.
async fn exchange(fault: Fault) -> io::Result<(String, io::Result<usize>)> {
    let (server, client) = configs();
    let server = Server::start_tls(fault, server);
    let stream = TcpStream::connect(server.addr()).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(client).connect(name, stream).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await?;
    let mut bytes = Vec::new();
    let ending = stream.read_to_end(&mut bytes).await;
    Ok((String::from_utf8(bytes).unwrap(), ending))
}

#[tokio::test]
async fn a_close_is_announced() {
    let (said, ending) = exchange(Fault::EarlyAnswer).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 413 "));
    drop(ending); // abandoned: as the kernel likes
    let (said, ending) = exchange(Fault::CloseBeforeHead).await.unwrap();
    assert_eq!((said.as_str(), ending.unwrap()), ("", 0));
}

#[tokio::test]
async fn a_cut_is_not_announced() {
    let (said, ending) = exchange(Fault::CutInBody).await.unwrap();
    assert!(said.ends_with("\r\n\r\npart"));
    assert_eq!(ending.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_reset_is_a_reset_of_the_connection_below() {
    let (_, ending) = exchange(Fault::ResetBeforeHead).await.unwrap();
    assert_eq!(ending.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_alert_is_read_as_one_in_the_handshake() {
    let error = exchange(Fault::TlsAlert(40)).await.unwrap_err();
    let error = error.get_ref().unwrap().downcast_ref::<rustls::Error>().unwrap();
    assert_eq!(
        *error,
        rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure)
    );
}

#[tokio::test]
async fn faults_below_http_break_the_handshake() {
    for (fault, kind) in [
        (Fault::CloseOnFirstBytes, io::ErrorKind::UnexpectedEof),
        (Fault::ResetOnFirstBytes, io::ErrorKind::ConnectionReset),
        (Fault::SshBanner, io::ErrorKind::InvalidData),
    ] {
        assert_eq!(exchange(fault).await.unwrap_err().kind(), kind, "{fault:?}");
    }
}
