//! A request's target and authority, in the form that each protocol wants them.
//!
//! HTTP/1.1 takes the origin form and a `Host` field (RFC 9112 §3.2.1), HTTP/2 `:scheme` and `:authority`
//! (RFC 9113 §8.3.1).

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Uri, Version, header,
    uri::{Authority, InvalidUri, PathAndQuery, Scheme},
};
use http_body::Body;
use outrigger_gateway::{Failure, Reason};

use crate::connect::Protocol;

/// The authority that was used last: most requests of a worker to an upstream have the same.
#[derive(Debug)]
pub(super) struct Cache {
    scheme: Scheme,
    last: Mutex<Option<(HeaderValue, Authority)>>,
}

impl Cache {
    pub(super) fn new(secure: bool) -> Self {
        let scheme = if secure { Scheme::HTTPS } else { Scheme::HTTP };
        Self {
            scheme,
            last: Mutex::new(None),
        }
    }

    fn authority(&self, host: &HeaderValue) -> Result<Authority, Failure> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, authority)) = &*last
            && known == host
        {
            return Ok(authority.clone());
        }
        let authority = Authority::from_maybe_shared(Bytes::copy_from_slice(host.as_bytes()));
        let authority = no_authority(authority)?;
        *last = Some((host.clone(), authority.clone()));
        Ok(authority)
    }
}

fn no_authority(authority: Result<Authority, InvalidUri>) -> Result<Authority, Failure> {
    authority.map_err(|error| {
        Failure::new(Reason::BadRequest)
            .with_detail("Host is no authority")
            .with_source(error)
    })
}

/// Where a request goes, whatever protocol takes it there.
pub(super) struct Outgoing<'a> {
    cache: &'a Cache,
    host: HeaderValue,
    target: PathAndQuery,
}

impl<'a> Outgoing<'a> {
    /// Reads target and authority; a URI's own authority wins over `Host` (RFC 9112 §3.2.2).
    pub(super) fn of<B>(request: &Request<B>, cache: &'a Cache) -> Result<Self, Failure> {
        let host = match (request.uri().authority(), request.headers().get(header::HOST)) {
            (Some(authority), _) => HeaderValue::from_str(authority.as_str())
                .map_err(|error| Failure::new(Reason::BadRequest).with_source(error))?,
            (None, Some(host)) => host.clone(),
            (None, None) => HeaderValue::from_static(""),
        };
        let target = request.uri().path_and_query().cloned();
        Ok(Self {
            cache,
            host,
            target: target.unwrap_or_else(|| PathAndQuery::from_static("/")),
        })
    }

    /// Puts `request` into the form for `protocol`, from whichever form it is in. One that HTTP/1.0 let come without
    /// a host is for the `endpoint`: HTTP/2 has no empty authority.
    pub(super) fn prepare<B: Body>(
        &self,
        request: &mut Request<B>,
        protocol: Protocol,
        endpoint: &str,
    ) -> Result<(), Failure> {
        let mut uri = http::uri::Parts::default();
        uri.path_and_query = Some(self.target.clone());
        match protocol {
            Protocol::Http1 => {
                *request.version_mut() = Version::HTTP_11;
                request.headers_mut().insert(header::HOST, self.host.clone());
                frame_explicitly(request);
            }
            Protocol::Http2 => {
                *request.version_mut() = Version::HTTP_2;
                request.headers_mut().remove(header::HOST);
                request.headers_mut().remove(header::TRANSFER_ENCODING);
                uri.scheme = Some(self.cache.scheme.clone());
                uri.authority = Some(match self.host.is_empty() {
                    true => no_authority(Authority::try_from(endpoint))?,
                    false => self.cache.authority(&self.host)?,
                });
            }
        }
        *request.uri_mut() = Uri::from_parts(uri).map_err(|error| {
            Failure::new(Reason::BadRequest)
                .with_detail("the target is no URI")
                .with_source(error)
        })?;
        Ok(())
    }
}

/// hyper drops a body of unknown length from GET, HEAD and their kin unless told how to frame it.
fn frame_explicitly<B: Body>(request: &mut Request<B>) {
    let framed_by_itself = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH);
    let body = request.body();
    if !framed_by_itself
        && !body.is_end_stream()
        && body.size_hint().exact().is_none()
        && !request.headers().contains_key(header::CONTENT_LENGTH)
    {
        request
            .headers_mut()
            .insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

#[cfg(test)]
mod tests;
