//! Which requests ask whether the app is well: those are not refused for the sake of others.
//!
//! A limiter that fails health checks of a busy app has it restarted, and the rest of the fleet busier. So what asks for
//! `inbound.app.health.path` (GET or HEAD, whatever the query), or makes a call of gRPC's `grpc.health.v1.Health/Check`,
//! is exempt from maintenance, rates and the app's queue, and has a few places of its own: anyone may ask for health, and
//! many at once. It is told by what is asked for alone; no field makes a request exempt. `Health/Watch` lasts for hours, and
//! is a request like all others.

use std::sync::Arc;

use http::{Method, Request};
use outrigger_layers::priority::Priority;

use crate::config::Health;

const GRPC_CHECK: &str = "/grpc.health.v1.Health/Check";

/// The requests that ask whether an app is well; none by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks {
    grpc: bool,
    path: Option<Arc<str>>,
}

impl Checks {
    /// Those of the app beside us.
    pub(crate) fn of_app(health: Option<&Health>) -> Self {
        let path = health.map(|health| health.path.split('?').next().unwrap_or_default().into());
        Self { grpc: true, path }
    }

    /// Says of a request that it is exempt, if it is one of these; whether it is.
    pub(crate) fn mark<B>(&self, request: &mut Request<B>) -> bool {
        let found = self.has(request);
        if found {
            request.extensions_mut().insert(Priority::Exempt);
        }
        found
    }

    fn has<B>(&self, request: &Request<B>) -> bool {
        let path = request.uri().path();
        match *request.method() {
            Method::GET | Method::HEAD => self.path.as_deref() == Some(path),
            Method::POST => self.grpc && path == GRPC_CHECK,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn checks() -> Checks {
        let text = "name = \"t\"\n[[inbound]]\napp = { endpoints = [\"127.0.0.1:1\"], health = { path = \"/healthz?full=1\" } }\n";
        let config = Config::parse(text, "t.toml".as_ref()).unwrap().config;
        Checks::of_app(config.inbound[0].app.health.as_ref())
    }

    fn is_one(checks: &Checks, method: Method, target: &str) -> bool {
        let mut request = Request::builder().method(method).uri(target).body(()).unwrap();
        let marked = checks.mark(&mut request);
        assert_eq!(marked, Priority::of(request.extensions()) == Priority::Exempt);
        marked
    }

    #[test]
    fn what_asks_for_the_apps_health_is_exempt_and_nothing_else() {
        let checks = checks();
        for target in ["/healthz", "/healthz?full=1", "/healthz?"] {
            assert!(is_one(&checks, Method::GET, target), "{target}");
            assert!(is_one(&checks, Method::HEAD, target), "{target}");
            assert!(!is_one(&checks, Method::POST, target), "{target}");
        }
        for target in ["/", "/healthz/", "/health", "/Healthz", "/a?/healthz", GRPC_CHECK] {
            assert!(!is_one(&checks, Method::GET, target), "{target}");
        }
        assert!(is_one(&checks, Method::POST, GRPC_CHECK));
        assert!(!is_one(&checks, Method::POST, "/grpc.health.v1.Health/Watch"));
    }

    #[test]
    fn without_a_path_there_is_grpc_alone_and_elsewhere_nothing() {
        let app = Checks::of_app(None);
        assert!(is_one(&app, Method::POST, GRPC_CHECK) && !is_one(&app, Method::GET, "/healthz"));
        assert!(!is_one(&Checks::default(), Method::POST, GRPC_CHECK));
    }
}
