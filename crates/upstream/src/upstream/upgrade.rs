//! A request that is to go on in another protocol, and the tunnel that carries what follows.
//!
//! In the stack such a request has one form: it carries an [`Upgrade`], and its answer is 101. HTTP/1.1 says the
//! same with `Upgrade` (RFC 9110 §7.8), HTTP/2 with an extended CONNECT that is answered with 200 (RFC 8441 §4).
//! For WebSocket, HTTP/1.1 wants a proof that it was understood (RFC 6455 §4.2.2), which HTTP/2 does without: it is
//! asked for or given here where the two sides differ.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use hyper::{ext, upgrade::OnUpgrade};
use outrigger_gateway::{Failure, Reason};
use outrigger_layers::{hop::Upgrade, random::random};

use crate::connect::Protocol;

/// What one request is to be switched to, and the client's side of what follows.
#[derive(Debug)]
pub(super) struct Switch {
    wanted: Upgrade,
    client: OnUpgrade,
    key: Option<WebSocketKey>,
}

/// What WebSocket asks its server to prove that it has understood, over HTTP/1.1.
#[derive(Debug)]
struct WebSocketKey {
    key: HeaderValue,
    /// The client speaks HTTP/2 and knows nothing of it.
    ours: bool,
}

impl Switch {
    /// Takes out of a request what it is to be switched to, if its server can switch.
    pub(super) fn of<B>(request: &mut Request<B>) -> Option<Box<Self>> {
        let wanted = request.extensions_mut().remove::<Upgrade>()?;
        let client = request.extensions_mut().remove::<OnUpgrade>()?;
        let key = wanted
            .preferred()
            .eq_ignore_ascii_case("websocket")
            .then(|| WebSocketKey::of(request.headers()));
        Some(Box::new(Self { wanted, client, key }))
    }

    /// Puts `request`, whose target is in the form for `protocol`, into the form that asks for the switch.
    pub(super) fn ask<B>(&self, request: &mut Request<B>, protocol: Protocol) {
        match protocol {
            Protocol::Http1 => {
                let headers = request.headers_mut();
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
                headers.insert(UPGRADE, self.wanted.protocols().clone());
                if let Some(key) = &self.key {
                    headers.insert(SEC_WEBSOCKET_KEY, key.key.clone());
                    headers
                        .entry(SEC_WEBSOCKET_VERSION)
                        .or_insert(HeaderValue::from_static("13"));
                }
            }
            Protocol::Http2 => {
                *request.method_mut() = Method::CONNECT;
                let protocol = ext::Protocol::from(self.wanted.preferred());
                request.extensions_mut().insert(protocol);
                request.headers_mut().remove(SEC_WEBSOCKET_KEY);
            }
        }
    }

    /// Whether an answer to it is the switch.
    pub(super) fn is_made_by(status: StatusCode, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Http1 => status == StatusCode::SWITCHING_PROTOCOLS,
            Protocol::Http2 => status == StatusCode::OK,
        }
    }

    /// Checks that the switch is the one that was asked for, and gives it the form that all of them have here.
    ///
    /// # Errors
    /// [`Reason::UpgradeFailed`]: the upstream switched to something else.
    pub(super) fn settle<B>(&self, response: &mut Response<B>, protocol: Protocol) -> Result<(), Failure> {
        match protocol {
            Protocol::Http1 => self.check(response.headers_mut()),
            Protocol::Http2 => {
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                let headers = response.headers_mut();
                headers.remove(CONTENT_LENGTH);
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
                if let Ok(preferred) = HeaderValue::from_str(self.wanted.preferred()) {
                    headers.insert(UPGRADE, preferred);
                }
                if let Some(key) = self.key.as_ref().filter(|key| !key.ours) {
                    headers.insert(SEC_WEBSOCKET_ACCEPT, key.proof());
                }
                Ok(())
            }
        }
    }

    fn check(&self, headers: &mut HeaderMap) -> Result<(), Failure> {
        let failed = |detail: &str| Err(Failure::new(Reason::UpgradeFailed).with_detail(detail));
        let Some(protocol) = headers.get(UPGRADE) else {
            return failed("the upstream switched protocols and did not say to which");
        };
        let mut switched_to = protocol
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii);
        if !switched_to.all(|protocol| self.wanted.offers(protocol)) {
            return failed("the upstream switched to a protocol that was not asked for");
        }
        let Some(key) = self.key.as_ref().filter(|key| key.ours) else {
            return Ok(());
        };
        if headers.remove(SEC_WEBSOCKET_ACCEPT) != Some(key.proof()) {
            return failed("the upstream has not understood WebSocket: its Sec-WebSocket-Accept is wrong");
        }
        Ok(())
    }

    /// The client's side of what follows, once it has been told.
    pub(super) fn client(&self) -> OnUpgrade {
        self.client.clone()
    }
}

impl WebSocketKey {
    fn of(headers: &HeaderMap) -> Self {
        match headers.get(SEC_WEBSOCKET_KEY) {
            Some(key) => Self {
                key: key.clone(),
                ours: false,
            },
            None => Self::made_up(),
        }
    }

    /// RFC 6455 §4.1: sixteen bytes, for nobody to have an answer ready.
    fn made_up() -> Self {
        let nonce = (u128::from(random()) << 64) | u128::from(random());
        let key = HeaderValue::try_from(BASE64.encode(nonce.to_be_bytes()));
        Self {
            key: key.expect("base64 is visible ASCII"),
            ours: true,
        }
    }

    fn proof(&self) -> HeaderValue {
        let mut digest = sha1_smol::Sha1::from(self.key.as_bytes());
        digest.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let proof = HeaderValue::try_from(BASE64.encode(digest.digest().bytes()));
        proof.expect("base64 is visible ASCII")
    }
}

#[cfg(test)]
mod tests;
