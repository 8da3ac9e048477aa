//! One request over plain HTTP/1.1, on a connection of its own.

use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{Error, context};

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) proxy_status: Option<String>,
    pub(crate) body: String,
}

/// Sends a request to `addr`, with the whole `url` as its target: that is how a proxy is asked (RFC 9112 §3.2.2),
/// and servers understand it, too.
pub(crate) async fn call(addr: &str, method: &str, url: &str) -> Result<Answer, Error> {
    let stream = TcpStream::connect(addr).await.map_err(context(addr))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::builder().method(method).uri(url);
    let host = request
        .uri_ref()
        .and_then(|uri| uri.authority())
        .map(ToString::to_string);
    let request = request.header(header::HOST, host.ok_or("an URL has a host")?);
    let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;

    let (head, body) = response.into_parts();
    let values = head.headers.get_all("proxy-status").iter();
    let members: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    let body = body.collect().await?.to_bytes();
    connection.abort();
    Ok(Answer {
        status: head.status,
        proxy_status: (!members.is_empty()).then(|| members.join(", ")),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
