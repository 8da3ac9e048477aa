//! What ends at this hop, and nothing else.

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const ENDS_HERE: [&str; 9] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "proxy-authorization",
    "proxy-authenticate",
];

#[test]
fn hop_by_hop_fields_end_here_and_end_to_end_fields_go_on() {
    let fields = ENDS_HERE.map(|name| match name {
        "transfer-encoding" => (name, "chunked"),
        _ => (name, "x"),
    });
    let kept = [
        HOST,
        ("trailer", "grpc-status"),
        ("accept", "*/*"),
        ("authorization", "Basic eA=="),
    ];
    let request = passed(request("/", &[&fields[..], &kept[..]].concat()));
    for name in ENDS_HERE {
        assert!(!request.headers().contains_key(name), "{name}");
    }
    for (name, value) in kept {
        assert_eq!(request.headers()[name], value);
    }
}

#[test]
fn what_connection_names_ends_here_in_every_spelling() {
    let request = passed(request(
        "/",
        &[
            HOST,
            ("connection", "keep-alive, X-One ,,x-two"),
            ("connection", "\tx-three,not a name"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("x-four", "4"),
        ],
    ));
    for name in ["x-one", "x-two", "x-three", "connection"] {
        assert!(!request.headers().contains_key(name), "{name}");
    }
    assert_eq!(request.headers()["x-four"], "4");
}

#[test]
fn connection_cannot_hide_what_the_next_hop_relies_on() {
    let relied_on = [
        HOST,
        ("authorization", "Bearer t"),
        ("content-length", "3"),
        ("content-type", "application/grpc"),
        ("cookie", "a=1"),
        ("grpc-timeout", "1S"),
        ("x-request-timeout-ms", "100"),
        ("traceparent", "00-1-1-01"),
    ];
    let names =
        relied_on.map(|(name, _)| name).join(",") + ",via,forwarded,x-forwarded-for,x-forwarded-proto";
    let request = passed(request(
        "/",
        &[&relied_on[..], &[("connection", &names)]].concat(),
    ));
    for (name, value) in relied_on {
        assert_eq!(request.headers()[name], value);
    }
    for name in ["via", "forwarded", "x-forwarded-proto"] {
        assert!(request.headers().contains_key(name), "{name}");
    }
}

#[test]
fn trailers_are_offered_on_if_they_were_offered_and_nothing_else_is() {
    for te in ["trailers", "gzip, Trailers", "deflate;q=0.5 , trailers;q=0.5"] {
        let request = passed(request("/", &[HOST, ("te", te), ("connection", "te")]));
        assert_eq!(lines(request.headers(), "te"), ["trailers"], "{te}");
    }
    for te in ["gzip", "", "trailersx"] {
        assert!(
            !passed(request("/", &[HOST, ("te", te)]))
                .headers()
                .contains_key("te"),
            "{te}"
        );
    }
}

fn field_name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(&ENDS_HERE[..]).prop_map(str::to_owned),
        prop::sample::select(
            &[
                "host",
                "via",
                "cookie",
                "Forwarded",
                "x-forwarded-for",
                "x-a",
                "x_b",
                "Te"
            ][..]
        )
        .prop_map(str::to_owned),
        "[a-zA-Z_-]{1,12}",
    ]
}

fn fields() -> impl Strategy<Value = Vec<(HeaderName, HeaderValue)>> {
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(field_name(), 0..5).prop_map(|names| names.join(",").into_bytes()),
    ];
    let field = (field_name(), value).prop_filter_map("bytes no field may have", |(name, value)| {
        Some((
            HeaderName::try_from(name).ok()?,
            HeaderValue::from_bytes(&value).ok()?,
        ))
    });
    prop::collection::vec(field, 0..30)
}

/// The names in all `Connection` fields, as a second, slower reading.
fn named(fields: &[(HeaderName, HeaderValue)]) -> Vec<String> {
    let lists = fields
        .iter()
        .filter(|(name, _)| name == "connection")
        .map(|(_, value)| value.as_bytes());
    let text = lists
        .map(|list| String::from_utf8_lossy(list).into_owned())
        .collect::<Vec<_>>()
        .join(",");
    text.split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .collect()
}

proptest! {
    #[test]
    fn no_hop_by_hop_field_survives_and_no_other_is_lost(fields in fields()) {
        let mut before = HeaderMap::new();
        for (name, value) in &fields {
            before.append(name, value.clone());
        }
        let mut response = Response::new(());
        *response.headers_mut() = before.clone();
        strip_response(&mut response);
        let headers = response.into_parts().0.headers;
        let named = named(&fields);
        for name in ENDS_HERE {
            prop_assert!(!headers.contains_key(name));
        }
        for name in before.keys().filter(|name| !headers.contains_key(*name)) {
            let dashed = name.as_str().replace('_', "-");
            prop_assert!(ENDS_HERE.contains(&dashed.as_str()) || named.contains(&name.to_string()), "lost {name}");
        }
        for name in named.iter().filter(|name| name.starts_with("x-a")) {
            prop_assert!(!headers.contains_key(name));
        }
    }

    #[test]
    fn any_request_is_refused_or_leaves_clean_and_with_all_it_had_in_via(fields in fields()) {
        let mut request = request("/", &[]);
        for (name, value) in &fields {
            request.headers_mut().append(name, value.clone());
        }
        let via: Vec<_> = request.headers().get_all("via").iter().cloned().collect();
        if receive(&mut request, &name()).is_ok() {
            for name in ENDS_HERE.into_iter().filter(|name| *name != "te") {
                prop_assert!(!request.headers().contains_key(name));
            }
            let after: Vec<_> = request.headers().get_all("via").iter().cloned().collect();
            prop_assert_eq!(&after[..via.len()], &via[..]);
            prop_assert_eq!(&after[via.len()..], &["1.1 shop-in-1"]);
            prop_assert_eq!(request.headers().get_all("host").iter().count(), 1);
        }
    }
}

