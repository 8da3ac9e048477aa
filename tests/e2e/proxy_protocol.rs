//! Behind a balancer that says whom a connection is made for, by a PROXY header before anything else.

use std::{net::SocketAddr, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use crate::harness::{
    App, Certificates, Client, Keys, Pair, Raw, Relay, Seen, Sidecar, get, ok, outbound_to, pair,
};

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: orders.shop.svc\r\nx-forwarded-for: 203.0.113.9\r\n\r\n";
const ALL: &str = "[log]\naccess = \"all\"\n";

/// Version 2 for a client at 2001:db8::7, with values that are skipped.
fn binary() -> Vec<u8> {
    let mut addresses = [0; 36];
    addresses[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    addresses[15] = 7;
    addresses[31] = 1;
    addresses[32..].copy_from_slice(&[0x12, 0x67, 0x01, 0xbb]);
    version2(0x21, 0x21, &[&addresses[..], &[0xea, 0, 3, 1, 2, 3]].concat())
}

fn version2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, rest].concat()
}

/// A sidecar in plaintext before `app` that wants to be told.
async fn sidecar(app: SocketAddr, keys: &str) -> Sidecar {
    let config = format!(
        "name = \"orders.shop\"\n[[inbound]]\nlisten = \"127.0.0.1:0\"\ntls = \"off\"\n\
         proxy_protocol = \"required\"\n[inbound.app]\nendpoints = [\"{app}\"]\n{keys}{ALL}"
    );
    Sidecar::start(&config).await
}

/// What the app saw last.
fn last(app: &App) -> Seen {
    app.seen().pop().expect("the app has seen a request")
}

async fn announced(addr: SocketAddr, header: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(header).await.unwrap();
    stream
}

