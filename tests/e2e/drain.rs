//! The way out: readiness first, then what runs ends well, then the listener closes, and nothing is lost.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::harness::{
    App, Certificates, Client, Keys, Raw, Reply, Sidecar, channel, eventually, full, get, inbound_to, ok,
    pair,
};

const DRAIN: &str = "[drain]\ndelay = \"500ms\"\ngrace = \"5s\"\n";

/// Sixty-four clients that ask and ask until told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: JoinSet<Vec<String>>,
}

impl Load {
    fn on(addr: SocketAddr) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut clients = JoinSet::new();
        for _ in 0..64 {
            clients.spawn(ask_until(addr, stop.clone(), answered.clone()));
        }
        Self {
            stop,
            answered,
            clients,
        }
    }

    /// What failed, if anything, and how many were answered.
    async fn end(self) -> (Vec<String>, usize) {
        self.stop.store(true, Relaxed);
        let failed = self.clients.join_all().await.concat();
        (failed, self.answered.load(Relaxed))
    }
}

/// Over one connection each; the outbound sidecar is not drained, so that it never has to end.
async fn ask_until(addr: SocketAddr, stop: Arc<AtomicBool>, answered: Arc<AtomicUsize>) -> Vec<String> {
    let client = Client::http1(addr).await;
    let mut failed = Vec::new();
    while !stop.load(Relaxed) {
        match client.try_send(get("/")).await {
            Err(error) => return vec![format!("{error:?}")],
            Ok(response) => {
                let reply = Reply::read(response).await;
                if reply.status != 200 || reply.text() != "ok" || reply.cut.is_some() {
                    failed.push(format!("{}: {}", reply.status, reply.text()));
                }
            }
        }
        answered.fetch_add(1, Relaxed);
        sleep(Duration::from_millis(2)).await;
    }
    failed
}

/// Two inbound sidecars behind an outbound one; each is drained and started again in turn, under load.
async fn no_request_fails(protocol: &str) {
    let app = App::http1(ok).await;
    let certificates = Certificates::new();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let start = async |listen| {
        Sidecar::start(&(pair::inbound(&certificates, listen, app.addr, Keys::default()) + DRAIN)).await
    };
    let mut inbound = [start(any).await, start(any).await];
    let addrs = [inbound[0].inbound(), inbound[1].inbound()];
    let upstream = format!("protocol = \"{protocol}\"");
    let keys = Keys {
        upstream: &upstream,
        ..Keys::default()
    };
    let outbound = Sidecar::start(&pair::outbound(&certificates, &addrs, keys)).await;

    let load = Load::on(outbound.outbound());
    for round in 0..4 {
        let turn = round % 2;
        inbound[turn].signal("TERM");
        assert_eq!(inbound[turn].ended().await, Some(0), "round {round}");
        inbound[turn] = start(addrs[turn]).await;
        sleep(Duration::from_millis(200)).await;
    }
    let (failed, answered) = load.end().await;
    assert!(
        failed.is_empty(),
        "{} of {answered} failed, such as: {}",
        failed.len(),
        failed[0]
    );
    assert!(answered > 500, "there was load: {answered}");
}

#[tokio::test]
async fn no_request_fails_while_each_of_two_is_drained_and_restarted_over_http2() {
    no_request_fails("http2").await;
}

#[tokio::test]
async fn no_request_fails_while_each_of_two_is_drained_and_restarted_over_http1() {
    no_request_fails("http1").await;
}

#[tokio::test]
async fn readiness_says_no_at_once_and_traffic_is_still_served() {
    let app = App::http1(ok).await;
    let mut sidecar = Sidecar::start(&(inbound_to(app.addr, "") + DRAIN)).await;
    assert_eq!(sidecar.ask_probe("/readyz").await.status, 200);
    let begun = Instant::now();
    sidecar.signal("TERM");
    eventually("readiness to say no", async || {
        (sidecar.ask_probe("/readyz").await.status == 503).then_some(())
    })
    .await;
    assert!(
        begun.elapsed() < Duration::from_millis(450),
        "before the delay is over"
    );
    let readiness = sidecar.ask_admin("/readyz").await;
    assert!(readiness.text().contains("draining"), "{}", readiness.text());
    assert_eq!(
        sidecar.ask_probe("/livez").await.status,
        200,
        "alive all the same"
    );
    // New connections are taken in, too.
    assert_eq!(
        Client::http1(sidecar.inbound()).await.ask(get("/")).await.text(),
        "ok"
    );
    assert_eq!(sidecar.ended().await, Some(0));
    let took = begun.elapsed();
    assert!(
        (Duration::from_millis(500)..Duration::from_secs(4)).contains(&took),
        "{took:?}"
    );
}

/// An app that sends its head and a piece at once, and the rest when it is let.
async fn slow_app(wait: Duration) -> App {
    App::http1(move |_: Request<Incoming>| async move {
        let (mut sender, body) = channel();
        tokio::spawn(async move {
            sender.send_data("begun, ".into()).await?;
            sleep(wait).await;
            sender.send_data("done".into()).await
        });
        Response::new(body)
    })
    .await
}

