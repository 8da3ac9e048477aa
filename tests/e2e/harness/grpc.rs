//! gRPC by hand: HTTP/2, `application/grpc`, five bytes before each message, the status in trailers.
//!
//! Source: `PROTOCOL-HTTP2.md` of the gRPC specification.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{
    Body, Client, LONG,
    body::{BoxError, Sender},
    channel, request, within,
};

/// A message with its prefix: not compressed, and how long it is.
pub(crate) fn message(payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(5 + payload.len());
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(payload.len()).unwrap());
    bytes.put_slice(payload);
    bytes.freeze()
}

/// The trailers that end a call.
pub(crate) fn status(code: u8) -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.to_string().parse().unwrap())])
}

/// The head of a response, and what sends its messages.
pub(crate) fn response() -> (Sender, Response<Body>) {
    let (sender, body) = channel();
    let response = Response::builder()
        .header("content-type", "application/grpc")
        .body(body);
    (sender, response.unwrap())
}

/// Messages as they come.
#[derive(Debug)]
pub(crate) struct Messages {
    body: Incoming,
    unread: BytesMut,
    pub(crate) trailers: HeaderMap,
}

impl Messages {
    pub(crate) fn new(body: Incoming) -> Self {
        Self {
            body,
            unread: BytesMut::new(),
            trailers: HeaderMap::new(),
        }
    }

    /// The body, none of which must have been read.
    pub(crate) fn into_body(self) -> Incoming {
        self.body
    }

    /// The next message; `None` when there are no more, and the trailers are known.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BoxError> {
        loop {
            if let Some(length) = self.unread.get(1..5).map(|mut length| length.get_u32() as usize)
                && self.unread.len() >= 5 + length
            {
                self.unread.advance(5);
                return Ok(Some(self.unread.split_to(length).freeze()));
            }
            match self.body.frame().await.transpose()? {
                None => return Ok(None),
                Some(frame) => match frame.into_data() {
                    Ok(data) => self.unread.extend_from_slice(&data),
                    Err(frame) => self.trailers = frame.into_trailers().unwrap_or_default(),
                },
            }
        }
    }
}

/// A call under way.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) head: http::response::Parts,
    pub(crate) messages: Messages,
}

impl Call {
    /// The next message, in time.
    #[track_caller]
    pub(crate) fn next(&mut self) -> impl Future<Output = Option<Bytes>> {
        let next = self.messages.next();
        within(LONG, "a message", async {
            next.await.expect("the stream is whole")
        })
    }

    /// The code that the call ended with, in trailers or in a trailers-only head; reads to the end.
    pub(crate) async fn code(&mut self) -> Option<u8> {
        while self.next().await.is_some() {}
        self.trailer("grpc-status").parse().ok()
    }

    pub(crate) fn trailer(&self, name: &str) -> String {
        let value = self
            .messages
            .trailers
            .get(name)
            .or_else(|| self.head.headers.get(name));
        value.map_or("", |value| value.to_str().unwrap()).to_owned()
    }
}

/// A request for a call of this method, with these fields more.
pub(crate) fn calling(method: &str, metadata: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = request(Method::POST, &format!("/shop.Orders/{method}"), body);
    let fields = [("content-type", "application/grpc"), ("te", "trailers")];
    for (name, value) in fields.iter().chain(metadata) {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

impl Client {
    /// Begins a call and waits for the response's head.
    #[track_caller]
    pub(crate) fn call(&self, request: Request<Body>) -> impl Future<Output = Call> {
        let sent = self.send(request);
        async move {
            let (head, body) = sent.await.into_parts();
            Call {
                head,
                messages: Messages::new(body),
            }
        }
    }
}
