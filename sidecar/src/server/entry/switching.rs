//! Requests that are switched to another protocol, as HTTP/1.1 and HTTP/2 have them.
//!
//! In the stack both are the same: a request with an [`Upgrade`], answered with 101. The body of that answer lasts
//! as long as what follows, and with it all that counts the request as running.

use std::{future::poll_fn, pin::pin};

use http::{
    Method, Request, Response, StatusCode,
    header::{CONNECTION, UPGRADE},
};
use http_body::Body;
use hyper::ext::Protocol;
use outrigger_layers::hop::Upgrade;

use super::Tracked;

/// Gives an extended CONNECT (RFC 8441 §4) the form that an upgrade has in the stack. A CONNECT without protocol is
/// left as it is, and refused there.
pub(super) fn translate<B>(request: &mut Request<B>) {
    let protocol = request.extensions_mut().remove::<Protocol>();
    if let Some(upgrade) = protocol.and_then(|protocol| Upgrade::to(protocol.as_str())) {
        *request.method_mut() = Method::GET;
        request.extensions_mut().insert(upgrade);
    }
}

/// Answers a request that was switched. What follows has no body, so what counts on one is kept apart until it ends.
pub(super) fn switch(response: Response<Tracked>) -> Response<Tracked> {
    let (mut head, body) = response.into_parts();
    let running = body.running.as_ref();
    let activity = running.map(|running| running.0.clone());
    if activity.as_ref().is_some_and(|activity| activity.is_http2()) {
        head.status = StatusCode::OK;
        head.headers.remove(CONNECTION);
        head.headers.remove(UPGRADE);
    }
    tokio::spawn(async move {
        outlive(body).await;
        if let Some(activity) = activity {
            activity.end_tunnel();
        }
    });
    let nothing = Tracked {
        body: None,
        running: None,
        measured: false,
        offered: false,
    };
    Response::from_parts(head, nothing)
}

/// Waits for a body to end. However it does has been told already.
async fn outlive(body: Tracked) {
    let mut body = pin!(body);
    while let Some(Ok(_)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {}
}
