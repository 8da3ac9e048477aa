//! A response read to its end, and what it tells of a failure.

use http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use outrigger_gateway::proxy_status::{self, Member};
use serde_json::Value;

/// A whole response, or as much of one as came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
    /// What broke it off.
    pub(crate) cut: Option<hyper::Error>,
}

impl Reply {
    /// Reads to the end, however it ends.
    pub(crate) async fn read(response: Response<Incoming>) -> Self {
        let (head, mut incoming) = response.into_parts();
        let mut reply = Self {
            status: head.status,
            headers: head.headers,
            body: Vec::new(),
            trailers: HeaderMap::new(),
            cut: None,
        };
        while let Some(frame) = incoming.frame().await {
            match frame.map(|frame| frame.into_data().map_err(|frame| frame.into_trailers())) {
                Ok(Ok(data)) => reply.body.extend_from_slice(&data),
                Ok(Err(trailers)) => reply.trailers.extend(trailers.unwrap_or_default()),
                Err(error) => {
                    // Over HTTP/2 the same error would come for ever.
                    reply.cut = Some(error);
                    break;
                }
            }
        }
        reply
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A field of the head, or `""`.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A field of the trailers or, in a trailers-only answer, of the head; `""` if there is none.
    pub(crate) fn trailer(&self, name: &str) -> &str {
        let value = self.trailers.get(name).or_else(|| self.headers.get(name));
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The members of `Proxy-Status`, the one nearest the origin first.
    pub(crate) fn proxy_status(&self) -> Vec<Member> {
        proxy_status::members(&self.headers)
    }

    /// The error type of the hop that spoke.
    pub(crate) fn error(&self) -> Option<String> {
        let members = self.proxy_status();
        proxy_status::spoke(&members)?.error.as_deref().map(str::to_owned)
    }

    /// The sentence of the hop that spoke.
    pub(crate) fn details(&self) -> String {
        let members = self.proxy_status();
        let spoke = proxy_status::spoke(&members).and_then(|member| member.details.clone());
        spoke.unwrap_or_default()
    }

    /// The reason in a problem document (RFC 9457).
    pub(crate) fn reason(&self) -> Option<String> {
        if self.field(CONTENT_TYPE.as_str()) != "application/problem+json" {
            return None;
        }
        self.json()["reason"].as_str().map(str::to_owned)
    }
}
