use std::convert::Infallible;

use metrics::NoopRecorder;
use outrigger_layers::observe::{Direction, Metrics};
use tower::{ServiceExt, service_fn};

use super::*;
use crate::config::Config;

/// The routes of a configuration whose upstreams have these hosts and paths; each answers with its name.
async fn sent_to(upstreams: &[(&str, &str)], url: &str) -> Result<String, Failure> {
    let mut text = "name = \"test\"\n[outbound]\n".to_owned();
    for (index, (hosts, paths)) in upstreams.iter().enumerate() {
        text += &format!(
            "[[outbound.upstream]]\nname = \"u{index}\"\nhosts = {hosts}\npaths = {paths}\n\
             endpoints = [\"127.0.0.1:1\"]\n"
        );
    }
    let config = Config::parse(&text, "test.toml".as_ref()).unwrap().config;
    let metrics = Metrics::new(Arc::new(NoopRecorder), Direction::Outbound);
    let routes = config.outbound.unwrap().upstreams.into_iter().map(|to| {
        let name = to.upstream.name.as_str().to_owned();
        let service = service_fn(move |_: Request<()>| {
            let response = Response::new(name.clone());
            async { Ok::<_, Infallible>(response) }
        });
        let service = service.map_err(Failure::from);
        let reach = Reach {
            requests: service.clone(),
            streams: service.clone(),
            exempt: service,
            checks: Checks::default(),
        };
        (to.route, metrics.bind(""), reach)
    });
    let uri: http::Uri = url.parse().unwrap();
    let mut request = Request::new(());
    request
        .headers_mut()
        .insert(header::HOST, uri.authority().unwrap().as_str().parse().unwrap());
    *request.uri_mut() = uri.path_and_query().unwrap().as_str().parse().unwrap();
    Router::new(routes)
        .oneshot(request)
        .await
        .map(Response::into_body)
}

#[tokio::test]
async fn the_most_specific_route_wins() {
    let routes = [
        ("[]", "[]"),
        (r#"["*.svc"]"#, "[]"),
        (r#"["*.shop.svc"]"#, "[]"),
        (r#"["orders.shop.svc"]"#, "[]"),
        (r#"["orders.shop.svc"]"#, r#"["/v2"]"#),
    ];
    for (url, wanted) in [
        ("http://elsewhere/", "u0"),
        ("http://a.svc/", "u1"),
        ("http://a.shop.svc/", "u2"),
        ("http://orders.shop.svc/v20", "u3"),
        ("http://ORDERS.shop.svc.:8080/", "u3"),
        ("http://orders.shop.svc/v2/list", "u4"),
    ] {
        assert_eq!(sent_to(&routes, url).await.unwrap(), wanted, "{url}");
    }
}

#[tokio::test]
async fn a_request_that_no_route_wants_is_told_so() {
    let failure = sent_to(&[(r#"["orders"]"#, r#"["/v1"]"#)], "http://orders/v2")
        .await
        .unwrap_err();
    assert_eq!(failure.reason(), Reason::NoRoute);
    assert_eq!(failure.detail(), Some("no upstream is configured for orders/v2"));
}
