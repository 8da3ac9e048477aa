//! Raw TCP: what a client says on one listener is carried to one upstream byte for byte, and back.
//!
//! A client is let in (TLS, identity, a place), an endpoint is connected to, and then nothing of what passes is
//! looked at. Nobody can be told in words what went wrong: the connection is cut, never ended, and the access log
//! and the metrics have the reason. When the sidecar drains, streams go on to the end of the grace.

mod line;
mod metrics;
mod record;

use std::{net::SocketAddr, sync::Arc};

use outrigger_gateway::{Failure, Reason};
use outrigger_upstream::tunnel::carry;
use tokio::{net::TcpStream, sync::oneshot};

use self::record::Record;
pub(crate) use self::{
    line::Line,
    metrics::{DURATION, Metrics},
};
use crate::{
    admit::Denied,
    server::{ClientStream, DirectionRef, Welcomed, welcome},
};

/// What a worker carries the streams of one listener with.
#[derive(Debug)]
pub(crate) struct Carrier {
    pub(crate) direction: DirectionRef,
    pub(crate) line: Arc<Line>,
}

impl Carrier {
    /// Carries one stream to its end, or until it is to be `cut`.
    pub(crate) async fn serve(&self, stream: TcpStream, addr: SocketAddr, cut: oneshot::Receiver<()>) {
        tokio::select! {
            () = self.carry(stream, addr) => {}
            // What is dropped so tells of it.
            _ = cut => {}
        }
    }

    async fn carry(&self, stream: TcpStream, addr: SocketAddr) {
        let here = stream.local_addr().ok();
        // Boxed: it is over soon, and the stream need not carry its size from then on.
        let Some(welcomed) = Box::pin(welcome(&self.direction, stream, addr)).await else {
            return;
        };
        let Welcomed {
            stream: mut client,
            client: who,
            denied,
            ..
        } = welcomed;
        client.doom();
        let mut record = Record::begin(&self.direction, &self.line, who);
        match pass(&self.line, &mut client, denied, here, &mut record).await {
            Ok(()) => {
                client.spare();
                record.end(None);
            }
            Err(failure) => record.end(Some(failure)),
        }
    }
}

/// Lets the client in, connects it, and carries what both say.
async fn pass(
    line: &Line,
    client: &mut ClientStream,
    denied: Option<Denied>,
    here: Option<SocketAddr>,
    record: &mut Record<'_>,
) -> Result<(), Failure> {
    if let Some(Denied(why)) = denied {
        return Err(Failure::new(Reason::Denied).with_detail(why));
    }
    let _place = line.enter()?;
    let (endpoint, mut upstream) = Box::pin(line.connect(here, record)).await?;
    upstream.get_ref().doom();
    let ending = carry(client, &mut upstream, line.idle(), record.moved()).await;
    match ending.failure(line.connector(), &endpoint, record.moved(), line.idle()) {
        None => {
            upstream.get_ref().spare();
            Ok(())
        }
        Some(failure) => Err(failure),
    }
}
