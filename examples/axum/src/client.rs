//! The client: hyper-util's, within its stack.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use outrigger::{
    Failure, client,
    stack::{self, ClientLayer, Config, ConfigError, Timeouts},
};
use tower::{Layer, ServiceExt};

/// A client of the stock.
#[derive(Clone, Debug)]
pub struct Stock {
    client: stack::Client<Client<HttpConnector, stack::ClientBody<Empty<Bytes>>>>,
}

impl Stock {
    /// Asks with limits, a deadline, and repeats of what is safe to repeat, within what successes have earned.
    ///
    /// # Errors
    /// A setting that cannot be obeyed.
    pub fn new() -> Result<Self, ConfigError> {
        let stack = ClientLayer::standard(&Config {
            timeout: Timeouts {
                total: Some(Duration::from_secs(5)),
                ..Timeouts::default()
            },
            ..Config::default()
        })?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let client = stack.classifying(client::failure as _).layer(client);
        Ok(Self { client })
    }

    /// The status, and the first line of what was answered.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn ask(&self, uri: Uri) -> Result<(u16, String), Failure> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        let response = self.client.clone().oneshot(request).await?;
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(client::failure)?
            .to_bytes();
        let text = String::from_utf8_lossy(&body);
        Ok((status, text.lines().next().unwrap_or_default().to_owned()))
    }
}
