//! Against a name server on loopback, so in real time.

use std::{net::IpAddr, time::Duration};

use hickory_resolver::proto::op::ResponseCode as Code;
use outrigger_gateway::{Extra, Failure, Reason};
use tokio::time::{Instant, timeout};

use super::{Answer, LONGEST, Resolver, SHORTEST, rcode};
use crate::testing::names::{NameServer, Say};

const NXDOMAIN: u8 = 3;
const SERVFAIL: u8 = 2;
const REFUSED: u8 = 5;
/// More than all tries of a lookup together.
const PATIENCE: Duration = Duration::from_secs(8);

fn addresses(all: &[&str], ttl: u32) -> Say {
    let all = all.iter().map(|ip| ip.parse::<IpAddr>().unwrap());
    Say::Addresses(all.collect(), ttl)
}

/// What a lookup of `shop.test` brings when the server says this.
async fn lookup(say: Say) -> Answer {
    let server = NameServer::start(say).await;
    let resolver = Resolver::new(&[server.address()]).unwrap();
    let host = "shop.test.".into();
    let answer = resolver.lookup(&host, 80);
    timeout(PATIENCE, answer).await.expect("a lookup ends")
}

fn failed(answer: &Answer) -> &Failure {
    let failure = answer.result.as_ref().expect_err("there is no address");
    assert!(failure.detail().is_some_and(str::is_ascii), "{failure}");
    assert!(failure.unprocessed());
    failure
}

fn rcode_of(failure: &Failure) -> Option<&str> {
    failure.extra().iter().find_map(|(name, extra)| match extra {
        Extra::String(text) if *name == "rcode" => Some(&**text),
        _ => None,
    })
}

#[tokio::test]
async fn addresses_of_both_families_are_endpoints_at_the_port() {
    let answer = lookup(addresses(&["10.0.0.1", "10.0.0.2", "fd00::1"], 30)).await;

    let mut labels: Vec<_> = answer
        .result
        .unwrap()
        .iter()
        .map(|endpoint| (endpoint.label().to_string(), endpoint.host().unwrap().to_string()))
        .collect();
    labels.sort();
    let expected = ["10.0.0.1:80", "10.0.0.2:80", "[fd00::1]:80"];
    let host = "shop.test.".to_owned();
    assert_eq!(labels, expected.map(|at| (at.to_owned(), host.clone())));
    assert!(!answer.denied);
}

#[tokio::test]
async fn a_name_with_addresses_of_one_family_resolves() {
    for ip in ["10.0.0.1", "fd00::1"] {
        assert_eq!(
            lookup(addresses(&[ip], 30)).await.result.unwrap().len(),
            1,
            "{ip}"
        );
    }
}

#[tokio::test]
async fn a_server_that_stumbles_over_questions_for_ipv6_still_resolves_ipv4() {
    for code in [NXDOMAIN, SERVFAIL, REFUSED] {
        let say = Say::OnlyIpv4(vec!["10.0.0.1".parse().unwrap()], code);

        assert_eq!(lookup(say).await.result.unwrap().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn an_answer_is_good_for_its_time_to_live_within_bounds() {
    for (ttl, least, most) in [
        (0, SHORTEST, SHORTEST),
        (1, SHORTEST, SHORTEST),
        (20, Duration::from_secs(15), Duration::from_secs(20)),
        (86_400, LONGEST, LONGEST),
    ] {
        let good_for = lookup(addresses(&["10.0.0.1"], ttl)).await.good_for;

        assert!(good_for >= least && good_for <= most, "{ttl}: {good_for:?}");
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_denied() {
    let answer = lookup(Say::Code(NXDOMAIN)).await;

    let failure = failed(&answer);
    assert_eq!(failure.reason(), Reason::DnsError);
    assert_eq!(rcode_of(failure), Some("NXDOMAIN"));
    assert_eq!(
        failure.detail(),
        Some("shop.test. does not resolve to any address: NXDOMAIN")
    );
    assert!(answer.denied);
}

#[tokio::test]
async fn a_name_without_addresses_is_denied() {
    let answer = lookup(addresses(&[], 30)).await;

    let failure = failed(&answer);
    assert_eq!(failure.reason(), Reason::DnsError);
    assert_eq!(rcode_of(failure), Some("NOERROR"));
    assert!(answer.denied);
}

#[tokio::test]
async fn a_server_that_fails_or_refuses_denies_nothing() {
    for (code, text) in [(SERVFAIL, "SERVFAIL"), (REFUSED, "REFUSED")] {
        let answer = lookup(Say::Code(code)).await;

        let failure = failed(&answer);
        assert_eq!(failure.reason(), Reason::DnsError, "{text}");
        assert_eq!(rcode_of(failure), Some(text));
        assert!(!answer.denied, "{text}");
    }
}

#[tokio::test]
async fn a_server_that_is_silent_is_given_up_and_denies_nothing() {
    let begun = Instant::now();

    let answer = lookup(Say::Nothing).await;

    assert_eq!(failed(&answer).reason(), Reason::DnsTimeout);
    assert!(!answer.denied);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[test]
fn response_codes_are_told_by_their_mnemonics() {
    for (code, text) in [
        (Code::NoError, "NOERROR"),
        (Code::NXDomain, "NXDOMAIN"),
        (Code::ServFail, "SERVFAIL"),
        (Code::Refused, "REFUSED"),
        (Code::FormErr, "FORMERR"),
        (Code::NotImp, "NOTIMP"),
        (Code::YXDomain, "YXDOMAIN"),
        (Code::NotAuth, "NOTAUTH"),
    ] {
        assert_eq!(rcode(code), text);
    }
}
