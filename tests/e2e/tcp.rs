//! Raw TCP through a pair of sidecars, mutual TLS between: byte for byte, ends as ends, cuts as cuts.

mod failures;

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::harness::{
    Keys, LONG, Pair, Sidecar,
    bytes::{BytesApp, End, hear, hear_out, reset},
    eventually, within,
};

const TCP: Keys<'_> = Keys {
    // Time enough to connect in, on a busy machine as well.
    upstream: "protocol = \"tcp\"\nlisten = \"127.0.0.1:0\"\ntimeout.connect = \"8s\"",
    inbound: "",
    app: "protocol = \"tcp\"\ntimeout.connect = \"8s\"",
};

/// Every end of a stream has a line.
const ALL: &str = "[log]\naccess = \"all\"\n";

async fn connect(addr: SocketAddr) -> TcpStream {
    // Blocking, and done at once on loopback: a reset that follows is for whoever reads, not for connecting.
    let stream = std::net::TcpStream::connect(addr).unwrap();
    stream.set_nonblocking(true).unwrap();
    let stream = TcpStream::from_std(stream).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A configuration whose only upstream, `db`, is spoken to in raw TCP without TLS.
fn raw(endpoints: &[SocketAddr], keys: &str) -> String {
    let endpoints: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
    format!(
        "name = \"web.shop\"\n[outbound]\nlisten = \"127.0.0.1:0\"\n[[outbound.upstream]]\nname = \"db\"\n\
         protocol = \"tcp\"\nlisten = \"127.0.0.1:0\"\nendpoints = {endpoints:?}\n{keys}\n"
    )
}

/// Bytes that no mistake of order or length leaves as they are.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length / 8).flat_map(|_| next()).collect()
}

#[tokio::test]
async fn twenty_megabytes_each_way_arrive_as_they_were_sent() {
    const LENGTH: usize = 20 << 20;
    let app = BytesApp::start(async |mut stream| {
        let answer = noise(2, LENGTH);
        let (mut from, mut to) = stream.split();
        let mut heard = Vec::new();
        let (heard_all, said_all) = tokio::join!(
            tokio::io::AsyncReadExt::read_to_end(&mut from, &mut heard),
            to.write_all(&answer),
        );
        heard_all.unwrap();
        said_all.unwrap();
        // The last word is said when everything was heard, and depends on it.
        to.write_all(if heard == noise(1, LENGTH) {
            b"same"
        } else {
            b"else"
        })
        .await
        .unwrap();
    })
    .await;
    let pair = Pair::with(app.addr, TCP).await;
    let mut client = connect(pair.own_listener()).await;
    let question = noise(1, LENGTH);
    let (mut from, mut to) = client.split();
    let mut heard = Vec::new();
    let both = async {
        tokio::join!(
            async {
                to.write_all(&question).await.unwrap();
                to.shutdown().await.unwrap();
            },
            tokio::io::AsyncReadExt::read_to_end(&mut from, &mut heard),
        )
    };
    within(4 * LONG, "twenty megabytes", both).await.1.unwrap();
    let (answer, last) = heard.split_at(LENGTH);
    assert!(answer == noise(2, LENGTH), "not what was sent");
    assert_eq!(last, b"same");
}

#[tokio::test]
async fn either_side_may_end_first_and_hear_the_other_out() {
    let app = BytesApp::start(async |mut stream| {
        // Its own end comes at once; what it hears it tells another way.
        stream.write_all(b"banner").await.unwrap();
        stream.shutdown().await.unwrap();
        let (heard, end) = hear_out(&mut stream).await;
        assert_eq!((&*heard, end), (&b"thanks"[..], End::Clean));
    })
    .await;
    let pair = Pair::with(app.addr, TCP).await;
    let mut client = connect(pair.own_listener()).await;
    assert_eq!(hear_out(&mut client).await, (b"banner".to_vec(), End::Clean));
    client.write_all(b"thanks").await.unwrap();
    client.shutdown().await.unwrap();
    counted(&pair.inbound, "ok", 1.0).await;

    let app = BytesApp::start(async |mut stream| {
        let (heard, _) = hear_out(&mut stream).await;
        sleep(Duration::from_millis(100)).await;
        stream.write_all(&heard).await.unwrap();
    })
    .await;
    let pair = Pair::with(app.addr, TCP).await;
    let mut client = connect(pair.own_listener()).await;
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(hear_out(&mut client).await, (b"question".to_vec(), End::Clean));
    counted(&pair.outbound, "ok", 1.0).await;
}

