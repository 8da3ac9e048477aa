//! What a request must satisfy before anything is done for it: a target of bearable length (414), over HTTP/2 not too
//! many fields (431; over HTTP/1.1 hyper counts them), and, inbound, a caller whose identity is allowed (403).
//!
//! Who the caller is does not change while a connection lasts, so the server decides once a connection and leaves
//! [`Denied`] in the extensions of each request; a caller that is allowed costs nothing.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use outrigger_gateway::{Failure, Reason};
use outrigger_layers::refusal::OrRefused;
use tower_layer::Layer;
use tower_service::Service;

/// In the extensions of requests from a caller that is not allowed: why not, as a sentence.
#[derive(Clone, Debug)]
pub(crate) struct Denied(pub(crate) Arc<str>);

/// Wraps services with [`Admit`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdmitLayer {
    pub(crate) target_bytes: usize,
    pub(crate) header_fields: usize,
}

/// The most fields that the layers above add.
const ADDED: usize = 8;

impl<S> Layer<S> for AdmitLayer {
    type Service = Admit<S>;

    fn layer(&self, inner: S) -> Admit<S> {
        Admit {
            inner,
            target_bytes: self.target_bytes,
            header_fields: self.header_fields,
        }
    }
}

/// Refuses requests that may not come in.
#[derive(Clone, Debug)]
pub(crate) struct Admit<S> {
    inner: S,
    target_bytes: usize,
    header_fields: usize,
}

impl<S> Admit<S> {
    fn refusal<B>(&self, request: &Request<B>) -> Option<Failure> {
        let length = request
            .uri()
            .path_and_query()
            .map_or(0, |target| target.as_str().len());
        if length > self.target_bytes {
            let limit = self.target_bytes;
            let text = format_args!("the target has {length} bytes, {limit} are allowed");
            return Some(Failure::new(Reason::TargetTooLong).with_detail(text));
        }
        let fields = request.headers().len();
        if fields > self.header_fields + ADDED {
            let limit = self.header_fields;
            let text = format_args!("the request has {fields} fields, {limit} are allowed");
            return Some(Failure::new(Reason::RequestHeaderTooLarge).with_detail(text));
        }
        let denied: &Denied = request.extensions().get()?;
        Some(Failure::new(Reason::Denied).with_detail(&denied.0))
    }
}

impl<S, B> Service<Request<B>> for Admit<S>
where
    S: Service<Request<B>, Error = Failure>,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = OrRefused<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.refusal(&request) {
            None => OrRefused::asked(self.inner.call(request)),
            Some(failure) => OrRefused::refused(failure),
        }
    }
}
