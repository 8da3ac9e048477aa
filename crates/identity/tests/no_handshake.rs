//! Peers that do not speak TLS, speak another kind of it, or leave.

mod common;

use std::time::Duration;

use common::*;
use outrigger_gateway::{Extra, Reason};
use outrigger_identity::{
    AcceptError, Alpn, ClientAuth, ClientSettings, Connector, HandshakeResult, ServerSettings,
};
use rustls::version::{TLS12, TLS13};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::{TcpListener, TcpStream},
};

#[tokio::test]
async fn a_server_that_speaks_plain_http_is_told_as_one_without_tls() {
    let connector = connector(&good(&authority(), &web()), by_name(NAME));
    let (near, mut far) = duplex(1 << 16);
    let server = async {
        let mut hello = [0; 64];
        far.read_exact(&mut hello).await.unwrap();
        far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    };
    let (client, ()) = tokio::join!(connector.connect(near), server);

    let failure = client.unwrap_err();
    assert_eq!(failure.reason(), Reason::TlsProtocol);
    assert_eq!(
        failure.detail().unwrap(),
        "the upstream does not speak TLS on this port"
    );
    assert!(failure.unprocessed());
    assert_eq!(HandshakeResult::of_failure(&failure), HandshakeResult::Plaintext);
}

#[tokio::test]
async fn a_server_that_closes_in_the_handshake_is_told() {
    let connector = connector(&good(&authority(), &web()), by_name(NAME));
    let (near, far) = duplex(1 << 16);
    drop(far);

    let failure = connector.connect(near).await.unwrap_err();
    // A duplex without its other end breaks the pipe on the write; a socket tells the end on the read.
    assert_eq!(failure.reason(), Reason::ClosedBeforeResponse);
    assert!(failure.unprocessed());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let server = async {
        let (mut far, _) = listener.accept().await.unwrap();
        far.read_exact(&mut [0; 64]).await.unwrap();
        far.shutdown().await.unwrap();
        far
    };
    let (client, _far) = tokio::join!(connector.connect(near), server);
    let failure = client.unwrap_err();
    assert_eq!(failure.reason(), Reason::TlsProtocol);
    assert_eq!(
        failure.detail().unwrap(),
        "the upstream closed the connection in the TLS handshake"
    );
    assert!(failure.unprocessed());
    assert_eq!(HandshakeResult::of_failure(&failure), HandshakeResult::Eof);
}

#[tokio::test]
async fn a_server_that_resets_in_the_handshake_is_told() {
    let connector = connector(&good(&authority(), &web()), by_name(NAME));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let server = async {
        let (mut far, _) = listener.accept().await.unwrap();
        far.read_exact(&mut [0; 64]).await.unwrap();
        // Unread bytes of the hello make the close a reset.
        drop(far);
    };
    let (client, ()) = tokio::join!(connector.connect(near), server);

    let failure = client.unwrap_err();
    assert_eq!(failure.reason(), Reason::ClosedBeforeResponse);
    assert!(failure.unprocessed());
    assert_eq!(HandshakeResult::of_failure(&failure), HandshakeResult::Reset);
}

#[tokio::test]
async fn a_server_without_a_common_application_protocol_sends_its_alert() {
    let authority = authority();
    let server = authority.issue(&orders()).unwrap();
    let connector = connector(&good(&authority, &web()), by_name(NAME));
    let (near, far) = duplex(1 << 16);
    let (client, _) = tokio::join!(
        connector.connect(near),
        serve_version(&TLS13, &server, &[b"smtp"], far)
    );

    let failure = client.unwrap_err();
    assert_eq!(failure.reason(), Reason::TlsAlert);
    assert_eq!(failure.extra()[0], ("alert-id", Extra::Integer(120)));
    assert_eq!(
        failure.extra()[1],
        ("alert-message", Extra::Token("no_application_protocol".into()))
    );
}