/// So many streams have ended for this reason.
async fn counted(sidecar: &Sidecar, reason: &str, count: f64) {
    eventually(reason, async || {
        let metrics = sidecar.metrics().await;
        (metrics.sum("outrigger_streams_total", &[("reason", reason)]) == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stream_is_counted_and_told_of() {
    let app = BytesApp::echo().await;
    let sidecar = Sidecar::start(&(raw(&[app.addr], "") + ALL)).await;
    let mut client = connect(sidecar.outbounds[1]).await;
    client.write_all(b"hello").await.unwrap();
    assert_eq!(hear(&mut client, 5).await, b"hello");

    let labels = [("direction", "outbound"), ("upstream", "db")];
    eventually("its bytes to be counted while it is open", async || {
        let metrics = sidecar.metrics().await;
        assert_eq!(metrics.sum("outrigger_streams_open", &labels), 1.0);
        let bytes = |way| metrics.sum("outrigger_stream_bytes_total", &[labels[1], ("way", way)]);
        (bytes("up") == 5.0 && bytes("down") == 5.0).then_some(())
    })
    .await;

    client.shutdown().await.unwrap();
    assert_eq!(hear_out(&mut client).await, (Vec::new(), End::Clean));
    let line = sidecar.access_line(|line| line["protocol"] == "tcp").await;
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (text("direction"), text("upstream"), text("reason")),
        ("outbound".to_owned(), "db".to_owned(), "ok".to_owned())
    );
    assert_eq!(text("endpoint"), app.addr.to_string());
    assert_eq!(text("client"), client.local_addr().unwrap().to_string());
    assert_eq!(
        (line["up_bytes"].as_u64(), line["down_bytes"].as_u64()),
        (Some(5), Some(5))
    );
    assert!(line["total_ms"].is_f64() && line["connect_ms"].is_f64(), "{line}");

    let metrics = sidecar.metrics().await;
    assert_eq!(metrics.sum("outrigger_streams_open", &labels), 0.0);
    assert_eq!(
        metrics.sum("outrigger_stream_duration_seconds_count", &labels),
        1.0
    );
    assert!(!metrics.has("outrigger_requests_total"), "a stream is no request");
}

#[tokio::test]
async fn the_inbound_side_says_who_called() {
    let app = BytesApp::echo().await;
    let keys = Keys {
        inbound: "allow = [\"spiffe://shop/ns/shop/sa/web\"]",
        ..TCP
    };
    let pair = Pair::with(app.addr, keys).await;
    let client = connect(pair.own_listener()).await;
    reset(client);
    let line = pair
        .inbound
        .access_line(|line| line["reason"] == "client_gone")
        .await;
    let peer = line["peer"].as_str().unwrap();
    assert!(peer.contains("URI=spiffe://shop/ns/shop/sa/web"), "{peer}");
}

#[tokio::test]
async fn open_streams_go_on_while_it_drains_and_are_cut_at_the_end() {
    let app = BytesApp::echo().await;
    let drain = "[drain]\ndelay = \"0s\"\ngrace = \"1s\"\n";
    let mut sidecar = Sidecar::start(&(raw(&[app.addr], "") + drain)).await;
    let addr = sidecar.outbounds[1];
    let (mut stays, mut leaves) = (connect(addr).await, connect(addr).await);
    for stream in [&mut stays, &mut leaves] {
        stream.write_all(b"before").await.unwrap();
        assert_eq!(hear(stream, 6).await, b"before");
    }
    let begun = Instant::now();
    sidecar.signal("TERM");
    eventually("the listener to close", async || {
        TcpStream::connect(addr).await.err()
    })
    .await;
    for stream in [&mut stays, &mut leaves] {
        stream.write_all(b"after").await.unwrap();
        assert_eq!(hear(stream, 5).await, b"after");
    }
    leaves.shutdown().await.unwrap();
    assert_eq!(hear_out(&mut leaves).await, (Vec::new(), End::Clean));
    assert_eq!(hear_out(&mut stays).await, (Vec::new(), End::Cut));
    assert!(
        begun.elapsed() >= Duration::from_millis(900),
        "not before the grace is over"
    );
    let line = sidecar.access_line(|line| line["reason"] == "draining").await;
    assert_eq!(line["up_bytes"], 11);
    assert_eq!(sidecar.ended().await, Some(0));
}
