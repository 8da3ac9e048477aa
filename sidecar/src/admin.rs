//! The admin surface, for people and tools on this host, and the read-only one for kubelet and Prometheus.
//!
//! JSON, unless the caller asks for `text/plain`; `/metrics` is in Prometheus's text format. Nothing here goes
//! through the stack: a sidecar that sheds load still says that it lives.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::{ConnectInfo, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use outrigger_identity::{Certificate, Gauges, date, expiry, expiry::now};
use outrigger_layers::breaker::state::View;
use outrigger_upstream::discover::Endpoints;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    listener::Listener,
    sidecar::{Phase, Shared},
};

/// What the handlers work with.
#[derive(Debug)]
pub(crate) struct Admin {
    shared: Arc<Shared>,
    gauges: Mutex<Gauges>,
}

type Handle = State<Arc<Admin>>;

impl Admin {
    /// Everything.
    pub(crate) fn full(shared: Arc<Shared>) -> Router {
        let more = Router::new()
            .route("/config", get(config))
            .route("/certs", get(certs))
            .route("/maintenance", get(maintenance).post(turn_maintenance));
        Self::surface(shared, more)
    }

    /// What a kubelet and Prometheus need, and nothing that tells of the configuration.
    pub(crate) fn probe(shared: Arc<Shared>) -> Router {
        Self::surface(shared, Router::new())
    }

    fn surface(shared: Arc<Shared>, more: Router<Arc<Self>>) -> Router {
        let gauges = Mutex::new(Gauges::new(shared.telemetry.recorder.clone()));
        more.route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(Arc::new(Self { shared, gauges }))
    }

    /// Some gauges are computed now, from what is in use, never from what was so once.
    fn metrics(&self) -> String {
        if let Some(identity) = &self.shared.identity {
            let mut gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
            gauges.record(identity.certificates(), now());
        }
        let directions = self.shared.plan.directions.iter();
        for upstream in directions.flat_map(|direction| &direction.upstreams) {
            let room = &upstream.parts.requests;
            upstream
                .bound
                .show_limit(room.limit.limit(), room.adaptive.limit().as_ref());
            upstream.bound.show_retries(&upstream.parts.retry);
            upstream.bound.endpoints().show(&seen(&upstream.endpoints));
        }
        for line in self.shared.plan.lines() {
            line.metrics.show_bytes();
            line.metrics.endpoints().show(&seen(&line.endpoints));
        }
        self.shared.telemetry.render()
    }
}

/// Serves a surface for as long as it is polled.
pub(crate) async fn serve(listener: Listener, surface: Router) {
    match listener.into_tokio() {
        Ok(listener) => {
            let surface = surface.into_make_service_with_connect_info::<SocketAddr>();
            if let Err(error) = axum::serve(listener, surface).await {
                tracing::error!(%error, "the admin surface has stopped");
            }
        }
        Err(error) => tracing::error!(%error, "the admin surface does not start"),
    }
}

/// The process runs: never a word about anything else, or a restart would be asked for that helps nobody.
async fn livez(headers: HeaderMap) -> Response {
    answer(&headers, StatusCode::OK, "ok", json!({ "live": true }))
}

async fn readyz(State(admin): Handle, headers: HeaderMap) -> Response {
    match admin.shared.phase() {
        Phase::Serving => answer(&headers, StatusCode::OK, "ok", json!({ "ready": true })),
        Phase::Draining => {
            let why = json!({ "ready": false, "reason": "draining" });
            answer(&headers, StatusCode::SERVICE_UNAVAILABLE, "draining", why)
        }
    }
}

async fn metrics(State(admin): Handle) -> Response {
    // Rendering thousands of series takes milliseconds.
    let rendered = tokio::task::spawn_blocking(move || admin.metrics()).await;
    match rendered {
        Ok(text) => (
            [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
            text,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn config(State(admin): Handle, headers: HeaderMap) -> Response {
    let config = &admin.shared.config;
    match serde_json::to_value(config) {
        Ok(value) => answer(&headers, StatusCode::OK, &config.effective(), value),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn certs(State(admin): Handle, headers: HeaderMap) -> Response {
    let certificates = admin
        .shared
        .identity
        .as_ref()
        .map_or(&[][..], |identity| identity.certificates());
    let lines: Vec<_> = certificates.iter().map(line).collect();
    let value = certificates.iter().map(describe).collect();
    answer(&headers, StatusCode::OK, &lines.join("\n"), Value::Array(value))
}

/// Which upstreams are out of service.
async fn maintenance(State(admin): Handle, headers: HeaderMap) -> Response {
    let switches = admin.shared.plan.switches();
    let states: BTreeMap<&str, bool> = switches.map(|(name, switch)| (&**name, switch.is_on())).collect();
    let word = |on: bool| if on { "maintenance" } else { "in service" };
    let lines: Vec<_> = states
        .iter()
        .map(|(name, on)| format!("{name} {}", word(*on)))
        .collect();
    answer(&headers, StatusCode::OK, &lines.join("\n"), json!(states))
}

/// An order: one upstream, or all of them if none is named.
#[derive(Debug, Deserialize)]
struct Order {
    upstream: Option<String>,
    on: bool,
}

/// Takes upstreams out of service and back in, until the next start; from this host only.
async fn turn_maintenance(
    admin: Handle,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    Query(order): Query<Order>,
    headers: HeaderMap,
) -> Response {
    if !caller.ip().to_canonical().is_loopback() {
        return (StatusCode::FORBIDDEN, "orders are taken from this host only").into_response();
    }
    let wanted = |name: &str| order.upstream.as_deref().is_none_or(|wanted| wanted == name);
    let mut found = false;
    for (name, switch) in admin.shared.plan.switches().filter(|(name, _)| wanted(name)) {
        found = true;
        if switch.turn(order.on) != order.on {
            tracing::warn!(upstream = &**name, on = order.on, "maintenance was ordered");
        }
    }
    match found {
        true => maintenance(admin, headers).await,
        false => (StatusCode::NOT_FOUND, "there is no such upstream").into_response(),
    }
}

/// What becomes of the endpoints that are known now.
fn seen(endpoints: &Endpoints) -> Vec<(String, View)> {
    let seen = endpoints.look().into_iter();
    seen.map(|(endpoint, view)| (endpoint.to_string(), view))
        .collect()
}

fn describe(certificate: &Certificate) -> Value {
    let now = now();
    json!({
        "role": certificate.role.label(),
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": certificate.serial,
        "spiffe": certificate.spiffe.as_ref().map(ToString::to_string),
        "dns": certificate.dns,
        "not_before": date(certificate.not_before),
        "not_after": date(certificate.not_after),
        "expires_in_seconds": certificate.not_after - now,
        "stage": expiry::stage(certificate.not_before, certificate.not_after, now).label(),
        "sha256": certificate.sha256,
    })
}

fn line(certificate: &Certificate) -> String {
    let stage = expiry::stage(certificate.not_before, certificate.not_after, now());
    let (role, until) = (certificate.role.label(), date(certificate.not_after));
    format!(
        "{role:12} {:9} until {until}  {}",
        stage.label(),
        certificate.label()
    )
}

/// JSON, or the text if the caller asked for text.
fn answer(headers: &HeaderMap, status: StatusCode, text: &str, value: Value) -> Response {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/")) {
        return (status, format!("{text}\n")).into_response();
    }
    (status, Json(value)).into_response()
}
