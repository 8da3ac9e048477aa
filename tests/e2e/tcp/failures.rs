//! Whatever goes wrong has its reason in log and metrics, and no cut stream looks whole.

use outrigger_certs_dev::Fault as Flaw;
use outrigger_faults::{Fault, Server};

use super::*;
use crate::harness::Certificates;

/// The stream was cut, and both the metric and the access line say why; the line's sentence has these words.
async fn told(sidecar: &Sidecar, reason: &str, words: &str) {
    let line = sidecar.access_line(|line| line["protocol"] == "tcp").await;
    assert_eq!(line["reason"], reason, "{line}");
    let detail = line["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(words), "no {words:?} in {detail:?}");
    counted(sidecar, reason, 1.0).await;
}

#[tokio::test]
async fn a_reset_in_mid_stream_is_no_end_to_the_client() {
    let app = BytesApp::start(async |mut stream| {
        stream.write_all(b"half of").await.unwrap();
        hear(&mut stream, 2).await;
        reset(stream);
    })
    .await;
    let pair = Pair::with(app.addr, TCP).await;
    let mut client = connect(pair.own_listener()).await;
    assert_eq!(hear(&mut client, 7).await, b"half of");
    client.write_all(b"go").await.unwrap();
    assert_eq!(hear_out(&mut client).await, (Vec::new(), End::Cut));
    told(
        &pair.inbound,
        "response_incomplete",
        "reset the connection in mid-stream",
    )
    .await;
    told(
        &pair.outbound,
        "response_incomplete",
        "without TLS close_notify in mid-stream",
    )
    .await;
}

#[tokio::test]
async fn a_reset_of_the_client_is_no_end_to_the_app() {
    let (tell, mut told_end) = tokio::sync::mpsc::channel(1);
    let app = BytesApp::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            let heard = hear_out(&mut stream).await;
            tell.send(heard).await.unwrap();
        }
    })
    .await;
    let pair = Pair::with(app.addr, TCP).await;
    let mut client = connect(pair.own_listener()).await;
    client.write_all(b"half of").await.unwrap();
    eventually("the bytes to be there", async || {
        let metrics = pair.inbound.metrics().await;
        (metrics.sum("outrigger_stream_bytes_total", &[("way", "up")]) == 7.0).then_some(())
    })
    .await;
    reset(client);
    assert_eq!(told_end.recv().await, Some((b"half of".to_vec(), End::Cut)));
    told(&pair.outbound, "client_gone", "the client reset the connection").await;
    told(&pair.inbound, "client_gone", "without TLS close_notify").await;
}

#[tokio::test]
async fn a_sidecar_that_dies_is_no_end_to_anyone() {
    let (tell, mut told_end) = tokio::sync::mpsc::channel(1);
    let app = BytesApp::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            stream.write_all(b"half of").await.unwrap();
            let heard = hear_out(&mut stream).await;
            tell.send(heard).await.unwrap();
        }
    })
    .await;
    let pair = Pair::with(app.addr, TCP).await;
    let mut client = connect(pair.own_listener()).await;
    assert_eq!(hear(&mut client, 7).await, b"half of");
    pair.inbound.signal("KILL");
    assert_eq!(hear_out(&mut client).await, (Vec::new(), End::Cut));
    assert_eq!(told_end.recv().await, Some((Vec::new(), End::Cut)));
}

#[tokio::test]
async fn an_app_that_is_not_there_is_told_as_that() {
    let nobody = Server::start(Fault::Refuse);
    let pair = Pair::with(nobody.addr(), TCP).await;
    let mut client = connect(pair.own_listener()).await;
    assert_eq!(hear_out(&mut client).await, (Vec::new(), End::Cut));
    told(&pair.inbound, "connection_refused", "connecting to").await;
    told(
        &pair.outbound,
        "closed_before_response",
        "before any byte came back",
    )
    .await;
}

#[tokio::test]
async fn every_endpoint_is_tried_once() {
    let app = BytesApp::echo().await;
    let nobody = [(); 2].map(|()| Server::start(Fault::Refuse));
    let [first, second] = [nobody[0].addr(), nobody[1].addr()];
    let sidecar = Sidecar::start(&(raw(&[first, second, app.addr], "") + ALL)).await;
    for _ in 0..3 {
        let mut client = connect(sidecar.outbounds[1]).await;
        client.write_all(b"hello").await.unwrap();
        assert_eq!(hear(&mut client, 5).await, b"hello");
        client.shutdown().await.unwrap();
        hear_out(&mut client).await;
    }
    for attempts in [1, 2, 3] {
        let line = sidecar.access_line(|line| line["attempts"] == attempts).await;
        assert_eq!(line["reason"], "ok");
    }

    let sidecar = Sidecar::start(&raw(&[first, second], "")).await;
    let mut client = connect(sidecar.outbounds[1]).await;
    assert_eq!(hear_out(&mut client).await, (Vec::new(), End::Cut));
    let line = sidecar.access_line(|_| true).await;
    assert_eq!(
        (&line["reason"], &line["attempts"]),
        (&"connection_refused".into(), &2.into())
    );
}

