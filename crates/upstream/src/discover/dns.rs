//! Looking names up.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolverConfig},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
};
use outrigger_gateway::{Extra, Failure, Reason};
use tokio::time::timeout;

use crate::endpoint::Endpoint;

/// A name is looked up again no sooner than this, however short its answer's time to live.
const SHORTEST: Duration = Duration::from_secs(1);
/// And no later than this.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
/// After an error it is tried again this soon.
const AFTER_ERROR: Duration = Duration::from_secs(1);
/// The most that one lookup may take, all servers and tries together.
const LIMIT: Duration = Duration::from_secs(5);

/// Looks names up at the system's servers, or at given ones.
#[derive(Clone)]
pub struct Resolver {
    inner: Arc<TokioResolver>,
}

/// The resolver could not be set up.
#[derive(Debug)]
pub struct ResolverError(NetError);

impl fmt::Display for ResolverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "setting up name resolution: {}", self.0)
    }
}

impl std::error::Error for ResolverError {}

/// What a lookup brought.
pub(super) struct Answer {
    pub(super) result: Result<Vec<Endpoint>, Failure>,
    /// When to ask again.
    pub(super) good_for: Duration,
    /// The servers say with authority that there is nothing.
    pub(super) denied: bool,
}

impl Resolver {
    /// Asks `servers`, or, if there are none, those that the system is configured with.
    ///
    /// # Errors
    ///
    /// The system's configuration cannot be read.
    pub fn new(servers: &[SocketAddr]) -> Result<Self, ResolverError> {
        let mut builder = match servers {
            [] => TokioResolver::builder_tokio().map_err(ResolverError)?,
            servers => {
                let servers = servers.iter().map(|server| {
                    let mut config = NameServerConfig::udp_and_tcp(server.ip());
                    for connection in &mut config.connections {
                        connection.port = server.port();
                    }
                    config
                });
                let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.timeout = Duration::from_secs(1);
        options.attempts = 2;
        // We keep what we learn ourselves, as long as it is good for.
        options.cache_size = 0;
        Ok(Self {
            inner: Arc::new(builder.build().map_err(ResolverError)?),
        })
    }

    pub(super) async fn lookup(&self, host: &Arc<str>, port: u16) -> Answer {
        match timeout(LIMIT, self.inner.lookup_ip(&**host)).await {
            Err(_) => Answer::failed(silent(host), false),
            Ok(Err(error)) => {
                let denied = error.is_no_records_found();
                Answer::failed(failure(host, error), denied)
            }
            Ok(Ok(found)) => {
                let left = found.valid_until().saturating_duration_since(std_now());
                let at = |ip| Endpoint::resolved(SocketAddr::new(ip, port), host.clone());
                let endpoints: Vec<_> = found.iter().map(at).collect();
                if endpoints.is_empty() {
                    return Answer::failed(empty(host, "NOERROR"), true);
                }
                Answer {
                    result: Ok(endpoints),
                    good_for: left.clamp(SHORTEST, LONGEST),
                    denied: false,
                }
            }
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl Answer {
    pub(super) fn fixed(address: SocketAddr) -> Self {
        Self {
            result: Ok(vec![Endpoint::new(address)]),
            good_for: LONGEST,
            denied: false,
        }
    }

    fn failed(failure: Failure, denied: bool) -> Self {
        Self {
            result: Err(failure),
            good_for: AFTER_ERROR,
            denied,
        }
    }
}

/// The resolver's own clock, which its answers' times are told in.
#[allow(clippy::disallowed_types)]
fn std_now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

fn failure(host: &str, error: NetError) -> Failure {
    match &error {
        NetError::Timeout => silent(host).with_source(error),
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            let rcode = rcode(none.response_code);
            empty(host, &rcode).with_source(error)
        }
        NetError::Dns(DnsError::ResponseCode(code)) => {
            let rcode = rcode(*code);
            Failure::new(Reason::DnsError)
                .with_detail(format_args!("the name server refused to resolve {host}: {rcode}"))
                .with_extra("rcode", Extra::String(rcode))
                .with_source(error)
        }
        _ => Failure::new(Reason::DnsError)
            .with_detail(format_args!("resolving {host}: {error}"))
            .with_source(error),
    }
}

fn silent(host: &str) -> Failure {
    Failure::new(Reason::DnsTimeout).with_detail(format_args!(
        "the name servers did not answer when asked for {host}"
    ))
}

fn empty(host: &str, rcode: &str) -> Failure {
    Failure::new(Reason::DnsError)
        .with_detail(format_args!("{host} does not resolve to any address: {rcode}"))
        .with_extra("rcode", Extra::String(rcode.to_owned()))
}

/// The mnemonic of RFC 6895 §2.3.
fn rcode(code: hickory_resolver::proto::op::ResponseCode) -> String {
    use hickory_resolver::proto::op::ResponseCode as Code;
    match code {
        Code::NoError => "NOERROR".into(),
        Code::NXDomain => "NXDOMAIN".into(),
        Code::ServFail => "SERVFAIL".into(),
        Code::Refused => "REFUSED".into(),
        Code::FormErr => "FORMERR".into(),
        Code::NotImp => "NOTIMP".into(),
        other => format!("{other:?}").to_uppercase(),
    }
}

#[cfg(test)]
mod tests;
