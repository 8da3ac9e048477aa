mod authority;
mod fields;
mod forwarded;

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response, Version};
use outrigger_gateway::{Failure, Reason};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower_layer::Layer;
use tower_service::Service;

use super::*;
use crate::testing;

const HOST: (&str, &str) = ("host", "shop.example");

fn name() -> Name {
    Name::try_new("shop-in-1").unwrap()
}

/// A request in HTTP/1.1 with these fields.
fn request(target: &str, fields: &[(&str, &str)]) -> Request<()> {
    let builder = fields
        .iter()
        .fold(Request::get(target), |builder, (name, value)| {
            builder.header(*name, *value)
        });
    builder.body(()).unwrap()
}

/// What becomes of a request.
fn passed(mut request: Request<()>) -> Request<()> {
    receive(&mut request, &name()).unwrap();
    request
}

/// Why a request goes no further.
fn refused(mut request: Request<()>) -> Failure {
    receive(&mut request, &name()).unwrap_err()
}

/// The values of a field, one line each.
fn lines<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect()
}

mod via {
    use super::*;

    #[test]
    fn we_are_appended_with_the_version_that_the_request_came_in() {
        for (version, expected) in [
            (Version::HTTP_10, "1.0 shop-in-1"),
            (Version::HTTP_11, "1.1 shop-in-1"),
            (Version::HTTP_2, "2 shop-in-1"),
            (Version::HTTP_3, "3 shop-in-1"),
        ] {
            let mut request = request("/", &[HOST, ("via", "1.0 fred, 1.1 p.example.net (Apache/1.1)")]);
            *request.version_mut() = version;
            let request = passed(request);
            assert_eq!(
                lines(request.headers(), "via"),
                ["1.0 fred, 1.1 p.example.net (Apache/1.1)", expected]
            );
        }
    }

    #[test]
    fn our_own_name_is_a_loop_wherever_it_stands() {
        for via in [
            "1.1 shop-in-1",
            "1.0 fred,2\tshop-in-1 (us), 1.1 ginger",
            "HTTP/1.1  shop-in-1",
        ] {
            let failure = refused(request("/", &[HOST, ("via", "1.1 other"), ("via", via)]));
            assert_eq!(failure.reason(), Reason::Loop, "{via}");
            assert_eq!(failure.detail(), Some("the request has passed shop-in-1 before"));
        }
    }

    #[test]
    fn the_other_direction_another_instance_and_a_comment_are_no_loop() {
        for via in [
            "1.1 shop-out-1",
            "1.1 shop-in-2",
            "1.1 shop-in-10",
            "1.1 fred (shop-in-1)",
            "shop-in-1",
            "",
        ] {
            passed(request("/", &[HOST, ("via", via)]));
        }
    }

    #[test]
    fn a_name_that_is_no_token_is_refused() {
        for name in ["", "a b", "a,b", "a/b", "a(b", "\u{e9}", "a\n"] {
            assert!(Name::try_new(name).is_err(), "{name:?}");
        }
        let error = Name::try_new("a b").unwrap_err().to_string();
        assert!(error.starts_with("\"a b\" cannot name a hop in Via"), "{error}");
    }
}

mod service {
    use super::*;

    fn get() -> Request<()> {
        request("/", &[HOST])
    }

    #[tokio::test]
    async fn a_request_that_is_wrong_fails_without_asking_the_inner_service() {
        let (mut service, mut handle) = testing::spawn::<(), _>(HopLayer::new(name()));
        assert_ready_ok!(service.poll_ready());
        let mut response = task::spawn(service.call(request("/", &[])));
        assert_eq!(assert_ready_err!(response.poll()).reason(), Reason::BadRequest);
        assert_pending!(task::spawn(()).enter(|_, _| handle.poll_request()));
    }

