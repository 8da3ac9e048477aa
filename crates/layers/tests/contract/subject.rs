//! A layer that is held to the contract, and requests through it.

use std::{
    fmt::Debug,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, header, response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use outrigger_gateway::{Failure, Reason};
use tokio_test::task::{self, Spawn};
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_layer::Layer;

use super::{
    BoxError,
    below::{Below, Number},
    body::{Script, Scripted},
};

/// The layer's service over [`Below`], whatever its type.
pub(crate) type Service = BoxCloneSyncService<Request<Scripted>, Response<AnyBody>, Failure>;
pub(crate) type AnyBody = UnsyncBoxBody<Bytes, BoxError>;

/// A layer; its type is forgotten, and all that it must be is asked for here: services and futures can be sent to
/// other threads and printed, services can be cloned, errors tell a failure.
pub(crate) struct Subject {
    wrap: Box<dyn Fn(Below) -> Service>,
}

impl Subject {
    pub(crate) fn new<L, B>(layer: L) -> Self
    where
        L: Layer<Below> + Clone + Debug + Send + Sync + 'static,
        L::Service: tower::Service<Request<Scripted>, Response = Response<B>>,
        L::Service: Clone + Debug + Send + Sync + 'static,
        <L::Service as tower::Service<Request<Scripted>>>::Error: Into<Failure>,
        <L::Service as tower::Service<Request<Scripted>>>::Future: Debug + Send + 'static,
        B: Body<Data = Bytes> + Debug + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let wrap = move |below| {
            let service = layer.layer(below).map_err(Into::into);
            let erased = service.map_response(|response: Response<B>| {
                response.map(|body| body.map_err(Into::into).boxed_unsync())
            });
            BoxCloneSyncService::new(erased)
        };
        Self { wrap: Box::new(wrap) }
    }

    pub(crate) fn over(&self, below: &Below) -> Service {
        (self.wrap)(below.clone())
    }
}

/// A request that any of the layers lets through, and none may repeat that was processed.
pub(crate) fn request() -> Request<Scripted> {
    numbered(0)
}

/// The same with a body that is of `caller`, to see what becomes of it.
pub(crate) fn request_of(caller: &Below) -> Request<Scripted> {
    request().map(|body| body.holding(caller.place()))
}

pub(crate) fn numbered(number: u32) -> Request<Scripted> {
    let request = Request::post("/orders?limit=20").header(header::HOST, "shop.example");
    let request = request.header("x-tenant", "blue").extension(Number(number));
    request
        .body(Script::SOME.body())
        .expect("its parts are well-formed")
}

/// An answer, read as far as it came.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) head: response::Parts,
    pub(crate) frames: Vec<Frame<Bytes>>,
    pub(crate) broken: Option<Failure>,
}

/// Waits for readiness, asks, and reads the answer to its end.
pub(crate) async fn ask<S>(service: S, request: Request<Scripted>) -> Result<Told, Failure>
where
    S: tower::Service<Request<Scripted>, Response = Response<AnyBody>, Error = Failure>,
{
    let (head, mut body) = service.oneshot(request).await?.into_parts();
    let (frames, broken) = read(&mut body).await;
    Ok(Told { head, frames, broken })
}

/// Reads as far as a server would: one that knows that nothing is to come does not ask for it.
pub(crate) async fn read(body: &mut AnyBody) -> (Vec<Frame<Bytes>>, Option<Failure>) {
    let mut frames = Vec::new();
    while !body.is_end_stream() {
        match body.frame().await {
            Some(Ok(frame)) => frames.push(frame),
            Some(Err(error)) => return (frames, Some(Failure::from_error(error))),
            None => break,
        }
    }
    (frames, None)
}

/// Why a request came to nothing, whether that is told as a failure, in the body, or as an answer in HTTP.
pub(crate) fn reason_of(result: &Result<Told, Failure>) -> Option<Reason> {
    match result {
        Err(failure) => Some(failure.reason()),
        Ok(told) => match &told.broken {
            Some(failure) => Some(failure.reason()),
            None => answered_reason(told),
        },
    }
}

fn answered_reason(told: &Told) -> Option<Reason> {
    if told.head.headers.get(header::CONTENT_TYPE)? != "application/problem+json" {
        return None;
    }
    let text = told.frames.iter().filter_map(Frame::data_ref);
    let text: String = text.map(|data| String::from_utf8_lossy(data)).collect();
    let (_, reason) = text.split_once(r#""reason":""#)?;
    reason.split('"').next()?.parse().ok()
}

/// What comes of a future that has nothing to wait for: whenever it is pending, it must have been woken already.
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    finish(&mut task::spawn(future))
}

pub(crate) fn finish<F: Future>(task: &mut Spawn<F>) -> F::Output {
    for _ in 0..1000 {
        match task.poll() {
            Poll::Ready(output) => return output,
            Poll::Pending => assert!(task.is_woken(), "it waits, and there is nothing to wait for"),
        }
    }
    panic!("it is woken again and again, and comes to nothing");
}

/// Whether a request passes and its answer comes back whole.
pub(crate) fn assert_passes(service: &Service) {
    let result = at_once(ask(service.clone(), request()));
    assert_eq!(reason_of(&result), None, "{result:?}");
}

/// Polls for someone who will not be woken any more.
pub(crate) fn poll_for_another<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(std::task::Waker::noop()))
}
