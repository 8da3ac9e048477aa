//! Every reason comes back whole from every form that it is told in.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but sees none in their helpers

use http::{HeaderValue, Response};
use outrigger_gateway::{
    Failure, Reason, Voice,
    grpc::{self, Code},
    proxy_status::{self, Member},
    retry_after,
};
use proptest::prelude::*;

fn any_failure() -> impl Strategy<Value = Failure> {
    let text = proptest::option::of(".{0,40}");
    (
        proptest::sample::select(Reason::ALL),
        text.clone(),
        text,
        any::<Option<u32>>(),
    )
        .prop_map(|(reason, detail, upstream, wait)| {
            let mut failure = Failure::new(reason);
            if let Some(detail) = detail {
                failure = failure.with_detail(detail);
            }
            if let Some(upstream) = upstream {
                failure = failure
                    .at_upstream(upstream.into())
                    .at_endpoint("10.0.0.7:8080".into());
            }
            match wait {
                Some(wait) => failure.with_retry_after(std::time::Duration::from_millis(wait.into())),
                None => failure,
            }
        })
}

fn voice(name: &str, detailed: bool) -> Voice<'_> {
    Voice {
        detailed,
        proxy_status: true,
        request_id: Some("r\"1\u{7}"),
        ..Voice::new(name)
    }
}

fn member_of<B>(answer: &Response<B>) -> Member {
    let members = proxy_status::members(answer.headers());
    assert_eq!(members.len(), 1);
    members.into_iter().next().unwrap()
}

fn json_of(answer: &Response<bytes::Bytes>) -> serde_json::Value {
    serde_json::from_slice(answer.body()).unwrap()
}

#[test]
fn each_comes_back_from_status_proxy_status_body_and_code() {
    for &reason in Reason::ALL {
        let failure = Failure::new(reason);
        let plain = voice("cart.shop", false).answer(&failure);
        let rpc = Voice {
            grpc: true,
            ..voice("cart.shop", false)
        }
        .answer(&failure);
        let row = reason.row();

        assert_eq!(plain.status(), reason.answer_status(), "{reason}");
        assert_eq!(member_of(&plain).error.as_deref(), row.error, "{reason}");
        assert_eq!(json_of(&plain)["reason"].as_str().unwrap().parse(), Ok(reason));
        assert_eq!(rpc.status(), 200, "{reason}");
        assert_eq!(member_of(&rpc).error.as_deref(), row.error, "{reason}");
        assert_eq!(
            Code::from_header(&rpc.headers()[grpc::STATUS]),
            Some(reason.answer_code())
        );
    }
}

#[test]
fn only_rows_that_say_so_carry_a_wait() {
    for &reason in Reason::ALL {
        let failure = Failure::new(reason);
        let plain = voice("cart.shop", false).answer(&failure);
        let rpc = Voice {
            grpc: true,
            ..voice("cart.shop", false)
        }
        .answer(&failure);

        let waits = reason.row().retry_after;
        assert_eq!(
            plain.headers().get("retry-after").map(|wait| wait == "1"),
            waits.then_some(true)
        );
        let pushback = rpc.headers().get(grpc::RETRY_PUSHBACK);
        assert_eq!(pushback.map(|wait| wait == "1000"), waits.then_some(true));
    }
}

#[test]
fn requests_at_fault_are_told_with_their_status_code() {
    for &reason in Reason::ALL {
        let member = Member::for_failure("cart.shop", &reason.into(), false);
        let expected = (reason.row().error == Some("http_request_error"))
            .then(|| outrigger_gateway::Extra::Integer(reason.row().status.into()));
        assert_eq!(member.extra.get("status-code"), expected, "{reason}");
    }
}

proptest! {
    #[test]
    fn any_failure_comes_back_from_problem_json(failure in any_failure(), detailed in any::<bool>()) {
        let answer = voice("cart.shop", detailed).answer(&failure);
        let problem = json_of(&answer);

        prop_assert_eq!(problem["reason"].as_str(), Some(failure.reason().label()));
        prop_assert_eq!(problem["status"].as_u64(), Some(answer.status().as_u16().into()));
        prop_assert_eq!(problem["title"].as_str(), answer.status().canonical_reason());
        prop_assert_eq!(problem["detail"].as_str(), Some(failure.sentence(detailed)));
        prop_assert_eq!(problem["request_id"].as_str(), Some("r\"1\u{7}"));
        let upstream = failure.upstream().filter(|_| detailed);
        prop_assert_eq!(problem.get("upstream").and_then(|name| name.as_str()), upstream.map(|name| &**name));
    }

    #[test]
    fn any_failure_comes_back_from_grpc(failure in any_failure(), detailed in any::<bool>()) {
        let trailers = grpc::trailers(&failure, detailed);
        let message = grpc::decode_message(&trailers[grpc::MESSAGE]);

        let (reason, sentence) = message.split_once(": ").unwrap();
        prop_assert_eq!(reason.parse(), Ok(failure.reason()));
        prop_assert_eq!(sentence, failure.sentence(detailed));
        let answer = Voice { grpc: true, ..Voice { proxy_status: false, ..voice("n", detailed) } }.answer(&failure);
        for (name, value) in &trailers {
            prop_assert_eq!(answer.headers().get(name), Some(value));
        }
    }

    #[test]
    fn any_wait_is_at_least_what_was_meant(failure in any_failure()) {
        let answer = voice("cart.shop", false).answer(&failure);
        if let Some(meant) = retry_after::told(&failure) {
            let written: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            prop_assert!(written >= 1 && std::time::Duration::from_secs(written) >= meant);
        }
    }

    #[test]
    fn strangers_learn_neither_sentence_nor_place(failure in any_failure(), form in 0..3_usize) {
        let secret = "10.9.8.7:443 is held by alice";
        let failure = failure.with_detail(secret).at_upstream("vault".into()).at_endpoint("10.9.8.7:443".into());
        let accept = HeaderValue::from_static(["*/*", "text/html", "text/plain"][form]);
        let plain = Voice { accept: Some(&accept), ..voice("cart.shop", false) };
        for answer in [plain.answer(&failure), Voice { grpc: true, ..plain }.answer(&failure)] {
            let told = format!("{:?} {:?}", answer.headers(), answer.body());
            for word in ["10.9.8.7", "alice", "vault"] {
                prop_assert!(!told.contains(word), "{word} in {told}");
            }
        }
    }
}