#[test]
fn a_body_coded_otherwise_than_chunked_once_is_refused() {
    for (codings, reason) in [
        (["gzip, chunked", ""], Reason::NotImplemented),
        (["identity", "chunked"], Reason::NotImplemented),
        (["chunked, chunked", ""], Reason::BadRequest),
        (["chunked", "Chunked"], Reason::BadRequest),
    ] {
        let fields = codings.map(|coding| ("transfer-encoding", coding));
        let failure = refused(request("/", &[HOST, fields[0], fields[1]]));
        assert_eq!(failure.reason(), reason, "{codings:?}");
    }
    let request = passed(request("/", &[HOST, ("transfer-encoding", "CHUNKED")]));
    assert!(!request.headers().contains_key("transfer-encoding"));
}

#[test]
fn one_length_in_plain_digits_goes_on() {
    for lengths in [
        &["3"][..],
        &["003"],
        &["3", "3"],
        &["3", "0000000000000000000000003"],
    ] {
        let fields = lengths.iter().map(|length| ("content-length", *length));
        let request = passed(request("/", &fields.chain([HOST]).collect::<Vec<_>>()));
        assert_eq!(lines(request.headers(), "content-length"), ["3"], "{lengths:?}");
    }
    assert_eq!(
        lines(
            passed(request("/", &[HOST, ("content-length", "0")])).headers(),
            "content-length"
        ),
        ["0"]
    );
}

#[test]
fn a_length_that_is_none_or_two_is_refused() {
    for lengths in [
        &[""][..],
        &["", ""],
        &["+3"],
        &["-3"],
        &["3, 3"],
        &["0x3"],
        &["3", "4"],
        &["18446744073709551616"],
    ] {
        let fields = lengths.iter().map(|length| ("content-length", *length));
        let failure = refused(request("/", &fields.chain([HOST]).collect::<Vec<_>>()));
        assert_eq!(failure.reason(), Reason::BadRequest, "{lengths:?}");
    }
}

#[test]
fn over_http2_what_could_be_no_field_of_http1_is_refused() {
    for (name, value) in [
        ("x", " a"),
        ("x", "a "),
        ("x", "\ta"),
        ("x", "a\t"),
        ("x", " "),
        ("x\"y", "a"),
    ] {
        let mut request = request("/", &[HOST]);
        *request.version_mut() = Version::HTTP_2;
        let (name, value) = (name.as_bytes(), HeaderValue::from_static(value));
        let name = HeaderName::from_lowercase(name).unwrap();
        request.headers_mut().insert(name.clone(), value.clone());
        assert_eq!(
            refused(request).reason(),
            Reason::BadRequest,
            "{name:?}: {value:?}"
        );
    }
    let mut fine = request("/", &[HOST, ("x", ""), ("y", "a b\tc")]);
    *fine.version_mut() = Version::HTTP_2;
    passed(fine);
}

#[test]
fn nothing_that_belongs_into_a_head_comes_in_trailers() {
    let all = [
        "x-checksum",
        "grpc-status",
        "proxy-status",
        "content-length",
        "transfer-encoding",
        "host",
        "authorization",
        "cookie",
        "set-cookie",
        "connection",
        "x-forwarded-client-cert",
        "x_forwarded_client_cert",
        "x-forwarded-for",
        "via",
        "te",
        "trailer",
    ];
    let trailers = || {
        let fields = all.map(|name| (HeaderName::from_static(name), HeaderValue::from_static("1")));
        HeaderMap::from_iter(fields)
    };
    let names = |headers: &HeaderMap| headers.keys().map(HeaderName::to_string).collect::<Vec<_>>();
    let (mut up, mut down) = (trailers(), trailers());
    strip_request_trailers(&mut up);
    strip_response_trailers(&mut down);
    assert_eq!(names(&up), all[..2]);
    assert_eq!(names(&down), all[..3]);
}

#[test]
fn empty_crumbs_of_a_cookie_leave_nothing() {
    let cookies = |crumbs: &[&'static str]| {
        let fields = crumbs.iter().map(|crumb| ("cookie", *crumb));
        let request = passed(request("/", &fields.chain([HOST]).collect::<Vec<_>>()));
        lines(request.headers(), "cookie")
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(cookies(&["a=1", "", "b=2", ""]), ["a=1; b=2"]);
    assert_eq!(cookies(&["", "a=1"]), ["a=1"]);
    assert!(cookies(&["", ""]).is_empty());
}
