//! The answer that a failure becomes: one complete HTTP response, or a trailers-only one for gRPC.
//!
//! Everything in it is read off the failure's row of the [table](crate::table); what else is said, and to whom, is the
//! [`Voice`]'s to know. Not covered: a failure after the head was sent, which can only abort the stream, or end a gRPC
//! one with [`grpc::trailers`].

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, VARY},
};

use crate::{
    Failure,
    accept::Form,
    body::Told,
    grpc,
    proxy_status::{self, Member},
    retry_after,
};

/// Who speaks, to whom, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Voice<'a> {
    /// This deployment, as `Proxy-Status` calls it.
    pub name: &'a str,
    /// Whether the reader may read sentences, addresses and names of upstreams.
    pub detailed: bool,
    /// Whether there is a `Proxy-Status` at all: origins have none (RFC 9209 §2).
    pub proxy_status: bool,
    /// Whether the request is gRPC ([`grpc::is_grpc`]): the answer then is trailers-only.
    pub grpc: bool,
    /// The request's `Accept`, which chooses the body's form.
    pub accept: Option<&'a HeaderValue>,
    /// The request's identifier, told to everyone: it is the caller's own.
    pub request_id: Option<&'a str>,
    /// Whether the request's method is HEAD: the body is measured, not sent.
    pub head: bool,
}

impl<'a> Voice<'a> {
    /// Speaks to anyone, about status, reason and no more, without `Proxy-Status`.
    pub const fn new(name: &'a str) -> Self {
        Self {
            name,
            detailed: false,
            proxy_status: false,
            grpc: false,
            accept: None,
            request_id: None,
            head: false,
        }
    }

    /// The whole answer for a failure.
    ///
    /// [`Reason::answer_status`](crate::Reason::answer_status) says what becomes of the two reasons that have
    /// no status of their own.
    pub fn answer(&self, failure: &Failure) -> Response<Bytes> {
        let mut response = if self.grpc {
            self.trailers_only(failure)
        } else {
            self.page(failure)
        };
        if self.proxy_status {
            let member = Member::for_failure(self.name, failure, self.detailed);
            proxy_status::append(response.headers_mut(), &member);
        }
        response
    }

    /// One head that is the end of the stream, too; 200, since gRPC reads no other status.
    fn trailers_only(&self, failure: &Failure) -> Response<Bytes> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, grpc::MEDIA_TYPE);
        grpc::write_trailers(&mut headers, failure, self.detailed);
        response(StatusCode::OK, headers, Bytes::new())
    }

    fn page(&self, failure: &Failure) -> Response<Bytes> {
        let form = Form::negotiate(self.accept);
        let body = Told::new(failure, self.detailed, self.request_id).body(form);
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, form.media_type());
        headers.insert(CONTENT_LENGTH, body.len().into());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("accept"));
        if let Some(wait) = retry_after::told(failure) {
            headers.insert(RETRY_AFTER, retry_after::to_header(wait));
        }
        let body = if self.head { Bytes::new() } else { body.into() };
        response(failure.reason().answer_status(), headers, body)
    }
}

fn response(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
