//! Sessions are resumed, and never beyond the certificate that they rest on or the expectation they were made under.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use common::*;
use outrigger_certs_dev::{Request, Validity};
use outrigger_gateway::Reason;
use outrigger_identity::{
    Acceptor, ClientAuth, ClientSettings, Connector, ServerSettings, TimeProvider, UnixTime,
};

/// A clock that the test sets.
#[derive(Debug)]
struct Clock(AtomicU64);

impl Clock {
    fn now() -> Arc<Self> {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is later than 1970");
        Arc::new(Self(AtomicU64::new(since.as_secs())))
    }

    fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(
            self.0.load(Ordering::Relaxed),
        )))
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn for_an_hour(request: Request) -> Request {
    request.with_validity(Validity::lasting(HOUR))
}

fn pair(orders: &Request, web: &Request, clock: &Arc<Clock>) -> (Connector, Acceptor) {
    let authority = authority();
    let (orders, web) = (good(&authority, orders), good(&authority, web));
    let client = ClientSettings {
        clock: Some(clock.clone()),
        ..ClientSettings::new(by_name(NAME))
    };
    let server = ServerSettings {
        clock: Some(clock.clone()),
        ..ServerSettings::new(ClientAuth::Required)
    };
    (
        Connector::try_new(&web, client).expect("a connector can be made"),
        Acceptor::try_new(&orders, server).expect("an acceptor can be made"),
    )
}

#[tokio::test]
async fn the_second_connection_resumes_the_first_and_knows_the_same_peer() {
    let (connector, acceptor) = pair(&orders(), &web(), &Clock::now());

    let (first, _) = exchange(&connector, &acceptor).await;
    let (second, peer) = exchange(&connector, &acceptor).await;

    assert!(!first && second);
    assert_eq!(
        peer.unwrap().spiffe().unwrap().as_str(),
        "spiffe://shop/ns/web/sa/web"
    );
}

#[tokio::test]
async fn a_server_whose_certificate_has_expired_is_looked_at_again() {
    let clock = Clock::now();
    let (connector, acceptor) = pair(&for_an_hour(orders()), &web(), &clock);
    exchange(&connector, &acceptor).await;
    clock.advance(HOUR + Duration::from_secs(1));

    let (client, _) = shake(&connector, &acceptor).await;

    assert_eq!(client.unwrap_err().reason(), Reason::CertificateExpired);
}

#[tokio::test]
async fn a_client_whose_certificate_has_expired_is_looked_at_again() {
    let clock = Clock::now();
    let (connector, acceptor) = pair(&orders(), &for_an_hour(web()), &clock);
    exchange(&connector, &acceptor).await;
    clock.advance(HOUR - Duration::from_secs(60));
    let (resumed, _) = exchange(&connector, &acceptor).await;
    assert!(resumed, "a minute before its end it still counts");
    clock.advance(Duration::from_secs(61));

    let (_, server) = shake(&connector, &acceptor).await;

    assert_eq!(server.unwrap_err().result().label(), "certificate_expired");
}

#[tokio::test]
async fn a_server_with_other_ticket_keys_makes_a_full_handshake() {
    let authority = authority();
    let (orders, web) = (good(&authority, &orders()), good(&authority, &web()));
    let (connector, before, after) = (
        connector(&web, by_name(NAME)),
        acceptor(&orders),
        acceptor(&orders),
    );
    exchange(&connector, &before).await;

    let (resumed, _) = exchange(&connector, &after).await;

    assert!(!resumed);
}