#[tokio::test]
async fn what_runs_ends_well_and_its_connection_is_closed_in_order() {
    let app = slow_app(Duration::from_millis(1500)).await;
    let config = inbound_to(app.addr, "") + "[drain]\ndelay = \"100ms\"\ngrace = \"8s\"\n";
    for http2 in [false, true] {
        let mut sidecar = Sidecar::start(&config).await;
        let client = match http2 {
            true => Client::http2(sidecar.inbound()).await,
            false => Client::http1(sidecar.inbound()).await,
        };
        let response = client.send(get("/")).await;
        sidecar.signal("TERM");
        let reply = Reply::read(response).await;
        assert_eq!((&*reply.text(), reply.cut.is_none()), ("begun, done", true));
        assert_eq!(sidecar.ended().await, Some(0));
    }
}

#[tokio::test]
async fn while_it_drains_answers_say_that_the_connection_ends() {
    let app = App::http1(async |request: Request<Incoming>| {
        let wait = if request.uri().path() == "/slow" { 1000 } else { 0 };
        sleep(Duration::from_millis(wait)).await;
        Response::new(full("ok"))
    })
    .await;
    let config = inbound_to(app.addr, "") + "[drain]\ndelay = \"100ms\"\ngrace = \"8s\"\n";
    let mut sidecar = Sidecar::start(&config).await;
    let mut raw = Raw::connect(sidecar.inbound()).await;
    raw.say("GET /slow HTTP/1.1\r\nhost: orders\r\n\r\n").await;
    eventually("the request to reach the app", async || {
        app.seen().first().cloned()
    })
    .await;
    sidecar.signal("TERM");
    let answer = raw.read_to_end().await.to_lowercase();
    assert!(
        answer.starts_with("http/1.1 200 ") && answer.contains("connection: close"),
        "{answer}"
    );
    assert_eq!(sidecar.ended().await, Some(0));
}

#[tokio::test]
async fn idle_connections_do_not_hold_it_up() {
    let app = App::http1(ok).await;
    let config = inbound_to(app.addr, "") + "[drain]\ndelay = \"100ms\"\ngrace = \"30s\"\n";
    let mut sidecar = Sidecar::start(&config).await;
    let clients = [
        Client::http1(sidecar.inbound()).await,
        Client::http2(sidecar.inbound()).await,
    ];
    for client in &clients {
        assert_eq!(client.ask(get("/")).await.status, 200);
    }
    sidecar.signal("TERM");
    assert_eq!(sidecar.ended().await, Some(0), "long before the grace is over");
}

#[tokio::test]
async fn what_hangs_is_cut_when_the_grace_is_over() {
    let app = slow_app(Duration::from_secs(60)).await;
    let config = inbound_to(app.addr, "") + "[drain]\ndelay = \"100ms\"\ngrace = \"1s\"\n";
    let mut sidecar = Sidecar::start(&config).await;
    let response = Client::http1(sidecar.inbound()).await.send(get("/")).await;
    let begun = Instant::now();
    sidecar.signal("TERM");
    assert_eq!(sidecar.ended().await, Some(0));
    let took = begun.elapsed();
    assert!(
        (Duration::from_millis(900)..Duration::from_secs(4)).contains(&took),
        "{took:?}"
    );
    assert!(
        Reply::read(response).await.cut.is_some(),
        "a cut body does not look whole"
    );
    assert!(sidecar.log.to_end().await.contains("connections were cut"));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let app = App::http1(ok).await;
    let config = inbound_to(app.addr, "") + "[drain]\ndelay = \"30s\"\ngrace = \"60s\"\n";
    let mut sidecar = Sidecar::start(&config).await;
    sidecar.signal("TERM");
    eventually("it to drain", async || {
        (sidecar.ask_probe("/readyz").await.status == 503).then_some(())
    })
    .await;
    sidecar.signal("TERM");
    assert_eq!(sidecar.ended().await, Some(0));
}

#[tokio::test]
async fn a_person_at_a_terminal_does_not_wait_for_the_delay() {
    let app = App::http1(ok).await;
    let config = inbound_to(app.addr, "") + "[drain]\ndelay = \"30s\"\ngrace = \"60s\"\n";
    let mut sidecar = Sidecar::start(&config).await;
    sidecar.signal("INT");
    assert_eq!(sidecar.ended().await, Some(0));
}

#[tokio::test]
async fn after_the_drain_nobody_listens() {
    let app = App::http1(ok).await;
    let config = inbound_to(app.addr, "") + "[drain]\ndelay = \"0s\"\ngrace = \"5s\"\n";
    let mut sidecar = Sidecar::start(&config).await;
    sidecar.signal("TERM");
    assert_eq!(sidecar.ended().await, Some(0));
    let refused = tokio::net::TcpStream::connect(sidecar.inbound())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}
