//! The clients: hyper-util's and a generated one of tonic's, with the same connector and nothing else of ours.

use std::{net::SocketAddr, path::Path};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use outrigger::{
    Failure,
    client::MtlsConnector,
    identity::{ClientSettings, Expect, Identity, Sources, Stage, Watch},
    tonic,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::BoxError;

/// Who we are, as Kubernetes lays it out.
///
/// # Errors
/// Everything that is wrong with the files.
pub fn identity(folder: &Path) -> Result<Identity, BoxError> {
    Ok(Identity::load(&Sources {
        cert: folder.join("tls.crt"),
        key: folder.join("tls.key"),
        trust: folder.join("ca.crt"),
        crl: Vec::new(),
    })?)
}

/// Raises `alarm` as one of our certificates enters a stage of its life, until it is dropped. `log_stage` in its place logs a line.
pub async fn alarms(identity: &Identity, alarm: impl Fn(String)) {
    let watch = Watch::new(identity.certificates());
    let tell = |certificate: &outrigger::identity::Certificate, stage: Stage| {
        let (role, subject) = (certificate.role.label(), certificate.full_label());
        alarm(format!("{stage}: {role} certificate {subject}"));
    };
    match watch.run(tell).await {}
}

/// Connects as `identity` to `orders` and to nobody else.
///
/// # Errors
/// What cannot be set up.
pub fn connector(identity: &Identity) -> Result<MtlsConnector, BoxError> {
    let orders = "spiffe://shop/ns/shop/sa/orders".parse()?;
    let settings = ClientSettings::new(Expect::spiffe(vec![orders]));
    Ok(MtlsConnector::try_new(identity, settings)?)
}

/// Asks with hyper-util's client.
///
/// # Errors
/// The failed hop, by its name.
pub async fn over_hyper(connector: MtlsConnector, addr: SocketAddr) -> Result<String, Failure> {
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector.clone());
    let uri = format!("http://{addr}/").parse().expect("an address makes a URI");
    let asked = async {
        let body = client.get(uri).await?.into_body();
        let bytes = body.collect().await?.to_bytes();
        Ok::<_, BoxError>(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    asked.await.map_err(|error| connector.classify(error))
}

/// Asks with tonic's.
///
/// # Errors
/// The failed hop, by its name.
pub async fn over_tonic(connector: MtlsConnector, addr: SocketAddr) -> Result<String, Failure> {
    let endpoint = ::tonic::transport::Endpoint::from_shared(format!("http://{addr}"));
    let endpoint = endpoint.expect("an address makes a URI");
    let channel = endpoint.connect_with_connector_lazy(connector.clone());
    let request = HealthCheckRequest::default();
    match HealthClient::new(channel).check(request).await {
        Ok(response) => Ok(format!("{:?}", response.get_ref().status())),
        Err(status) => {
            let known = connector.find(&status);
            Err(known.unwrap_or_else(|| tonic::failure(status.into())))
        }
    }
}
