//! A client certificate that is refused is told on both sides, under TLS 1.3 as under 1.2.

mod common;

use common::*;
use outrigger_certs_dev::{Authority, Fault, Usage};
use outrigger_gateway::{Extra, Failure, Reason};
use outrigger_identity::{
    AcceptError, Acceptor, ClientAuth, ClientSettings, Connector, HandshakeResult, Identity, Peer,
    ServerSettings,
    classify::{classify, find_rustls},
};
use rustls::version::TLS12;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::{TcpListener, TcpStream},
};

/// Connects to a server that refuses `web` under TLS 1.3: the refusal arrives with the first read.
async fn refused(authority: &Authority, web: &Identity) -> (Failure, AcceptError) {
    let (connector, acceptor) = (
        connector(web, by_name(NAME)),
        acceptor(&good(authority, &orders())),
    );
    let (client, server) = shake(&connector, &acceptor).await;
    let mut client = client.expect("under TLS 1.3 our side is done first");
    let error = client.read_u8().await.expect_err("it is refused");
    let failure = connector.classify(&error).expect("TLS is the cause");
    (failure, server.expect_err("the server refuses"))
}

fn without_certificate(identity: &Identity) -> Connector {
    let settings = ClientSettings {
        present_certificate: false,
        ..ClientSettings::new(by_name(NAME))
    };
    Connector::try_new(identity, settings).expect("a connector can be made")
}

fn assert_alert(failure: &Failure, id: i64, name: &str) {
    assert_eq!(failure.reason(), Reason::TlsAlert);
    let expected = [
        ("alert-id", Extra::Integer(id)),
        ("alert-message", Extra::Token(name.into())),
    ];
    assert_eq!(failure.extra(), expected);
}

#[tokio::test]
async fn a_client_of_a_foreign_authority_is_refused() {
    let authority = authority();
    let (failure, accept) = refused(&authority, &faulty(&authority, Fault::ForeignCa, &web())).await;

    assert_alert(&failure, 48, "unknown_ca");
    let detail = failure.detail().unwrap();
    let told = "the upstream broke off with TLS alert unknown_ca (48): it refuses our certificate: \
                its issuer is not in the peer's trust bundle; ours is CN=web, notAfter 20";
    assert!(detail.starts_with(told), "{detail}");
    assert!(detail.contains("Z, issued by CN="), "{detail}");
    assert_eq!(HandshakeResult::of_failure(&failure).label(), "alert_unknown_ca");
    assert_eq!(accept.result().label(), "certificate_unknown_ca");
    assert!(
        accept
            .detail()
            .starts_with("the client's certificate (CN=web): issuer "),
        "{accept}"
    );
}

#[tokio::test]
async fn an_expired_client_is_refused() {
    let authority = authority();
    let (failure, accept) = refused(&authority, &faulty(&authority, Fault::Expired, &web())).await;

    assert_alert(&failure, 45, "certificate_expired");
    assert_eq!(
        accept.result(),
        HandshakeResult::Certificate(Reason::CertificateExpired)
    );
    assert!(
        accept
            .detail()
            .starts_with("the client's certificate expired 1 h"),
        "{accept}"
    );
}

#[tokio::test]
async fn a_certificate_for_servers_only_is_not_taken_from_a_client() {
    let authority = authority();
    let server_only = good(&authority, &web().with_usage(Usage::Server));
    let (failure, accept) = refused(&authority, &server_only).await;

    assert_alert(&failure, 43, "unsupported_certificate");
    assert_eq!(accept.result().label(), "certificate_wrong_usage");
}

#[tokio::test]
async fn a_revoked_client_is_refused() {
    let authority = authority();
    let (web, orders) = (
        authority.issue(&web()).unwrap(),
        authority.issue(&orders()).unwrap(),
    );
    let lists = authority.revoke([web.serial()]).unwrap().pem();
    let orders = identity_trusting(&orders, &authority.root_pem(), &[lists.as_bytes()]);

    let (_, server) = shake(&connector(&identity(&web), by_name(NAME)), &acceptor(&orders)).await;

    assert_eq!(server.unwrap_err().result().label(), "certificate_revoked");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let authority = authority();
    let acceptor = acceptor(&good(&authority, &orders()));
    let connector = without_certificate(&good(&authority, &web()));
    let (client, server) = shake(&connector, &acceptor).await;

    let error = client.unwrap().read_u8().await.unwrap_err();
    let failure = connector.classify(&error).unwrap();
    assert_alert(&failure, 116, "certificate_required");
    assert!(
        failure
            .detail()
            .unwrap()
            .ends_with("; we are set to present none"),
        "{failure}"
    );
    let accept = server.unwrap_err();
    assert_eq!(accept.result(), HandshakeResult::NoClientCertificate);
    assert_eq!(accept.detail(), "the client presented no certificate");
    assert!(!accept.is_noise());
}

#[tokio::test]
async fn a_server_that_asks_for_none_takes_a_client_without_a_certificate() {
    let authority = authority();
    let acceptor = Acceptor::try_new(
        &good(&authority, &orders()),
        ServerSettings::new(ClientAuth::None),
    )
    .unwrap();
    let connector = without_certificate(&good(&authority, &web()));
    let (client, server) = shake(&connector, &acceptor).await;

    assert!(client.is_ok());
    assert!(Peer::of(server.unwrap().get_ref().1).is_none());
}

#[tokio::test]
async fn under_tls_12_the_refusal_ends_the_handshake() {
    let authority = authority();
    let server = authority.issue(&orders()).unwrap();
    let clients = [
        (
            without_certificate(&good(&authority, &web())),
            116,
            "certificate_required",
        ),
        (
            connector(&faulty(&authority, Fault::ForeignCa, &web()), by_name(NAME)),
            48,
            "unknown_ca",
        ),
    ];
    for (connector, id, name) in clients {
        let (near, far) = duplex(1 << 16);
        let (client, _) = tokio::join!(
            connector.connect(near),
            serve_version(&TLS12, &server, &[b"http/1.1"], far)
        );

        let failure = client.unwrap_err();
        assert_alert(&failure, id, name);
        assert!(!failure.unprocessed(), "a repetition would end the same");
    }
}

#[tokio::test]
async fn the_alert_is_found_within_errors_of_others() {
    #[derive(Debug, thiserror::Error)]
    #[error("connection error")]
    struct Wrapper(#[source] std::io::Error);

    let authority = authority();
    let acceptor = acceptor(&good(&authority, &orders()));
    let connector = without_certificate(&good(&authority, &web()));
    let (client, _) = shake(&connector, &acceptor).await;
    let wrapped = Wrapper(client.unwrap().read_u8().await.unwrap_err());

    assert!(find_rustls(&wrapped).is_some());
    assert_eq!(classify(&wrapped).unwrap().reason(), Reason::TlsAlert);
    assert!(classify(&Wrapper(std::io::ErrorKind::ConnectionReset.into())).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_alert_arrives_though_a_request_was_written_already() {
    let authority = authority();
    let acceptor = acceptor(&good(&authority, &orders()));
    let connector = connector(&faulty(&authority, Fault::ForeignCa, &web()), by_name(NAME));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((io, _)) = listener.accept().await {
            assert!(acceptor.accept(io).await.is_err());
        }
    });
    for _ in 0..100 {
        let near = TcpStream::connect(address).await.unwrap();
        let mut client = connector.connect(near).await.unwrap();
        // The server may have hung up already: that must not hide why.
        let _ = client.write_all(&[b'x'; 4096]).await;
        let error = client.read_u8().await.unwrap_err();
        assert_alert(&connector.classify(&error).unwrap(), 48, "unknown_ca");
    }
}
