//! Before there is a connection: names that do not resolve, networks that cannot be reached.

use std::{fmt::Write, time::Duration};

use outrigger_faults::{DnsFault, NameServer};
use outrigger_gateway::Extra;

use crate::harness::{Client, Reply, Sidecar, full, get, grpc::*};

/// A sidecar whose upstream is a name that only this server knows; it waits for half a second.
async fn resolving_at(server: &NameServer) -> Sidecar {
    let servers = server.addr();
    let config = format!(
        "name = \"web.shop\"\n[outbound]\nlisten = \"127.0.0.1:0\"\n[[outbound.upstream]]\nname = \"orders\"\n\
         endpoints = [\"dns:orders.shop.test:80\"]\ntimeout = {{ connect = \"500ms\" }}\n[dns]\nservers = [\"{servers}\"]\n"
    );
    Sidecar::start(&config).await
}

async fn ask(sidecar: &Sidecar) -> Reply {
    Client::http1(sidecar.outbound()).await.ask(get("/")).await
}

#[tokio::test]
async fn each_answer_of_a_name_server_is_told_as_what_it_is() {
    #[rustfmt::skip]
    let table = [
        // what the name server does            status, error           rcode              gRPC
        (DnsFault::NXDOMAIN,                    502, "dns_error",       Some("NXDOMAIN"),  14),
        (DnsFault::SERVFAIL,                    502, "dns_error",       Some("SERVFAIL"),  14),
        (DnsFault::REFUSED,                     502, "dns_error",       Some("REFUSED"),   14),
        (DnsFault::NOTIMP,                      502, "dns_error",       Some("NOTIMP"),    14),
        (DnsFault::FORMERR,                     502, "dns_error",       Some("FORMERR"),   14),
        (DnsFault::Empty,                       502, "dns_error",       Some("NOERROR"),   14),
        (DnsFault::Silent,                      504, "dns_timeout",     None,              14),
        (DnsFault::Late(Duration::from_secs(60)), 504, "dns_timeout",   None,              14),
        (DnsFault::WrongId,                     504, "dns_timeout",     None,              14),
    ];
    let mut wrong = String::new();
    for (fault, status, error, rcode, code) in table {
        let server = NameServer::start(fault).await;
        let sidecar = resolving_at(&server).await;
        let reply = ask(&sidecar).await;
        let told = (reply.status.as_u16(), reply.error(), reply.reason());
        let named = reply.proxy_status()[0].extra.get("rcode");
        let expected = rcode.map(|rcode| Extra::String(rcode.to_owned()));
        if told != (status, Some(error.to_owned()), Some(error.to_owned())) || named != expected {
            writeln!(wrong, "{fault:?}: {told:?} {named:?} {}", reply.details()).unwrap();
        }
        if !reply.details().contains("orders.shop.test") && rcode.is_some() {
            writeln!(wrong, "{fault:?}: the name is not told: {}", reply.details()).unwrap();
        }
        let client = Client::http2(sidecar.outbound()).await;
        let mut call = client.call(calling("Any", &[], full(message(b"")))).await;
        let got = call.code().await;
        if got != Some(code) {
            writeln!(wrong, "{fault:?}: gRPC code {got:?}").unwrap();
        }
        let line = sidecar.access_line(|line| line["version"] == "HTTP/1.1").await;
        if line["reason"] != error {
            writeln!(wrong, "{fault:?}: {line}").unwrap();
        }
        assert!(server.asked() > 0, "{fault:?}: nobody was asked");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn what_cannot_be_read_of_a_name_servers_answer_is_told_as_either_kind() {
    // Whether it is waited for the rest is the resolver's choice.
    for fault in [DnsFault::Garbage, DnsFault::Cut, DnsFault::Truncated] {
        let server = NameServer::start(fault).await;
        let reply = ask(&resolving_at(&server).await).await;
        let told = (reply.status.as_u16(), reply.reason().unwrap_or_default());
        let either = [(502, "dns_error".to_owned()), (504, "dns_timeout".to_owned())];
        assert!(either.contains(&told), "{fault:?}: {told:?} {}", reply.text());
    }
}

#[tokio::test]
async fn an_address_that_no_route_leads_to_is_told_as_such() {
    // Nobody can connect to a multicast or a broadcast address, wherever this runs.
    for addr in ["224.0.0.1:80", "255.255.255.255:80"] {
        let config = crate::harness::outbound_to(addr.parse().unwrap(), "");
        let sidecar = Sidecar::start(&config).await;
        let reply = ask(&sidecar).await;
        let told = (reply.status.as_u16(), reply.error(), reply.reason());
        let expected = (
            502,
            Some("destination_ip_unroutable".into()),
            Some("unroutable".into()),
        );
        assert_eq!(told, expected, "{addr}: {}", reply.details());
        assert!(reply.details().contains(addr), "{}", reply.details());
    }
}