#[tokio::test]
async fn the_client_is_whom_the_header_names() {
    let app = App::http1(ok).await;
    let sidecar = sidecar(app.addr, "").await;
    let local = version2(0x20, 0, b"");
    let unix = version2(0x21, 0x31, &[0; 216]);
    for (header, node, forwarded_for) in [
        (LINE, "for=192.0.2.7", "192.0.2.7"),
        (&binary(), "for=\"[2001:db8::7]\"", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", "for=127.0.0.1", "127.0.0.1"),
        (&local, "for=127.0.0.1", "127.0.0.1"),
        (&unix, "for=unknown", ""),
    ] {
        let stream = announced(sidecar.inbound(), header).await;
        let reply = Client::http1_over(stream).await.ask(get("/")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let seen = last(&app);
        assert_eq!(seen.field("forwarded"), format!("{node};proto=http"));
        assert_eq!(seen.field("x-forwarded-for"), forwarded_for);
    }
    let line = sidecar.access_line(|_| true).await;
    assert!(line.to_string().contains("192.0.2.7"), "{line}");
}

#[tokio::test]
async fn http2_follows_a_header_as_well() {
    let app = App::http1(ok).await;
    let sidecar = sidecar(app.addr, "").await;
    let stream = announced(sidecar.inbound(), &binary()).await;
    let client = Client::http2_over(stream).await;
    for _ in 0..3 {
        assert_eq!(client.ask(get("/")).await.text(), "ok");
        assert_eq!(last(&app).field("x-forwarded-for"), "2001:db8::7");
    }
}

#[tokio::test]
async fn a_header_may_come_byte_by_byte_or_together_with_all_that_follows() {
    let app = App::http1(ok).await;
    let sidecar = sidecar(app.addr, "").await;
    for header in [LINE, &binary()] {
        let mut slow = Raw::connect(sidecar.inbound()).await;
        for byte in [header, REQUEST].concat() {
            slow.say([byte]).await;
            sleep(Duration::from_millis(1)).await;
        }
        assert!(slow.read_until("ok").await.starts_with("HTTP/1.1 200 OK"));

        let mut fast = Raw::connect(sidecar.inbound()).await;
        fast.say([header, REQUEST, REQUEST].concat()).await;
        for _ in 0..2 {
            assert!(fast.read_until("ok").await.starts_with("HTTP/1.1 200 OK"));
        }
    }
    assert_eq!(app.seen().len(), 6);
}

#[tokio::test]
async fn a_connection_without_a_header_is_closed_counted_and_logged() {
    let app = App::http1(ok).await;
    let sidecar = sidecar(app.addr, "[limits]\nhandshake_time = \"500ms\"\n").await;
    let wrong = [
        REQUEST.to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
        [b"PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n", REQUEST].concat(),
        [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat(),
        version2(0x21, 0x11, b"short"),
        [SIGNATURE, &[0x21, 0x11, 0xff, 0xff], &[0; 9000]].concat(),
    ];
    for bytes in &wrong {
        let mut raw = Raw::connect(sidecar.inbound()).await;
        raw.say(bytes).await;
        assert_eq!(raw.read_to_end().await, "", "nothing is answered to {bytes:?}");
    }
    let line = sidecar.access_line(|line| line["reason"] == "bad_request").await;
    assert!(
        line["detail"].as_str().unwrap().contains("PROXY header"),
        "{line}"
    );
    let counted = [("reason", "bad_request"), ("direction", "inbound")];
    let metrics = sidecar.metrics().await;
    assert_eq!(
        metrics.sum("outrigger_requests_total", &counted),
        wrong.len() as f64
    );

    // One that says too little is closed when the time for a handshake is over.
    let mut slow = Raw::connect(sidecar.inbound()).await;
    slow.say(&LINE[..20]).await;
    assert_eq!(slow.read_to_end().await, "");
    let late = [("reason", "request_timeout")];
    assert_eq!(
        sidecar.metrics().await.sum("outrigger_requests_total", &late),
        1.0
    );

    // One that comes and goes is no trouble.
    Raw::connect(sidecar.inbound()).await.end().await;
    assert_eq!(app.accepted(), 0);
}

#[tokio::test]
async fn nobody_is_trusted_for_an_address_of_this_host() {
    let app = App::http1(ok).await;
    let sidecar = sidecar(app.addr, "").await;
    let claim = b"PROXY TCP4 127.0.0.1 127.0.0.1 4711 443\r\n";
    for header in [&claim[..], b"PROXY UNKNOWN\r\n"] {
        let mut raw = Raw::connect(sidecar.inbound()).await;
        raw.say([header, REQUEST].concat()).await;
        raw.read_until("ok").await;
        assert_eq!(last(&app).field("x-forwarded-for"), "127.0.0.1");
    }
    // Neither are its mistakes explained to it.
    drop(app);
    let stream = announced(sidecar.inbound(), claim).await;
    let reply = Client::http1_over(stream).await.ask(get("/")).await;
    assert_eq!((reply.status.as_u16(), reply.details().as_str()), (502, ""));
}

#[tokio::test]
async fn mutual_tls_follows_a_header_over_both_versions() {
    for protocol in ["http1", "http2"] {
        let app = App::http1(ok).await;
        let certificates = Certificates::new();
        let keys = Keys {
            inbound: "proxy_protocol = \"required\"",
            ..Keys::default()
        };
        let listen = "127.0.0.1:0".parse().unwrap();
        let inbound = Sidecar::start(&pair::inbound(&certificates, listen, app.addr, keys)).await;
        let relay = Relay::saying(binary()).await;
        relay.to(inbound.inbound());
        let keys = Keys {
            upstream: &format!("protocol = \"{protocol}\""),
            ..Keys::default()
        };
        let outbound = Sidecar::start(&pair::outbound(&certificates, &[relay.addr], keys)).await;
        let reply = Client::http1(outbound.outbound()).await.ask(get("/")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        // The certificate is believed, and so is what its owner says of earlier hops; ours comes last.
        let seen = last(&app);
        assert!(
            seen.field("x-forwarded-for").ends_with(", 2001:db8::7"),
            "{seen:?}"
        );
        assert!(
            seen.field("x-forwarded-client-cert")
                .contains("spiffe://shop/ns/shop/sa/web")
        );
        // Without the header there is no handshake.
        let direct = pair::outbound(&certificates, &[inbound.inbound()], keys);
        let direct = Sidecar::start(&direct).await;
        let reply = Client::http1(direct.outbound()).await.ask(get("/")).await;
        assert_eq!(reply.status, 502);
    }
}

#[tokio::test]
async fn an_outbound_listener_can_be_told_as_well() {
    let app = App::http1(ok).await;
    let config = outbound_to(app.addr, "").replace(
        "[[outbound.upstream]]",
        "proxy_protocol = \"required\"\n[[outbound.upstream]]",
    );
    let sidecar = Sidecar::start(&config).await;
    let stream = announced(sidecar.outbound(), LINE).await;
    assert_eq!(Client::http1_over(stream).await.ask(get("/")).await.text(), "ok");
    assert_eq!(last(&app).field("x-forwarded-for"), "192.0.2.7");
}

#[tokio::test]
async fn a_header_that_nobody_asked_for_is_no_request() {
    let app = App::http1(ok).await;
    let pair = Pair::start(app.addr).await;
    let mut raw = Raw::connect(pair.outbound.outbound()).await;
    raw.say([LINE, REQUEST].concat()).await;
    assert!(raw.read_to_end().await.starts_with("HTTP/1.1 400"));
    assert_eq!(app.accepted(), 0);
}
