//! One client's connection: TLS, which HTTP version, its limits, and the stack that serves its requests.

mod activity;
mod course;
mod entry;
mod io;
mod leaving;
mod meet;
mod proxy_protocol;
mod strict;

use std::{
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use outrigger_gateway::{Failure, Reason};
use outrigger_upstream::{CONNECTION_WINDOW, STREAM_WINDOW, Spawn};
use tokio::{net::TcpStream, sync::oneshot};

use self::{
    activity::{Activity, Patience},
    course::{Course, End},
    entry::{Entry, StreamEntry},
    io::Watched,
    leaving::Leaving,
};
pub(crate) use self::{
    io::ClientStream,
    meet::{Welcomed, welcome},
};
use crate::{plan::Direction, stack::Stack};

/// What a worker serves connections of one listener with.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) direction: DirectionRef,
    pub(crate) stack: Stack,
}

/// One direction of a plan.
#[derive(Clone, Debug)]
pub(crate) struct DirectionRef {
    pub(crate) plan: Arc<crate::plan::Plan>,
    pub(crate) index: usize,
}

impl std::ops::Deref for DirectionRef {
    type Target = Direction;

    fn deref(&self) -> &Direction {
        &self.plan.directions[self.index]
    }
}

impl Server {
    /// Serves one connection until it ends; `drain` asks it to end soon.
    pub(crate) async fn serve(&self, stream: TcpStream, addr: SocketAddr, drain: oneshot::Receiver<()>) {
        let activity = Arc::new(Activity::new());
        let limits = &self.direction.limits;
        let mut course = pin!(Course {
            activity: &activity,
            leaving: Leaving::new(drain),
            patience: Patience::new(limits.header_time, limits.idle_time),
        });
        // Boxed: it is over soon, and the connection need not carry its size from then on.
        let met = Box::pin(self.meet(stream, addr, &activity));
        let Some((mut stream, entry, http2)) = course.as_mut().unless_asked(met).await else {
            return;
        };
        let end = if http2 {
            activity.speaks_http2();
            stream.speaks_http2();
            let mut connection =
                Box::pin(http2_builder(limits).serve_connection(TokioIo::new(stream), StreamEntry(entry)));
            course.drive(connection.as_mut()).await
        } else {
            let end = self.serve_http1(stream, entry, course).await;
            // The connection is not over as long as it carries what it was switched to.
            activity.tunnel_over().await;
            end
        };
        match end {
            End::Closed(Err(error)) => self.tell(&error),
            End::HeadTooSlow => self.count(
                Reason::RequestTimeout,
                "the request's head did not arrive in time",
            ),
            End::Closed(Ok(())) | End::Nap => {}
        }
    }

    /// Serves HTTP/1.1; while the connection idles, without the buffers that a request needs.
    async fn serve_http1(
        &self,
        mut stream: Watched,
        mut entry: Entry,
        mut course: Pin<&mut Course<'_>>,
    ) -> End {
        loop {
            let builder = http1_builder(&self.direction);
            let connection = builder.serve_connection(TokioIo::new(stream), entry);
            let mut connection = Box::new(connection.with_upgrades());
            match course.as_mut().drive(Pin::new(&mut *connection)).await {
                End::Nap => {}
                end => return end,
            }
            // Taken apart whole: what is left of it here would be held while it naps.
            let Some(http1::Parts {
                io,
                read_buf,
                service,
                ..
            }) = connection.into_parts()
            else {
                return End::Closed(Ok(()));
            };
            (stream, entry) = (io.into_inner(), service);
            stream.unread(&read_buf);
            drop(read_buf);
            if !course.as_mut().nap(&mut stream).await {
                return End::Closed(Ok(()));
            }
        }
    }

    /// Counts what hyper answered by itself: the stack never saw it.
    fn tell(&self, error: &hyper::Error) {
        let text = error.to_string();
        if error.is_parse_too_large() {
            // The text is no API; a change of it would only blur 414 and 431 in a counter.
            let reason = match text.contains("URI") {
                true => Reason::TargetTooLong,
                false => Reason::RequestHeaderTooLarge,
            };
            self.count(reason, &text);
        } else if error.is_parse() {
            self.count(Reason::BadRequest, &text);
        } else {
            tracing::debug!(error = &*text, "a client's connection ended with an error");
        }
    }

    fn count(&self, reason: Reason, detail: &str) {
        count(&self.direction, reason, detail);
    }
}

/// Counts and logs what never became a request.
fn count(direction: &Direction, reason: Reason, detail: &str) {
    let failure = Failure::new(reason).with_detail(detail);
    direction
        .unrouted
        .count(reason.row().status, reason, Duration::ZERO);
    if direction.access != outrigger_layers::observe::Access::Off {
        let direction = direction.kind.label();
        tracing::info!(
            target: "access",
            direction,
            status = reason.row().status,
            reason = reason.label(),
            generated_by = "proxy",
            detail = failure.detail(),
        );
    }
}

fn http1_builder(direction: &Direction) -> http1::Builder {
    let limits = &direction.limits;
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Would bound idle time as well; both are ours to bound, apart.
        .header_read_timeout(None)
        .preserve_header_case(direction.keeps_case())
        .max_header_size(limits.header_bytes as usize);
    // hyper's own limit is the same, and costs thousands of instructions a request less when it is not set.
    if limits.header_fields.get() != 100 {
        builder.max_headers(limits.header_fields.get() as usize);
    }
    builder
}

fn http2_builder(limits: &crate::config::Limits) -> http2::Builder<Spawn> {
    let mut builder = http2::Builder::new(Spawn);
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(limits.header_bytes)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(limits.streams.get())
        // WebSocket and its like come so (RFC 8441 §3).
        .enable_connect_protocol()
        // A sidecar before us carries many clients' streams: when one of them leaves with all of its own, that is
        // no attack (h2 takes 20 for one), and the others' must not end with them. What comes beyond is one.
        .max_pending_accept_reset_streams(limits.streams.get() as usize);
    builder
}