#[tokio::test]
async fn an_expired_certificate_is_told_as_that() {
    let certificates = Certificates::new();
    let identity = certificates.faulty_identity("orders", Flaw::Expired);
    let app = BytesApp::echo().await;
    let inbound = Sidecar::start(&format!(
        "name = \"orders.shop\"\n{identity}[[inbound]]\nlisten = \"127.0.0.1:0\"\n[inbound.app]\n\
         protocol = \"tcp\"\nendpoints = [\"{}\"]\n",
        app.addr
    ))
    .await;
    let keys = crate::harness::pair::outbound(&certificates, &[inbound.inbound()], TCP);
    let outbound = Sidecar::start(&keys).await;
    let mut client = connect(outbound.outbounds[1]).await;
    assert_eq!(hear_out(&mut client).await, (Vec::new(), End::Cut));
    told(&outbound, "certificate_expired", "expired").await;
}

#[tokio::test]
async fn a_refused_certificate_of_ours_is_told_by_its_alert() {
    let (certificates, others) = (Certificates::new(), Certificates::new());
    let app = BytesApp::echo().await;
    let keys = crate::harness::pair::inbound(&certificates, "127.0.0.1:0".parse().unwrap(), app.addr, TCP);
    let inbound = Sidecar::start(&keys).await;
    // A stranger, who trusts the right authority.
    let stranger = others.authority.issue(&Certificates::workload("web")).unwrap();
    let identity = others.identity_of("web", &stranger);
    let folder = certificates.write(
        "orders-again",
        &certificates
            .authority
            .issue(&Certificates::workload("x"))
            .unwrap(),
    );
    let trust = others.write("web", &stranger).join("ca.crt");
    std::fs::copy(folder.join("ca.crt"), trust).unwrap();
    let outbound = Sidecar::start(&format!(
        "name = \"web.shop\"\n{identity}[outbound]\nlisten = \"127.0.0.1:0\"\n[[outbound.upstream]]\nname = \"orders\"\n\
         endpoints = [\"{}\"]\ntls = {{ server_name = \"orders.shop.svc\" }}\n{}\n",
        inbound.inbound(),
        TCP.upstream
    ))
    .await;
    let mut client = connect(outbound.outbounds[1]).await;
    // What is said is not lost in a failed write: the alert that explains it is read all the same.
    let _ = client.write_all(&noise(3, 1 << 20)).await;
    assert_eq!(hear_out(&mut client).await.1, End::Cut);
    told(&outbound, "tls_alert", "unknown_ca").await;
}

#[tokio::test]
async fn a_caller_that_is_not_allowed_gets_no_stream() {
    let app = BytesApp::start(async |_| panic!("nobody may call")).await;
    let keys = Keys {
        inbound: "allow = [\"spiffe://shop/ns/shop/sa/billing\"]",
        ..TCP
    };
    let pair = Pair::with(app.addr, keys).await;
    let mut client = connect(pair.own_listener()).await;
    assert_eq!(hear_out(&mut client).await, (Vec::new(), End::Cut));
    told(
        &pair.inbound,
        "denied",
        "spiffe://shop/ns/shop/sa/web is not among those allowed to call",
    )
    .await;
}

#[tokio::test]
async fn a_silence_is_bounded() {
    let app = BytesApp::echo().await;
    let sidecar = Sidecar::start(&raw(&[app.addr], "timeout.stream_idle = \"300ms\"")).await;
    let begun = Instant::now();
    let mut client = connect(sidecar.outbounds[1]).await;
    for _ in 0..3 {
        sleep(Duration::from_millis(150)).await;
        client.write_all(b"x").await.unwrap();
        hear(&mut client, 1).await;
    }
    assert_eq!(hear_out(&mut client).await, (Vec::new(), End::Cut));
    assert!(begun.elapsed() >= Duration::from_millis(700));
    told(&sidecar, "read_timeout", "nothing moved for 300ms").await;
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_at_once() {
    let app = BytesApp::echo().await;
    let sidecar = Sidecar::start(&raw(&[app.addr], "limit.streams = 1")).await;
    let mut first = connect(sidecar.outbounds[1]).await;
    first.write_all(b"x").await.unwrap();
    hear(&mut first, 1).await;
    let mut second = connect(sidecar.outbounds[1]).await;
    assert_eq!(hear_out(&mut second).await, (Vec::new(), End::Cut));
    told(&sidecar, "overload", "1 streams are open already").await;
    drop(first);
    counted(&sidecar, "ok", 1.0).await;
    let mut third = connect(sidecar.outbounds[1]).await;
    third.write_all(b"x").await.unwrap();
    assert_eq!(hear(&mut third, 1).await, b"x");
}

#[tokio::test]
async fn what_comes_round_again_and_again_ends_at_the_limit() {
    let relay = crate::harness::Relay::start().await;
    let sidecar = Sidecar::start(&raw(&[relay.addr], "limit.streams = 8")).await;
    relay.to(sidecar.outbounds[1]);
    let mut client = connect(sidecar.outbounds[1]).await;
    client.write_all(b"round and round").await.unwrap();
    assert_eq!(hear_out(&mut client).await.0, b"");
    counted(&sidecar, "overload", 1.0).await;
    // The relay makes an end of what was cut, and that leaves the other way open.
    drop(client);
    eventually("all to be over", async || {
        let metrics = sidecar.metrics().await;
        (metrics.sum("outrigger_streams_open", &[]) == 0.0).then_some(())
    })
    .await;
}
