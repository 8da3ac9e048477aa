//! A well-behaved app: answers as it is told, and remembers what it was asked.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use http::{HeaderMap, Method, Request, Response, Uri, Version};
use http_body_util::BodyExt;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::{AbortHandle, JoinSet},
};

use super::{Body, body::BoxError, eventually, full};

/// The head of a request, as it reached the app.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
}

impl Seen {
    /// All lines of a field, in one, or `""`.
    pub(crate) fn field(&self, name: &str) -> String {
        let lines = self.headers.get_all(name).iter();
        lines
            .map(|value| value.to_str().unwrap())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

const ANYWHERE: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// A server on loopback; dropped, it closes its port and every connection.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) addr: SocketAddr,
    accepted: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    accepting: AbortHandle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    Http1,
    Http2,
}

impl App {
    /// One that speaks HTTP/1.1 only.
    pub(crate) async fn http1<F, R>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::start(Speaks::Http1, ANYWHERE, answer).await
    }

    /// The same where another was before.
    pub(crate) async fn http1_at<F, R>(addr: SocketAddr, answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::start(Speaks::Http1, addr, answer).await
    }

    /// One that speaks HTTP/2 with prior knowledge only.
    pub(crate) async fn h2c<F, R>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::start(Speaks::Http2, ANYWHERE, answer).await
    }

    /// The same where another was before.
    pub(crate) async fn h2c_at<F, R>(addr: SocketAddr, answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::start(Speaks::Http2, addr, answer).await
    }

    /// How many connections it has accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Relaxed)
    }

    /// The heads of all requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The head of the only request so far.
    #[track_caller]
    pub(crate) fn saw(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:#?}");
        seen.remove(0)
    }

    async fn start<F, R>(speaks: Speaks, addr: SocketAddr, answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        // One that was just dropped may take a moment to be gone.
        let listener = eventually("the port to be free", async || listen(addr).ok()).await;
        let addr = listener.local_addr().unwrap();
        let (accepted, seen) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<Seen>>>::default());
        let (answer, count, heads) = (Arc::new(answer), accepted.clone(), seen.clone());
        let accepting = tokio::spawn(async move {
            // Connections end with the app.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Relaxed);
                connections.spawn(serve(stream, speaks, answer.clone(), heads.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            addr,
            accepted,
            seen,
            accepting: accepting.abort_handle(),
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A queue long enough that a burst of connections waits in it instead of being dropped.
fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(4096)
}

async fn serve<F, R>(stream: TcpStream, speaks: Speaks, answer: Arc<F>, seen: Arc<Mutex<Vec<Seen>>>)
where
    F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    stream.set_nodelay(true).unwrap();
    let service = service_fn(move |request: Request<Incoming>| {
        seen.lock().unwrap().push(Seen {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
        });
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    // A connection that breaks is the other side's affair; the test sees it there.
    let _ = match speaks {
        Speaks::Http1 => {
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
        }
        Speaks::Http2 => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            // Half of it is what h2 lets small frames cost before it takes them for a flood.
            builder.initial_connection_window_size(256 << 20);
            builder.serve_connection(TokioIo::new(stream), service).await
        }
    };
}

/// `200` and `ok`.
pub(crate) async fn ok(_: Request<Incoming>) -> Response<Body> {
    Response::new(full("ok"))
}

/// The request's body as it comes, frame by frame, trailers included.
pub(crate) async fn echo(request: Request<Incoming>) -> Response<Body> {
    Response::new(request.into_body().map_err(BoxError::from).boxed_unsync())
}
