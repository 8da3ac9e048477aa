//! The app's gRPC side: whatever is called, it answers with one empty message.

use std::{convert::Infallible, io};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Response, header::CONTENT_TYPE};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use outrigger_gateway::grpc::{self, Code};
use tokio::net::TcpStream;

/// Not compressed, no bytes long.
const EMPTY_MESSAGE: Bytes = Bytes::from_static(&[0; 5]);

/// Serves HTTP/2 until the caller has had enough.
pub(super) async fn talk(stream: TcpStream) -> io::Result<()> {
    let calls = service_fn(|_| async { Ok::<_, Infallible>(answer()) });
    let connection = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), calls);
    connection.await.map_err(io::Error::other)
}

fn answer() -> Response<StreamBody<impl stream::Stream<Item = Result<Frame<Bytes>, Infallible>>>> {
    let trailers = HeaderMap::from_iter([(grpc::STATUS, Code::Ok.to_header())]);
    let frames = [Frame::data(EMPTY_MESSAGE), Frame::trailers(trailers)];
    let mut response = Response::new(StreamBody::new(stream::iter(frames.map(Ok))));
    let media_type: HeaderValue = grpc::MEDIA_TYPE;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
