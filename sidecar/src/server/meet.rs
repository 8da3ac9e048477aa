//! Getting to know a client: the balancer's word on it, TLS, who it is, whether it may call, and which HTTP version it speaks.

use std::{net::SocketAddr, sync::Arc};

use http::HeaderValue;
use outrigger_identity::{AcceptError, Alpn, Peer};
use outrigger_layers::hop;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{
    Server,
    activity::Activity,
    entry::Entry,
    io::{ClientStream, Sniffed, Watched},
    proxy_protocol::Caller,
};
use crate::{admit::Denied, plan::Direction};

/// A client that was let in, and what is known of it.
#[derive(Debug)]
pub(crate) struct Welcomed {
    pub(crate) stream: ClientStream,
    pub(crate) client: Arc<hop::Client>,
    /// Why it may not call, if it may not.
    pub(crate) denied: Option<Denied>,
    pub(crate) alpn: Option<Alpn>,
}

impl Server {
    /// Gets to know the client, and whether it speaks HTTP/2.
    pub(super) async fn meet(
        &self,
        stream: TcpStream,
        addr: SocketAddr,
        activity: &Arc<Activity>,
    ) -> Option<(Watched, Entry, bool)> {
        let Welcomed {
            stream,
            client,
            denied,
            alpn,
        } = welcome(&self.direction, stream, addr).await?;
        let mut stream = Watched::new(stream, activity.clone());
        let http2 = match alpn {
            Some(Alpn::H2) => true,
            // What was agreed on holds; but nothing is set up before the client says anything.
            alpn => match stream.sniff(self.direction.limits.header_time).await {
                Sniffed::Http1 => false,
                Sniffed::Http2 => alpn.is_none(),
                Sniffed::Nothing => return None,
            },
        };
        let entry = Entry::new(self.stack.clone(), client, denied, activity.clone());
        Some((stream, entry, http2))
    }
}

/// Hears whom the connection is made for, makes the TLS handshake, where there are such, and gets to know the client.
pub(crate) async fn welcome(
    direction: &Direction,
    mut stream: TcpStream,
    addr: SocketAddr,
) -> Option<Welcomed> {
    let _ = stream.set_nodelay(true);
    let limit = direction.limits.handshake_time;
    let end = Instant::now() + limit;
    let Caller { addr: named, local } = Caller::meet(direction, &mut stream, addr, end).await?;
    let Some(acceptor) = &direction.accept else {
        let client = hop::Client::new(named, false).with_trust(local);
        return Some(Welcomed {
            stream: ClientStream::Plain(stream),
            client: Arc::new(client),
            denied: None,
            alpn: None,
        });
    };
    let accepted = timeout_at(end, acceptor.accept(stream)).await;
    let accepted = accepted.unwrap_or_else(|_| Err(AcceptError::timeout(limit)));
    direction.handshakes.count_accept(accepted.as_ref().err());
    let stream = match accepted {
        Ok(stream) => stream,
        Err(error) => {
            refused(&error, named.unwrap_or(addr));
            return None;
        }
    };
    let peer = Peer::of(stream.get_ref().1);
    let alpn = Alpn::of(stream.get_ref().1);
    let mut client = hop::Client::new(named, true).with_trust(local || peer.is_some());
    if let Some(peer) = &peer {
        client = client.with_identity(peer.label().into());
    }
    if let Some(xfcc) = peer
        .as_ref()
        .and_then(|peer| HeaderValue::try_from(peer.xfcc()).ok())
    {
        client = client.with_certificate(xfcc);
    }
    let denied = denied(direction, peer.as_ref());
    Some(Welcomed {
        stream: ClientStream::Tls(Box::new(stream)),
        client: Arc::new(client),
        denied,
        alpn,
    })
}

/// Why this peer may not call, if it may not.
fn denied(direction: &Direction, peer: Option<&Peer>) -> Option<Denied> {
    let allow = &direction.allow;
    let id = peer.and_then(Peer::spiffe);
    if allow.is_empty() || id.is_some_and(|id| allow.iter().any(|pattern| pattern.matches(id))) {
        return None;
    }
    let who = match (id, peer) {
        (Some(id), _) => id.to_string(),
        (None, Some(peer)) => format!("{}, which has no SPIFFE ID,", peer.label()),
        (None, None) => "a caller without a certificate".to_owned(),
    };
    Some(Denied(format!("{who} is not among those allowed to call").into()))
}

fn refused(error: &AcceptError, addr: SocketAddr) {
    let (result, detail) = (error.result().label(), error.detail());
    if error.is_noise() {
        tracing::debug!(%addr, result, detail, "a TLS handshake did not come about");
    } else {
        tracing::warn!(%addr, result, detail, "a client was not let in");
    }
}