    #[tokio::test]
    async fn hop_by_hop_fields_of_a_response_end_here() {
        let (mut service, mut handle) = testing::spawn(HopLayer::new(name()));
        assert_ready_ok!(service.poll_ready());
        let mut response = task::spawn(service.call(get()));
        let (_, reply) = handle.next_request().await.unwrap();
        let answer = Response::builder()
            .header("connection", "close, x-mine")
            .header("x-mine", "1")
            .header("keep-alive", "timeout=5")
            .header("transfer-encoding", "chunked")
            .header("te", "trailers")
            .header("trailer", "grpc-status")
            .header("proxy-status", "origin; error=dns_error")
            .header("via", "1.1 origin");
        reply.send_response(answer.body(()).unwrap());
        let response = assert_ready_ok!(response.poll());
        let mut kept: Vec<_> = response.headers().keys().map(|name| name.as_str()).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["proxy-status", "trailer", "via"]);
    }

    #[tokio::test]
    async fn not_ready_and_errors_of_the_inner_service_pass_as_they_are() {
        let (mut service, mut handle) = testing::spawn::<(), _>(HopLayer::new(name()));
        handle.allow(0);
        assert_pending!(service.poll_ready());
        handle.allow(1);
        assert_ready_ok!(service.poll_ready());
        let mut response = task::spawn(service.call(get()));
        let (_, reply) = handle.next_request().await.unwrap();
        reply.send_error(Failure::new(Reason::ConnectionRefused));
        assert_eq!(
            assert_ready_err!(response.poll()).reason(),
            Reason::ConnectionRefused
        );
        handle.send_error(Failure::new(Reason::Draining));
        assert_eq!(assert_ready_err!(service.poll_ready()).reason(), Reason::Draining);
    }

    /// A service that is ready once it was polled, and whose clones are not.
    #[derive(Debug, Default)]
    struct Fussy(bool, Arc<()>);

    impl Clone for Fussy {
        fn clone(&self) -> Self {
            Self(false, self.1.clone())
        }
    }

    impl Service<Request<()>> for Fussy {
        type Response = Response<()>;
        type Error = std::convert::Infallible;
        type Future = std::future::Ready<Result<Response<()>, Self::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            self.0 = true;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            assert!(std::mem::take(&mut self.0), "called without being ready");
            std::future::ready(Ok(Response::new(())))
        }
    }

    #[tokio::test]
    async fn the_instance_that_was_readied_is_called_and_a_drop_lets_go_of_everything() {
        let kept = Arc::new(());
        let mut service = HopLayer::new(name()).layer(Fussy(false, kept.clone()));
        let clone = service.clone();
        let mut task = task::spawn(());
        assert_ready_ok!(task.enter(|cx, _| service.poll_ready(cx)));
        assert_ready_ok!(task::spawn(service.call(get())).poll());
        drop((service, clone));
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}

mod once {
    use http::Method;

    use super::*;

    #[test]
    fn connect_is_not_offered() {
        let mut request = request("shop.example:443", &[HOST]);
        *request.method_mut() = Method::CONNECT;
        assert_eq!(refused(request).reason(), Reason::NotImplemented);
    }

    #[test]
    fn max_forwards_counts_down_for_trace_and_options() {
        for method in [Method::TRACE, Method::OPTIONS] {
            let with = |left| {
                let mut request = request("/", &[HOST, ("max-forwards", left)]);
                *request.method_mut() = method.clone();
                request
            };
            assert_eq!(passed(with("2")).headers()["max-forwards"], "1");
            assert_eq!(passed(with("1")).headers()["max-forwards"], "0");
            assert!(LastRecipient::of(&refused(with("0"))).is_some());
            assert_eq!(passed(with("-1")).headers()["max-forwards"], "-1");
        }
        assert_eq!(
            passed(request("/", &[HOST, ("max-forwards", "0")])).headers()["max-forwards"],
            "0"
        );
    }

    fn answered(method: Method, target: &str) -> Response<bytes::Bytes> {
        let mut request = request(
            target,
            &[
                HOST,
                ("max-forwards", "0"),
                ("x-kept", "1"),
                ("cookie", "hidden"),
                ("authorization", "hidden"),
                ("x-api-key", "hidden"),
            ],
        );
        *request.method_mut() = method;
        LastRecipient::of(&refused(request)).unwrap().response()
    }

    #[test]
    fn the_last_recipient_of_options_says_that_it_is_there() {
        let response = answered(Method::OPTIONS, "*");
        assert_eq!((response.status(), response.body().len()), (StatusCode::OK, 0));
    }

    #[test]
    fn the_last_recipient_of_trace_says_what_came_without_secrets() {
        let response = answered(Method::TRACE, "/a?b");
        assert_eq!(response.headers()["content-type"], "message/http");
        assert_eq!(
            *response.body(),
            "TRACE /a?b HTTP/1.1\r\nhost: shop.example\r\nmax-forwards: 0\r\nx-kept: 1\r\n\r\n"
        );
    }

    #[test]
    fn one_hundred_continue_is_consumed_and_every_other_expectation_fails() {
        let fine = passed(request("/", &[HOST, ("expect", "100-Continue")]));
        assert!(!fine.headers().contains_key("expect"));
        for other in ["x", "100-continue, x", "200-ok"] {
            assert_eq!(
                refused(request("/", &[HOST, ("expect", other)])).reason(),
                Reason::ExpectationFailed
            );
        }
        let mut old = request("/", &[HOST, ("expect", "x")]);
        *old.version_mut() = Version::HTTP_10;
        assert!(!passed(old).headers().contains_key("expect"));
    }

    #[test]
    fn cookie_crumbs_become_one_cookie() {
        let request = passed(request(
            "/",
            &[HOST, ("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3; d=4")],
        ));
        assert_eq!(lines(request.headers(), "cookie"), ["a=1; b=2; c=3; d=4"]);
    }
}
