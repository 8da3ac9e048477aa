use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use outrigger_gateway::{Reason, grpc::Code};
use tower::{ServiceExt, service_fn};

use super::*;

/// A body that sends one frame and then fails.
#[derive(Debug)]
struct Cut(Option<Bytes>);

impl Body for Cut {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = self.0.take().map(Frame::data);
        Poll::Ready(Some(frame.ok_or_else(|| Reason::ResponseIncomplete.into())))
    }
}

async fn answer_to(request: Request<()>, layer: RespondLayer, reason: Reason) -> Response<Bytes> {
    let failing =
        service_fn(
            move |_: Request<()>| async move { Err::<Response<Empty<Bytes>>, _>(Failure::new(reason)) },
        );
    let (head, body) = layer.layer(failing).oneshot(request).await.unwrap().into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

async fn passed(
    request: Request<()>,
    response: impl Fn() -> Response<Cut> + Clone + Send + 'static,
) -> Response<Answer<Cut>> {
    let layer = RespondLayer::gateway("cart.shop", Details::Auto);
    let inner = service_fn(move |_: Request<()>| {
        let response = response();
        async move { Ok::<_, Failure>(response) }
    });
    layer.layer(inner).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_failure_becomes_the_response_of_its_row() {
    for &reason in Reason::ALL {
        let layer = RespondLayer::gateway("cart.shop", Details::Auto);
        let response = answer_to(Request::new(()), layer, reason).await;
        assert_eq!(response.status(), reason.answer_status(), "{reason}");
        assert!(response.headers().contains_key("proxy-status"), "{reason}");
    }
}

#[tokio::test]
async fn nothing_may_follow_a_refused_tunnel_on_its_connection() {
    for (method, close) in [(Method::CONNECT, true), (Method::GET, false)] {
        let mut request = Request::new(());
        *request.method_mut() = method;
        let layer = RespondLayer::gateway("cart.shop", Details::Auto);
        let response = answer_to(request, layer, Reason::NotImplemented).await;
        assert_eq!(response.headers().contains_key("connection"), close);
    }
}

#[tokio::test]
async fn an_origin_sends_no_proxy_status() {
    let response = answer_to(Request::new(()), RespondLayer::origin(), Reason::Overload).await;
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key("proxy-status"));
}

#[tokio::test]
async fn strangers_are_told_no_details() {
    let mut request = Request::new(());
    request
        .extensions_mut()
        .insert(Arc::new(hop::Client::new(None, false).with_trust(false)));
    let layer = RespondLayer::gateway("cart.shop", Details::Auto);
    let failing = service_fn(|_: Request<()>| async {
        Err::<Response<Empty<Bytes>>, _>(Failure::new(Reason::ConnectionRefused).with_detail("secret place"))
    });
    let response = layer.layer(failing).oneshot(request).await.unwrap();
    assert!(!format!("{:?}", response.headers()).contains("secret place"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(!String::from_utf8_lossy(&body).contains("secret place"));
}

#[tokio::test]
async fn a_cut_body_is_not_made_to_look_whole() {
    let response = passed(Request::new(()), || Response::new(Cut(Some("half".into())))).await;
    let mut body = response.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    let failure = body.frame().await.unwrap().unwrap_err();
    assert_eq!(failure.reason(), Reason::ResponseIncomplete);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn what_came_before_the_cut_can_be_written_before_the_stream_breaks() {
    let response = passed(Request::new(()), || Response::new(Cut(Some("half".into())))).await;
    let mut body = tokio_test::task::spawn(response.into_body());
    assert!(matches!(
        body.enter(|cx, body| body.poll_frame(cx)),
        Poll::Ready(Some(Ok(_)))
    ));
    assert!(body.enter(|cx, body| body.poll_frame(cx)).is_pending());
    assert!(body.is_woken());
    assert!(matches!(
        body.enter(|cx, body| body.poll_frame(cx)),
        Poll::Ready(Some(Err(_)))
    ));
}

#[tokio::test]
async fn a_cut_grpc_stream_ends_with_its_status_in_trailers() {
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, grpc::MEDIA_TYPE);
    let response = passed(request, || Response::new(Cut(None))).await;
    let trailers = response
        .into_body()
        .collect()
        .await
        .unwrap()
        .trailers()
        .cloned()
        .unwrap();
    assert_eq!(
        trailers.get(grpc::STATUS).and_then(Code::from_header),
        Some(Code::Unavailable)
    );
}

#[tokio::test]
async fn an_upstreams_own_5xx_is_passed_on_and_signed() {
    let unavailable = || {
        let mut response = Response::new(Cut(Some("down for lunch".into())));
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        response
    };
    let response = passed(Request::new(()), unavailable).await;
    assert_eq!(response.status(), 503);
    assert_eq!(
        response.headers()["proxy-status"],
        "cart.shop;received-status=503"
    );
}

#[tokio::test]
async fn an_inner_service_that_breaks_is_told_to_the_next_request() {
    let service = RespondLayer::origin().layer(Broken);
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(response.status(), 500);
}

#[derive(Clone)]
struct Broken;

impl Service<Request<()>> for Broken {
    type Response = Response<Empty<Bytes>>;
    type Error = Failure;
    type Future = std::future::Ready<Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Err(Reason::Internal.into()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        panic!("a service that is not ready must not be called")
    }
}

#[tokio::test]
async fn strangers_are_told_no_details_of_hops_behind_either() {
    let told = "orders;error=connection_refused;next-hop=\"10.0.0.7:80\";details=\"secret place\"";
    let failed_behind = move || {
        let mut response = Response::new(Cut(Some("no".into())));
        *response.status_mut() = http::StatusCode::BAD_GATEWAY;
        response
            .headers_mut()
            .insert("proxy-status", told.parse().unwrap());
        response
    };
    let response = passed(Request::new(()), failed_behind).await;
    let kept = "orders;error=connection_refused, cart.shop;received-status=502";
    assert_eq!(response.headers()["proxy-status"], kept);

    let mut trusted = Request::new(());
    let client = hop::Client::new(None, true).with_trust(true);
    trusted.extensions_mut().insert(Arc::new(client));
    let response = passed(trusted, failed_behind).await;
    assert!(format!("{:?}", response.headers()["proxy-status"]).contains("secret place"));
}
