//! Runs a table: one sidecar, one upstream for each fault and each kind of caller, all asked at once.

use std::{collections::HashMap, fmt::Write, net::SocketAddr, sync::Arc, time::Duration};

use http::{Method, Request};
use outrigger_faults::{Fault, Server};
use serde_json::Value;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

use super::{
    Caller,
    row::{After, Asking, Told},
};
use crate::harness::{
    Body as AnyBody, Certificates, Client, LONG, Sidecar, full, get,
    grpc::{calling, message},
    presenting, request,
};

/// So many are asked at the same time, that a busy machine keeps up.
const AT_ONCE: usize = 24;

/// One fault, asked for by one caller.
struct Case {
    name: String,
    fault: Fault,
    caller: Caller,
    told: Told,
    server: Server,
}

/// Asks every fault by every caller; then compares replies, metrics and log with the table. With an ALPN, all of it
/// behind TLS.
pub(super) async fn check(
    tables: &[&[(&[Fault], Told)]],
    callers: &[Caller],
    protocol: &str,
    alpn: Option<&[u8]>,
) {
    let certificates = Certificates::new();
    let orders = certificates
        .authority
        .issue(&Certificates::workload("orders"))
        .unwrap();
    let start = |fault| match alpn {
        Some(alpn) => Server::start_tls(fault, presenting(&orders, alpn)),
        None => Server::start(fault),
    };
    let rows = tables.iter().flat_map(|table| table.iter());
    let faults = rows.flat_map(|(faults, told)| faults.iter().map(move |fault| (*fault, *told)));
    let faults = faults.filter(|(fault, _)| alpn.is_none() || !fault.is_below_tls());
    let cases = faults.enumerate().flat_map(|(row, (fault, told))| {
        let case = move |caller: &Caller| Case {
            name: format!("row-{row}-{caller:?}").to_lowercase(),
            fault,
            caller: *caller,
            told,
            server: start(fault),
        };
        callers.iter().map(case)
    });
    let cases: Arc<[Case]> = cases.collect();
    let (identity, tls) = match alpn {
        Some(_) => (
            certificates.identity("web"),
            r#"tls = { server_name = "orders.shop.svc" }"#,
        ),
        None => (String::new(), ""),
    };
    let mut config = format!("name = \"web.shop\"\n{identity}[outbound]\nlisten = \"127.0.0.1:0\"\n");
    for case in &*cases {
        case.write_upstream(&mut config, protocol, tls);
    }
    let sidecar = Sidecar::start(&config).await;
    let wrong = replies_that_differ(&cases, sidecar.outbound()).await;
    assert!(wrong.is_empty(), "{wrong}");
    agrees(async || logged_otherwise(&cases, &sidecar)).await;
    agrees(async || counted_otherwise(&cases, &sidecar).await).await;
}

impl Case {
    fn write_upstream(&self, config: &mut String, protocol: &str, tls: &str) {
        let (name, addr, timeouts) = (&self.name, self.server.addr(), timeouts(self.told.after));
        let written = writeln!(
            config,
            "[[outbound.upstream]]\nname = \"{name}\"\nhosts = [\"{name}\"]\nendpoints = [\"{addr}\"]\n\
             protocol = \"{protocol}\"\ntimeout = {timeouts}\n{tls}"
        );
        written.unwrap();
    }

    fn request(&self) -> Request<AnyBody> {
        let mut request = match (self.caller, self.told.asking) {
            (Caller::Grpc, Asking::Shortly) => calling("Any", &[], full(message(b"short"))),
            (Caller::Grpc, Asking::With(bytes)) => calling("Any", &[], full(message(&vec![b'x'; bytes]))),
            (_, Asking::Shortly) => get("/"),
            (_, Asking::With(bytes)) => request(Method::POST, "/", full(vec![b'x'; bytes])),
        };
        *request.uri_mut() = format!("http://{}{}", self.name, request.uri().path())
            .parse()
            .unwrap();
        request
    }

    async fn ask(&self, addr: SocketAddr) -> Option<String> {
        let client = match self.caller {
            Caller::Http1 => Client::http1(addr).await,
            Caller::Http2 | Caller::Grpc => Client::http2(addr).await,
        };
        let asked = async {
            match client.try_send(self.request()).await {
                Ok(response) => self.told.differs(self.caller, response).await,
                Err(error) => Some(format!("no response: {error:?}")),
            }
        };
        match timeout(LONG, asked).await {
            Ok(differs) => differs,
            Err(_) => Some(format!("nothing for {LONG:?}")),
        }
    }
}

/// What is waited for is short, everything else longer than any test: what comes in time comes for its own sake.
fn timeouts(after: After) -> String {
    let short = |kind| if after == kind { "700ms" } else { "30s" };
    let stream = if matches!(after, After::Head | After::Idle) {
        "700ms"
    } else {
        "30s"
    };
    let (connect, head, idle) = (short(After::Connect), short(After::Head), short(After::Idle));
    format!("{{ connect = \"{connect}\", head = \"{head}\", idle = \"{idle}\", stream_idle = \"{stream}\" }}")
}

async fn replies_that_differ(cases: &Arc<[Case]>, addr: SocketAddr) -> String {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let asked = (0..cases.len()).map(|index| {
        let (cases, room) = (cases.clone(), room.clone());
        tokio::spawn(async move {
            let _place = room.acquire().await;
            cases[index].ask(addr).await
        })
    });
    let mut wrong = String::new();
    for (asked, case) in asked.collect::<Vec<_>>().into_iter().zip(&**cases) {
        if let Some(how) = asked.await.unwrap() {
            writeln!(wrong, "{:?} {:?}: {how}", case.fault, case.caller).unwrap();
        }
    }
    wrong
}

/// How the metrics differ from the table.
async fn counted_otherwise(cases: &[Case], sidecar: &Sidecar) -> String {
    let metrics = sidecar.metrics().await.only("outrigger_requests_total");
    listed(cases, |case| {
        case.told.is_counted_otherwise(case.caller, &case.name, &metrics)
    })
}

/// How the access log differs from the table.
fn logged_otherwise(cases: &[Case], sidecar: &Sidecar) -> String {
    let records = sidecar.log.records();
    let mut lines = HashMap::<&str, Vec<&Value>>::new();
    for line in records.iter().filter(|line| line["target"] == "access") {
        let upstream = line["upstream"].as_str().unwrap_or_default();
        lines.entry(upstream).or_default().push(line);
    }
    listed(cases, |case| {
        let lines = lines.get(&*case.name).map_or(&[][..], Vec::as_slice);
        case.told.is_logged_otherwise(lines)
    })
}

fn listed(cases: &[Case], differs: impl Fn(&Case) -> Option<String>) -> String {
    let mut wrong = String::new();
    for case in cases {
        if let Some(how) = differs(case) {
            writeln!(wrong, "{:?} {:?}: {how}", case.fault, case.caller).unwrap();
        }
    }
    wrong
}

/// Both are told a moment after the answer: looks again until nothing differs, for as long as that may take.
async fn agrees(differs: impl AsyncFn() -> String) {
    let end = Instant::now() + LONG;
    loop {
        let wrong = differs().await;
        if wrong.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "{wrong}");
        sleep(Duration::from_millis(50)).await;
    }
}
