//! The table, row by row, written down a second time as the design has it.

use outrigger_gateway::{Failure, Reason, grpc::Code, table::Repeat};

/// reason, HTTP status, `Proxy-Status` error, gRPC code, repeat, and `after` if the answer says when to come back.
const DESIGN: &str = "
    dns_error                  502  dns_error                            14  yes
    dns_timeout                504  dns_timeout                          14  yes
    no_route                   500  destination_not_found                12  no
    ip_prohibited              502  destination_ip_prohibited            14  no
    unroutable                 502  destination_ip_unroutable            14  yes
    connection_refused         502  connection_refused                   14  yes
    connection_timeout         504  connection_timeout                   14  yes
    certificate_expired        502  tls_certificate_error                14  yes
    certificate_not_yet_valid  502  tls_certificate_error                14  yes
    certificate_wrong_name     502  tls_certificate_error                14  yes
    certificate_unknown_ca     502  tls_certificate_error                14  yes
    certificate_revoked        502  tls_certificate_error                14  yes
    certificate_wrong_usage    502  tls_certificate_error                14  yes
    certificate_invalid        502  tls_certificate_error                14  yes
    tls_alert                  502  tls_alert_received                   14  no
    tls_protocol               502  tls_protocol_error                   14  idem
    closed_before_response     502  connection_terminated                14  idem
    idle_race                  502  connection_terminated                14  idem
    response_incomplete        502  http_response_incomplete             14  idem
    protocol_error             502  http_protocol_error                  14  no
    transfer_coding            502  http_response_transfer_coding        14  no
    header_section_too_large   502  http_response_header_section_size    14  no
    header_too_large           502  http_response_header_size            14  no
    body_too_large             502  http_response_body_size              14  no
    trailers_too_large         502  http_response_trailer_section_size   14  no
    read_timeout               504  connection_read_timeout              4   idem
    write_timeout              504  connection_write_timeout             4   idem
    response_timeout           504  http_response_timeout                4   idem
    deadline_exceeded          504  http_response_timeout                4   no
    upgrade_failed             502  http_upgrade_failed                  14  no
    stream_refused             502  connection_terminated                14  yes
    peer_overloaded            503  destination_unavailable              8   no
    stream_reset               502  http_response_incomplete             14  idem
    no_endpoint_unusable       502  destination_unavailable              14  no    after
    no_endpoint_refusing       503  destination_unavailable              14  no    after
    no_endpoint_silent         504  destination_unavailable              14  no    after
    pool_limit                 503  connection_limit_reached             14  no    after
    overload                   503  proxy_internal_response              14  no    after
    rate_limited               503  proxy_internal_response              14  no    after
    quota                      429  http_request_error                   8   no    after
    maintenance                503  proxy_internal_response              14  no    after
    starting                   503  proxy_internal_response              14  no    after
    draining                   503  proxy_internal_response              14  no    after
    denied                     403  http_request_denied                  7   no
    bad_request                400  http_request_error                   13  no
    request_timeout            408  http_request_error                   13  no
    request_too_large          413  http_request_error                   13  no
    target_too_long            414  http_request_error                   13  no
    expectation_failed         417  http_request_error                   13  no
    request_header_too_large   431  http_request_error                   13  no
    not_implemented            501  http_request_error                   13  no
    loop                       502  proxy_loop_detected                  14  no
    internal                   500  proxy_internal_error                 13  no
    configuration              500  proxy_configuration_error            13  no
    upstream_status            0    -                                    -   idem
    client_gone                499  -                                    1   no
";

#[test]
fn every_row_is_as_designed() {
    let rows = DESIGN.lines().map(str::trim).filter(|line| !line.is_empty());
    assert_eq!(rows.clone().count(), Reason::ALL.len());

    for (designed, reason) in rows.zip(Reason::ALL) {
        let designed: Vec<_> = designed.split_whitespace().collect();
        assert_eq!(as_written(*reason), designed);
    }
}

fn as_written(reason: Reason) -> Vec<String> {
    let row = reason.row();
    let repeat = match row.repeat {
        Repeat::Yes => "yes",
        Repeat::Idempotent => "idem",
        Repeat::No => "no",
    };
    let code = row.grpc.map_or("-".to_owned(), |code| (code as u8).to_string());
    let mut columns = vec![
        row.label.to_owned(),
        row.status.to_string(),
        row.error.unwrap_or("-").to_owned(),
        code,
        repeat.to_owned(),
    ];
    columns.extend(row.retry_after.then(|| "after".to_owned()));
    columns
}

#[test]
fn a_label_names_one_reason_only() {
    for reason in Reason::ALL {
        assert_eq!(reason.label().parse(), Ok(*reason));
        assert_eq!(reason.to_string(), reason.label());
    }
    assert!("nonsense".parse::<Reason>().is_err());
}

#[test]
fn labels_are_lower_case_words() {
    for reason in Reason::ALL {
        assert!(
            reason
                .label()
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{reason}"
        );
    }
}

#[test]
fn clauses_can_be_told_anywhere() {
    for clause in Reason::ALL.iter().map(|reason| reason.clause()) {
        assert!(
            clause.starts_with(|char: char| char.is_ascii_lowercase()),
            "{clause}"
        );
        assert!(clause.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{clause}");
        assert!(!clause.ends_with('.'), "{clause}");
    }
}

#[test]
fn what_may_be_repeated_by_anyone_was_not_processed() {
    for reason in Reason::ALL {
        let proven = reason.row().repeat == Repeat::Yes;
        assert_eq!(Failure::new(*reason).unprocessed(), proven, "{reason}");
    }
}

#[test]
fn an_answer_that_should_not_be_made_is_our_own_fault() {
    assert_eq!(Reason::UpstreamStatus.answer_status(), 500);
    assert_eq!(Reason::UpstreamStatus.answer_code(), Code::Internal);
}

#[test]
fn a_client_that_broke_off_its_request_is_told_so_if_it_still_listens() {
    assert_eq!(Reason::ClientGone.answer_status(), 400);
    assert_eq!(Reason::ClientGone.answer_code(), Code::Cancelled);
}

#[test]
fn an_empty_pool_is_told_as_what_emptied_most_of_it() {
    let (refused, timeout, said_no) = (
        Reason::ConnectionRefused,
        Reason::ResponseTimeout,
        Reason::NoEndpointRefusing,
    );
    let told = |causes: &[Reason]| Reason::of_empty_pool(causes.iter().copied()).row().status;
    assert_eq!(
        [told(&[refused]), told(&[said_no]), told(&[timeout])],
        [502, 503, 504]
    );
    assert_eq!(told(&[timeout, refused, timeout]), 504);
    assert_eq!(told(&[said_no, refused, timeout, said_no]), 503);
    assert_eq!(told(&[said_no, timeout, refused]), 502, "a tie");
    assert_eq!(told(&[said_no, timeout]), 504, "a tie");
    assert_eq!(told(&[Reason::Internal]), 502, "a cause that has no such class");
}
