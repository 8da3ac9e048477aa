//! What passes a layer that has nothing to say against it: requests, answers, failures; all of each.

use http::{HeaderValue, Method, Request, StatusCode, Version};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use outrigger_gateway::Reason;
use tower::ServiceExt;

use super::{
    Make,
    below::{Below, Number, Point, Trouble},
    body::Script,
    subject::{ask, at_once, numbered, reason_of, request, request_of},
};

/// Of a request its method, target, fields, extensions, and the body with all frames, trailers, and what is foretold.
pub(crate) async fn requests_pass(make: Make) {
    for script in Script::KINDS {
        let below = Below::new();
        let (head, _) = numbered(7).into_parts();
        let request = Request::from_parts(head, script.body());
        at_once(ask(make().over(&below), request)).unwrap();

        let received = below.received();
        assert_eq!(received.head.method, Method::POST);
        assert_eq!(received.head.uri, "/orders?limit=20");
        assert_eq!(received.head.headers["host"], "shop.example");
        assert_eq!(received.head.headers["x-tenant"], "blue");
        assert_eq!(received.head.extensions.get(), Some(&Number(7)));
        let sent = script.body();
        assert_eq!(
            format!("{:?}", received.hint),
            format!("{:?}", sent.size_hint()),
            "{script:?}"
        );
        assert_eq!(received.foretold_end, sent.is_end_stream(), "{script:?}");
        assert_same(&received.frames, &at_once(frames_of(sent)));
    }
}

/// Of an answer its status, version, fields, extensions, and the body frame by frame; before each of them what is
/// foretold of the rest is what the service below foretells.
pub(crate) async fn answers_pass(make: Make) {
    for script in Script::KINDS {
        let below = Below::answering(script);
        let response = at_once(make().over(&below).oneshot(numbered(7))).unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.headers().get("x-below"), Some(&HeaderValue::from(3)));
        assert_eq!(response.extensions().get(), Some(&Number(7)));

        let (mut body, mut twin) = (response.into_body(), script.body());
        loop {
            assert_eq!(body.is_end_stream(), twin.is_end_stream(), "{script:?}");
            assert_eq!(
                format!("{:?}", body.size_hint()),
                format!("{:?}", twin.size_hint()),
                "{script:?}"
            );
            let (Some(frame), Some(expected)) = (at_once(body.frame()), at_once(twin.frame())) else {
                break;
            };
            assert_same(&[frame.unwrap()], &[expected.unwrap()]);
        }
        assert!(twin.is_end_stream(), "all of it came: {script:?}");
    }
}

/// An answer of the service's own passes whatever its status, and is not taken for a failure of ours.
pub(crate) async fn answers_pass_whatever_their_status(make: Make) {
    for status in [304, 404, 429, 500, 502, 503, 504].map(|code| StatusCode::from_u16(code).unwrap()) {
        let below = Below::answering_with(status);
        let told = at_once(ask(make().over(&below), request())).unwrap();
        assert_eq!(told.head.status, status);
        assert_eq!(told.head.headers["x-below"], "3");
        assert_same(&told.frames, &at_once(frames_of(Script::SOME.body())));
        assert_eq!(
            below.calls(),
            1,
            "what may have been processed is not asked for again"
        );
    }
}

/// A failure passes with its reason, and says what it said; if anything is added to its sentence, then behind it.
pub(crate) async fn failures_pass(make: Make) {
    for reason in Reason::ALL {
        let below = Below::new();
        below.meets(Point::Response, Trouble::Failure(*reason));
        let result = ask(make().over(&below), request()).await;
        assert_eq!(reason_of(&result), Some(*reason), "{result:?}");
        if let Err(failure) = result {
            let detail = failure.detail().unwrap();
            assert!(
                detail.starts_with("the service below failed, as it was told to"),
                "{detail}"
            );
            assert_eq!(failure.upstream().map(|name| &**name), Some("orders"));
            assert_eq!(failure.endpoint().map(|name| &**name), Some("10.0.0.7:8080"));
            let source = std::error::Error::source(&failure).expect("its cause is kept");
            assert_eq!(source.to_string(), "its cause");
        }
    }
}

/// A body that breaks does so above the layer as well, with its reason, behind all that came before.
pub(crate) async fn bodies_that_break_do_so_above(make: Make) {
    let below = Below::new();
    below.meets(Point::Body, Trouble::Failure(Reason::ResponseIncomplete));
    let result = at_once(ask(make().over(&below), request()));
    assert_eq!(reason_of(&result), Some(Reason::ResponseIncomplete));
    let told = result.unwrap();
    assert_eq!(told.head.status, StatusCode::CREATED);
    assert_same(&told.frames, &at_once(frames_of(Script::SOME.body()))[..1]);
}

/// The body of a request that breaks does so below the layer as well; what comes of that comes back.
pub(crate) async fn requests_that_break_do_so_below(make: Make) {
    let (below, caller) = (Below::new(), Below::new());
    caller.meets(Point::Body, Trouble::Failure(Reason::RequestTimeout));
    let result = at_once(ask(make().over(&below), request_of(&caller)));
    assert_eq!(reason_of(&result), Some(Reason::RequestTimeout), "{result:?}");
    assert_eq!((below.calls(), below.held(), caller.held()), (1, 0, 0));
}

async fn frames_of(mut body: super::body::Scripted) -> Vec<Frame<bytes::Bytes>> {
    let mut frames = Vec::new();
    while let Some(frame) = body.frame().await {
        frames.push(frame.unwrap());
    }
    frames
}

#[track_caller]
fn assert_same(frames: &[Frame<bytes::Bytes>], expected: &[Frame<bytes::Bytes>]) {
    assert_eq!(format!("{frames:?}"), format!("{expected:?}"));
}