#[tokio::test]
async fn a_server_of_tls_12_is_spoken_to() {
    let authority = authority();
    let server = authority.issue(&orders()).unwrap();
    let connector = connector(&good(&authority, &web()), by_name(NAME));
    let (near, far) = duplex(1 << 16);
    let (client, _server) = tokio::join!(
        connector.connect(near),
        serve_version(&TLS12, &server, &[b"http/1.1"], far)
    );

    let client = client.unwrap();
    assert_eq!(
        client.get_ref().1.protocol_version(),
        Some(rustls::ProtocolVersion::TLSv1_2)
    );
    assert_eq!(Alpn::of(client.get_ref().1), Some(Alpn::Http11));
}

#[tokio::test]
async fn the_protocol_that_both_know_is_agreed_on() {
    let authority = authority();
    let (orders, web) = (good(&authority, &orders()), good(&authority, &web()));
    let offers: [(&'static [Alpn], _); 3] = [
        (&[Alpn::Http11], Some(Alpn::Http11)),
        (&[Alpn::Http11, Alpn::H2], Some(Alpn::H2)),
        (&[], None),
    ];
    for (alpn, agreed) in offers {
        let connector = Connector::try_new(
            &web,
            ClientSettings {
                alpn,
                ..ClientSettings::new(by_name(NAME))
            },
        )
        .unwrap();
        let (client, _server) = shake(&connector, &acceptor(&orders)).await;
        assert_eq!(Alpn::of(client.unwrap().get_ref().1), agreed, "{alpn:?}");
    }
}

#[tokio::test]
async fn a_client_that_offers_only_unknown_protocols_is_refused() {
    let authority = authority();
    let (orders, web) = (good(&authority, &orders()), good(&authority, &web()));
    let h2_only = ServerSettings {
        alpn: &[Alpn::H2],
        ..ServerSettings::new(ClientAuth::Required)
    };
    let acceptor = outrigger_identity::Acceptor::try_new(&orders, h2_only).unwrap();
    let settings = ClientSettings {
        alpn: &[Alpn::Http11],
        ..ClientSettings::new(by_name(NAME))
    };
    let (_, server) = shake(&Connector::try_new(&web, settings).unwrap(), &acceptor).await;

    assert_eq!(server.unwrap_err().result(), HandshakeResult::NoCommonAlpn);
}

#[tokio::test]
async fn a_client_may_ask_for_any_server_name() {
    let authority = authority();
    let acceptor = acceptor(&good(&authority, &orders()));
    let connector = connector(&good(&authority, &web()), by_name("never-heard-of.example"));
    let (client, server) = shake(&connector, &acceptor).await;

    assert_eq!(
        client.unwrap_err().reason(),
        Reason::CertificateWrongName,
        "that is for the client to say"
    );
    assert_eq!(server.unwrap_err().result().label(), "alert_bad_certificate");
}

#[tokio::test]
async fn a_client_that_speaks_plain_http_is_told_apart_from_a_port_scan() {
    let acceptor = acceptor(&good(&authority(), &orders()));

    let (mut near, far) = duplex(1 << 16);
    near.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let error = acceptor.accept(far).await.unwrap_err();
    assert_eq!(error.result().label(), "plaintext");
    assert_eq!(
        error.detail(),
        "the client does not speak TLS, which this port demands"
    );
    assert!(!error.is_noise());

    let (near, far) = duplex(1 << 16);
    drop(near);
    let error = acceptor.accept(far).await.unwrap_err();
    assert_eq!(error.result().label(), "eof");
    assert!(error.is_noise());
}

#[tokio::test]
async fn a_time_limit_of_the_caller_has_its_result() {
    let error = AcceptError::timeout(Duration::from_secs(5));

    assert_eq!(error.result().label(), "timeout");
    assert_eq!(
        error.detail(),
        "the client did not finish the TLS handshake within 5s"
    );
}

#[test]
fn every_result_is_told_by_a_label_of_its_own() {
    let labels: Vec<_> = HandshakeResult::labels().collect();
    let distinct: std::collections::HashSet<_> = labels.iter().collect();

    assert_eq!(labels.len(), distinct.len());
    let word = |label: &&str| {
        label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    assert!(labels.iter().all(word), "{labels:?}");
}
