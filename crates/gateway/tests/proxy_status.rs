//! `Proxy-Status` is written, read and added to as the structured-field list that it is.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but sees none in their helpers

use http::{HeaderMap, HeaderValue, StatusCode};
use outrigger_gateway::{
    Extra, Failure, Reason,
    proxy_status::{Member, PROXY_STATUS, append, members, spoke},
};
use proptest::prelude::*;
use sfv::{
    BareItem, Date, Decimal, FieldType, InnerList, Integer, Item, List, ListEntry, Parameters, Parser,
};

fn field(lines: &[&str]) -> HeaderMap {
    let line = |line: &&str| (PROXY_STATUS, HeaderValue::from_str(line).unwrap());
    lines.iter().map(line).collect()
}

fn appended(lines: &[&str], member: &Member) -> String {
    let mut headers = field(lines);
    append(&mut headers, member);
    assert_eq!(headers.get_all(PROXY_STATUS).iter().count(), 1);
    headers[PROXY_STATUS].to_str().unwrap().to_owned()
}

fn written(member: &Member) -> String {
    appended(&[], member)
}

fn names(members: &[Member]) -> Vec<&str> {
    members.iter().map(|member| member.name.as_str()).collect()
}

#[test]
fn every_known_parameter_is_read() {
    let members = members(&field(&[concat!(
        r#"r34.example.net; error=http_request_error; status-code=400; next-hop="10.0.0.7:80"; next-protocol=h2"#,
        r#"; received-status=503; details="a \"b\"", "Edge 1"; next-hop=backup; next-protocol=:aDIK:"#,
    )]));

    let [first, second] = &members[..] else {
        panic!("two members, not {members:?}");
    };
    assert_eq!(first.name, "r34.example.net");
    assert_eq!(first.error.as_deref(), Some("http_request_error"));
    assert_eq!(first.extra.get("status-code"), Some(Extra::Integer(400)));
    assert_eq!(first.next_hop.as_deref(), Some("10.0.0.7:80"));
    assert_eq!(first.next_protocol.as_deref(), Some(&b"h2"[..]));
    assert_eq!(first.received_status, Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(first.details.as_deref(), Some("a \"b\""));
    assert_eq!(second.name, "Edge 1");
    assert_eq!(second.next_hop.as_deref(), Some("backup"));
    assert_eq!(second.next_protocol.as_deref(), Some(&b"h2\n"[..]));
}

#[test]
fn a_known_parameter_of_the_wrong_type_says_nothing() {
    let members = members(&field(&[
        r#"a;error="x";received-status=9999;details=token;next-hop=1;next-protocol="h2""#,
    ]));
    assert_eq!(members, [Member::new("a")]);
}

#[test]
fn entries_that_name_no_hop_are_passed_over() {
    assert_eq!(names(&members(&field(&["a, (b c), 1, ?1, \"d\""]))), ["a", "d"]);
}

#[test]
fn all_lines_are_one_list() {
    assert_eq!(
        names(&members(&field(&["a, b", "", "  ", "c;error=loop"]))),
        ["a", "b", "c"]
    );
}

#[test]
fn a_field_with_an_error_anywhere_is_trusted_in_nothing() {
    for lines in [
        &["a;error=x,"][..],
        &["a", "b;;"],
        &["a;error=x", "é"],
        &["a b"],
        &["a;Error=x"],
        &["a,,b"],
    ] {
        assert!(members(&field(lines)).is_empty(), "{lines:?}");
        assert_eq!(appended(lines, &Member::new("us")), "us", "{lines:?}");
    }
}

#[test]
fn ours_goes_behind_those_nearer_the_origin() {
    let ours = Member::for_upstream_status("us", StatusCode::BAD_GATEWAY, Some("10.0.0.7:80"));
    assert_eq!(
        appended(&["a;error=loop;x-y=?0;z=1.50", "\"B\\\"\" "], &ours),
        r#"a;error=loop;x-y=?0;z=1.50, "B\"", us;next-hop="10.0.0.7:80";received-status=502"#
    );
}

#[test]
fn the_one_who_spoke_is_the_error_nearest_the_origin() {
    let all = members(&field(&[
        "a;received-status=502, b;error=dns_error, c;error=loop",
    ]));
    assert_eq!(spoke(&all).unwrap().name, "b");
    assert_eq!(spoke(&all[..1]), None);
}

#[test]
fn a_failure_is_told_with_the_parameters_of_its_error() {
    let failure = Failure::new(Reason::TlsAlert)
        .with_extra("alert-id", Extra::Integer(48))
        .with_extra("alert-message", Extra::Token("unknown_ca".into()))
        .with_extra("Bad Name", Extra::Integer(1))
        .with_extra("too-large", Extra::Integer(i64::MAX))
        .with_extra("rcode", Extra::String("näh\n".into()))
        .with_detail("refused our certificate")
        .at_endpoint("[::1]:443".into());

    let plain = r#"us;error=tls_alert_received;alert-id=48;alert-message=unknown_ca;rcode="n?h?""#;
    assert_eq!(written(&Member::for_failure("us", &failure, false)), plain);
    assert_eq!(
        written(&Member::for_failure("us", &failure, true)),
        format!(r#"{plain};next-hop="[::1]:443";details="refused our certificate""#)
    );
}

#[test]
fn a_name_is_a_token_where_it_can_be_one() {
    assert_eq!(written(&Member::new("cart.shop:1/a")), "cart.shop:1/a");
    assert_eq!(written(&Member::new("1 cart")), r#""1 cart""#);
    assert_eq!(written(&Member::new("")), r#""""#);
    assert_eq!(written(&Member::new("Köln\r\n")), r#""K?ln??""#);
}

#[test]
fn a_protocol_is_a_token_where_it_can_be_one() {
    let spoken = |protocol: &[u8]| {
        written(&Member {
            next_protocol: Some(protocol.into()),
            ..Member::new("us")
        })
    };
    assert_eq!(spoken(b"http/1.1"), "us;next-protocol=http/1.1");
    assert_eq!(spoken(b"\xffh2"), "us;next-protocol=:/2gy:");
}

#[test]
fn an_error_is_a_token_or_not_told() {
    let told = |error: &'static str| {
        written(&Member {
            error: Some(error.into()),
            ..Member::new("us")
        })
    };
    assert_eq!(told("dns_error"), "us;error=dns_error");
    assert_eq!(told("dns error"), "us");
}

#[test]
fn texts_are_cut_before_they_burst_a_header() {
    let failure = Failure::new(Reason::Internal).with_detail("ü".repeat(5_000));
    let member = Member::for_failure("us", &failure, true);
    assert_eq!(member.details.unwrap().chars().count(), 1_024);
    let failure =
        Failure::new(Reason::HeaderTooLarge).with_extra("header-name", Extra::String("ü".repeat(5_000)));
    let member = Member::for_failure("us", &failure, true);
    assert_eq!(
        member.extra.get("header-name"),
        Some(Extra::String("?".repeat(256)))
    );
}

fn any_member() -> impl Strategy<Value = Member> {
    let text = || "[ -~]{0,20}";
    let error = proptest::sample::select(Reason::ALL).prop_map(|reason| reason.row().error.map(Into::into));
    let status = (100_u16..1000).prop_map(|status| StatusCode::from_u16(status).unwrap());
    let protocol = prop::collection::vec(any::<u8>(), 0..8);
    let of = |strategy| proptest::option::of(strategy);
    (
        text(),
        error,
        of(text()),
        proptest::option::of(protocol),
        proptest::option::of(status),
        of(text()),
    )
        .prop_map(
            |(name, error, next_hop, next_protocol, received_status, details)| Member {
                error,
                next_hop,
                next_protocol,
                received_status,
                details,
                ..Member::new(name)
            },
        )
}

fn any_bare_item() -> impl Strategy<Value = BareItem> {
    let integer =
        || (-999_999_999_999_999_i64..=999_999_999_999_999).prop_map(|i| Integer::try_from(i).unwrap());
    prop_oneof![
        integer().prop_map(BareItem::Integer),
        integer().prop_map(|thousandths| BareItem::Decimal(Decimal::from_integer_scaled_1000(thousandths))),
        integer().prop_map(|seconds| BareItem::Date(Date::from_unix_seconds(seconds))),
        any::<bool>().prop_map(BareItem::Boolean),
        "[ -~]{0,12}".prop_map(|text| BareItem::String(text.try_into().unwrap())),
        "[a-zA-Z*][a-z0-9:/!#$%&'*+.^_`|~-]{0,12}".prop_map(|text| BareItem::Token(text.try_into().unwrap())),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(BareItem::ByteSequence),
        any::<String>().prop_map(BareItem::DisplayString),
    ]
}

fn any_params() -> impl Strategy<Value = Parameters> {
    let known = prop_oneof![
        "error",
        "details",
        "next-hop",
        "received-status",
        "[a-z*][a-z0-9_.*-]{0,6}"
    ];
    let param = (known.prop_map(|key| key.try_into().unwrap()), any_bare_item());
    prop::collection::vec(param, 0..4).prop_map(Parameters::from_iter)
}

fn any_entry() -> impl Strategy<Value = ListEntry> {
    let item = || (any_bare_item(), any_params()).prop_map(|(item, params)| Item::with_params(item, params));
    let inner = (prop::collection::vec(item(), 0..3), any_params());
    prop_oneof![
        3 => item().prop_map(ListEntry::from),
        1 => inner.prop_map(|(items, params)| InnerList::with_params(items, params).into()),
    ]
}

/// The field as a list of anything, not only of members.
fn list_of(headers: &HeaderMap) -> List {
    Parser::new(headers[PROXY_STATUS].as_bytes()).parse().unwrap()
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(all in prop::collection::vec(any_member(), 1..4)) {
        let mut headers = HeaderMap::new();
        for member in &all {
            append(&mut headers, member);
        }
        prop_assert_eq!(members(&headers), all);
    }

    #[test]
    fn any_text_can_be_said(name in any::<String>(), details in any::<String>()) {
        let mut headers = HeaderMap::new();
        append(&mut headers, &Member { details: Some(details.clone()), ..Member::new(&*name) });

        let read = members(&headers);
        let ascii = |text: &str| text.replace(|char| !matches!(char, ' '..='~'), "?");
        prop_assert_eq!(&read[0].name, &ascii(&name));
        prop_assert_eq!(read[0].details.as_ref(), Some(&ascii(&details)));
    }

    #[test]
    fn what_others_said_is_kept(
        lines in prop::collection::vec(prop::collection::vec(any_entry(), 1..3), 1..4),
        ours in any_member(),
    ) {
        let texts: Vec<_> = lines.iter().map(|line| line.serialize().unwrap()).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        let mut headers = field(&texts);
        append(&mut headers, &ours);

        let mut list = list_of(&headers);
        list.pop();
        prop_assert_eq!(list, lines.concat());
        prop_assert_eq!(members(&headers).pop(), Some(ours));
    }

    #[test]
    fn any_bytes_are_read_without_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..3)) {
        let values = lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok());
        let mut headers: HeaderMap = values.map(|value| (PROXY_STATUS, value)).collect();
        members(&headers);
        append(&mut headers, &Member::new("us"));
        prop_assert_eq!(members(&headers).pop(), Some(Member::new("us")));
    }

    #[test]
    fn likely_bytes_are_read_without_panic(line in "[a-b;=,\"\\\\:?@%() .0-9é-]{0,40}") {
        let mut headers = field(&[&line]);
        append(&mut headers, &Member::new("us"));
        prop_assert_eq!(members(&headers).pop(), Some(Member::new("us")));
    }
}
