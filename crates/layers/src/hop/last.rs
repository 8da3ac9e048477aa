//! TRACE and OPTIONS that may go no further than here (RFC 9110 §7.6.2, §9.3.7, §9.3.8).

use std::{error::Error, fmt};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, Request, Response, header::CONTENT_TYPE};
use outrigger_gateway::{Failure, Reason};

/// Words in names of fields whose values are for no one's eyes (RFC 9110 §9.3.8).
const SECRET: [&str; 8] = [
    "auth", "cookie", "cert", "token", "secret", "key", "session", "password",
];

/// What the last recipient answers: to OPTIONS that it is here, to TRACE what it received.
///
/// It travels as the source of a [`Failure`] with [`Reason::NotImplemented`], as which it is told by whoever does not
/// know how to answer it. [`respond`](crate::respond) does.
#[derive(Debug)]
pub struct LastRecipient {
    /// What was received, if that was asked for.
    echo: Option<Bytes>,
}

impl LastRecipient {
    /// The failure that stands for the answer to `request`.
    pub(super) fn of_request<A>(request: &Request<A>) -> Failure {
        let echo = (request.method() == Method::TRACE).then(|| echo(request));
        Failure::new(Reason::NotImplemented)
            .with_detail(format_args!(
                "Max-Forwards is 0 and nobody here answers {}",
                request.method()
            ))
            .with_source(Self { echo })
    }

    /// The answer that a failure stands for.
    pub fn of(failure: &Failure) -> Option<&Self> {
        failure.source()?.downcast_ref()
    }

    /// Status 200; what was received, as `message/http`, or nothing.
    pub fn response(&self) -> Response<Bytes> {
        let Some(echo) = &self.echo else {
            return Response::default();
        };
        let mut response = Response::new(echo.clone());
        let kind = HeaderValue::from_static("message/http");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

impl fmt::Display for LastRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this hop is the last that the request may come to")
    }
}

impl Error for LastRecipient {}

/// The head as it was received, without what may be a secret.
fn echo<A>(request: &Request<A>) -> Bytes {
    let mut echo = BytesMut::new();
    let line = format!(
        "{} {} {:?}\r\n",
        request.method(),
        request.uri(),
        request.version()
    );
    echo.put_slice(line.as_bytes());
    let fields = request.headers().iter();
    for (name, value) in fields.filter(|(name, value)| !value.is_sensitive() && !is_secret(name)) {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            echo.put_slice(part);
        }
    }
    echo.put_slice(b"\r\n");
    echo.freeze()
}

fn is_secret(name: &HeaderName) -> bool {
    SECRET.iter().any(|word| name.as_str().contains(word))
}
