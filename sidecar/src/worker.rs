//! Workers: each one thread with a runtime, stacks and connection pools of its own. On the path of a healthy
//! request nothing is shared but atomics.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use metrics::{Gauge, Key, KeyName, Label, Level, Metadata, Recorder};
use tokio::{
    net,
    runtime::Builder,
    sync::{mpsc, oneshot},
    time::interval,
};

use crate::{
    plan::Plan,
    server::{DirectionRef, Server},
    stack::{Pooled, stack},
    tcp::Carrier,
};

/// How often pools are looked through for connections that were idle for too long.
const SWEEP: Duration = Duration::from_secs(5);

/// A connection just accepted.
#[derive(Debug)]
struct Arrival {
    stream: TcpStream,
    addr: SocketAddr,
    direction: usize,
}

/// All workers, as the accepting thread sees them. When it is dropped the threads end.
#[derive(Debug)]
pub(crate) struct Workers {
    workers: Vec<Worker>,
    open: Arc<Vec<Open>>,
}

#[derive(Debug)]
struct Worker {
    arrivals: mpsc::UnboundedSender<Arrival>,
    connections: Arc<AtomicUsize>,
}

/// The open connections of one direction, over all workers.
#[derive(Debug)]
struct Open {
    count: AtomicUsize,
    /// Of all listeners of this kind together: they share one series.
    gauge: Gauge,
    /// Asks each connection to end, by being dropped. `None` once that was done.
    drains: Mutex<Option<HashMap<u64, oneshot::Sender<()>>>>,
    next: AtomicU64,
}

impl Workers {
    /// Starts `count` threads that serve `plan`.
    pub(crate) fn start(count: usize, plan: &Arc<Plan>, recorder: &dyn Recorder) -> io::Result<Self> {
        let open = plan
            .directions
            .iter()
            .map(|direction| Open::new(direction.kind.label(), recorder));
        let open = Arc::new(open.collect::<Vec<_>>());
        let workers = (0..count).map(|index| Worker::start(index, plan.clone(), open.clone()));
        Ok(Self {
            workers: workers.collect::<io::Result<_>>()?,
            open,
        })
    }

    /// Hands a connection to the worker with the fewest.
    pub(crate) fn serve(&self, stream: TcpStream, addr: SocketAddr, direction: usize) {
        let fewest = self
            .workers
            .iter()
            .min_by_key(|worker| worker.connections.load(Relaxed));
        let worker = fewest.expect("there is at least one worker");
        worker.connections.fetch_add(1, Relaxed);
        self.open[direction].enter();
        // A worker that is gone takes the connection with it.
        let _ = worker.arrivals.send(Arrival {
            stream,
            addr,
            direction,
        });
    }

    /// How many connections are open in this direction.
    pub(crate) fn open(&self, direction: usize) -> usize {
        self.open[direction].count.load(Relaxed)
    }

    /// Asks all connections of a direction, those to come included, to end as soon as what runs is done.
    pub(crate) fn drain(&self, direction: usize) {
        self.open[direction].drains().take();
    }
}

impl Open {
    fn new(direction: &'static str, recorder: &dyn Recorder) -> Self {
        const NAME: &str = "outrigger_connections";
        let labels = vec![
            Label::from_static_parts("direction", direction),
            Label::from_static_parts("state", "open"),
        ];
        recorder.describe_gauge(
            KeyName::from_const_str(NAME),
            None,
            "Connections of clients.".into(),
        );
        let metadata = Metadata::new(module_path!(), Level::INFO, None);
        let gauge = recorder.register_gauge(&Key::from_parts(NAME, labels), &metadata);
        let drains = Mutex::new(Some(HashMap::new()));
        Self {
            count: AtomicUsize::new(0),
            gauge,
            drains,
            next: AtomicU64::new(0),
        }
    }

    fn enter(&self) {
        self.count.fetch_add(1, Relaxed);
        self.gauge.increment(1.0);
    }

    fn leave(&self) {
        self.count.fetch_sub(1, Relaxed);
        self.gauge.decrement(1.0);
    }

    fn drains(&self) -> std::sync::MutexGuard<'_, Option<HashMap<u64, oneshot::Sender<()>>>> {
        self.drains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection, counted; it hears here when it is asked to end.
struct Counted<'a> {
    open: &'a Open,
    connections: &'a AtomicUsize,
    id: u64,
}

impl<'a> Counted<'a> {
    fn new(open: &'a Open, connections: &'a AtomicUsize) -> (Self, oneshot::Receiver<()>) {
        let id = open.next.fetch_add(1, Relaxed);
        let (tell, asked) = oneshot::channel();
        if let Some(drains) = &mut *open.drains() {
            drains.insert(id, tell);
        }
        (
            Self {
                open,
                connections,
                id,
            },
            asked,
        )
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Some(drains) = &mut *self.open.drains() {
            drains.remove(&self.id);
        }
        self.connections.fetch_sub(1, Relaxed);
        self.open.leave();
    }
}

impl Worker {
    fn start(index: usize, plan: Arc<Plan>, open: Arc<Vec<Open>>) -> io::Result<Self> {
        let (arrivals, arriving) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let counted = connections.clone();
        let thread = thread::Builder::new().name(format!("worker-{index}"));
        thread.spawn(move || runtime.block_on(work(arriving, plan, open, counted)))?;
        Ok(Self {
            arrivals,
            connections,
        })
    }
}

/// A worker's life: it takes in connections until nobody can send it any.
async fn work(
    mut arriving: mpsc::UnboundedReceiver<Arrival>,
    plan: Arc<Plan>,
    open: Arc<Vec<Open>>,
    connections: Arc<AtomicUsize>,
) {
    let (services, pools): (Vec<_>, Vec<_>) = (0..plan.directions.len())
        .map(|index| {
            let direction = DirectionRef {
                plan: plan.clone(),
                index,
            };
            Service::new(direction)
        })
        .unzip();
    tokio::spawn(sweep(pools.concat()));
    while let Some(Arrival {
        stream,
        addr,
        direction,
    }) = arriving.recv().await
    {
        let (service, open, connections) = (services[direction].clone(), open.clone(), connections.clone());
        tokio::spawn(async move {
            let (_counted, drain) = Counted::new(&open[direction], &connections);
            match net::TcpStream::from_std(stream) {
                Ok(stream) => service.serve(stream, addr, drain).await,
                Err(error) => tracing::warn!(%error, "a connection could not be taken in"),
            }
        });
    }
}

/// What serves the connections of one listener.
#[derive(Clone, Debug)]
enum Service {
    Http(Arc<Server>),
    Tcp(Arc<Carrier>),
}

impl Service {
    /// The service, and its pools of connections.
    fn new(direction: DirectionRef) -> (Self, Vec<Pooled>) {
        match direction.line.clone() {
            Some(line) => (Self::Tcp(Arc::new(Carrier { direction, line })), Vec::new()),
            None => {
                let (stack, pools) = stack(&direction);
                (Self::Http(Arc::new(Server { direction, stack })), pools)
            }
        }
    }

    async fn serve(&self, stream: net::TcpStream, addr: SocketAddr, drain: oneshot::Receiver<()>) {
        match self {
            Self::Http(server) => server.serve(stream, addr, drain).await,
            Self::Tcp(carrier) => carrier.serve(stream, addr, drain).await,
        }
    }
}

async fn sweep(pools: Vec<Pooled>) {
    let mut ticks = interval(SWEEP);
    loop {
        ticks.tick().await;
        pools.iter().for_each(Pooled::sweep);
    }
}
