//! Against a name server on loopback, so in real time.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use outrigger_gateway::Reason;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{
    discover::{Endpoints, Resolver, Source},
    testing::names::{NameServer, Say},
};

const NXDOMAIN: u8 = 3;
const SERVFAIL: u8 = 2;
/// More than a look at a name after an error, and the answer to it.
const PATIENCE: Duration = Duration::from_secs(6);

fn at(all: &[&str], ttl: u32) -> Say {
    let all = all.iter().map(|ip| ip.parse::<IpAddr>().unwrap());
    Say::Addresses(all.collect(), ttl)
}

fn name(host: &str) -> Source {
    let host = host.into();
    Source::Dns { host, port: 80 }
}

/// Endpoints that are kept up to date until this is dropped.
struct Kept {
    endpoints: Endpoints,
    task: JoinHandle<()>,
}

impl Kept {
    async fn new(sources: impl IntoIterator<Item = Source>, server: &NameServer) -> Self {
        let endpoints = Endpoints::new(sources);
        let resolver = Resolver::new(&[server.address()]).unwrap();
        let task = tokio::spawn(endpoints.clone().keep(resolver));
        let kept = Self { endpoints, task };
        let _ = kept.endpoints.current(PATIENCE).await;
        kept
    }

    fn hosts(&self) -> Vec<String> {
        let mut hosts: Vec<_> = self.addresses().iter().map(ToString::to_string).collect();
        hosts.sort();
        hosts
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.endpoints.addresses()
    }

    async fn until(&self, what: impl Fn(&Self) -> bool) {
        let poll = async {
            while !what(self) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, poll).await.expect("it comes to that");
    }

    /// Why the last look failed.
    fn failure(&self) -> Option<Reason> {
        self.endpoints.set.load().failure.as_ref().map(|why| why.reason())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn addresses_of_both_families_and_given_ones_are_endpoints() {
    let server = NameServer::start(at(&["10.0.0.1", "fd00::1"], 60)).await;
    let given = Source::Address(SocketAddr::from(([10, 0, 0, 9], 80)));

    let kept = Kept::new([given, name("shop.test.")], &server).await;
    kept.until(|kept| kept.addresses().len() > 1).await;

    assert_eq!(kept.hosts(), ["10.0.0.1:80", "10.0.0.9:80", "[fd00::1]:80"]);
}

#[tokio::test]
async fn an_address_that_two_names_have_is_one_endpoint() {
    let server = NameServer::start(at(&["10.0.0.1"], 60)).await;

    let kept = Kept::new([name("shop.test."), name("alias.test.")], &server).await;

    assert_eq!(kept.hosts(), ["10.0.0.1:80"]);
}

#[tokio::test]
async fn a_name_is_looked_up_again_when_its_answer_expires_and_at_most_once_a_second() {
    let server = NameServer::start(at(&["10.0.0.1"], 0)).await;
    let kept = Kept::new([name("shop.test.")], &server).await;
    let begun = Instant::now();
    // A and AAAA.
    assert_eq!(server.asked(), 2);

    server.say(at(&["10.0.0.2"], 60));
    kept.until(|kept| kept.hosts() == ["10.0.0.2:80"]).await;

    assert!(
        begun.elapsed() > Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(server.asked(), 4);
}

#[tokio::test]
async fn a_name_that_ceases_to_exist_loses_its_addresses() {
    let server = NameServer::start(at(&["10.0.0.1"], 0)).await;
    let kept = Kept::new([name("shop.test.")], &server).await;

    server.say(Say::Code(NXDOMAIN));
    kept.until(|kept| kept.addresses().is_empty()).await;

    let failure = kept.endpoints.current(PATIENCE).await.unwrap_err();
    assert_eq!(failure.reason(), Reason::DnsError);
}

#[tokio::test]
async fn a_name_whose_server_fails_keeps_its_addresses() {
    let server = NameServer::start(at(&["10.0.0.1"], 0)).await;
    let kept = Kept::new([name("shop.test.")], &server).await;

    server.say(Say::Code(SERVFAIL));
    kept.until(|kept| kept.failure() == Some(Reason::DnsError)).await;

    assert_eq!(kept.hosts(), ["10.0.0.1:80"]);
}

#[tokio::test]
async fn a_name_whose_server_falls_silent_keeps_its_addresses() {
    let server = NameServer::start(at(&["10.0.0.1"], 0)).await;
    let kept = Kept::new([name("shop.test.")], &server).await;

    server.say(Say::Nothing);
    let silent = kept.until(|kept| kept.failure() == Some(Reason::DnsTimeout));
    timeout(Duration::from_secs(9), silent).await.unwrap();

    assert_eq!(kept.hosts(), ["10.0.0.1:80"]);
}

#[tokio::test]
async fn a_name_that_fails_is_tried_again_soon() {
    let server = NameServer::start(Say::Code(SERVFAIL)).await;
    let kept = Kept::new([name("shop.test.")], &server).await;
    assert_eq!(kept.failure(), Some(Reason::DnsError));

    server.say(at(&["10.0.0.1"], 60));
    kept.until(|kept| !kept.addresses().is_empty()).await;

    assert_eq!(kept.failure(), None);
}
