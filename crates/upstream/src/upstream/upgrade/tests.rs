use outrigger_layers::hop::Upgrade;

use super::*;

/// RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn request(protocol: &str, key: Option<&str>) -> Request<()> {
    let request = Request::get("/chat").extension(Upgrade::to(protocol).unwrap());
    let mut request = key
        .into_iter()
        .fold(request, |request, key| request.header(SEC_WEBSOCKET_KEY, key))
        .body(())
        .unwrap();
    // The client's side; nothing is ever carried.
    request.extensions_mut().insert(on_upgrade());
    request
}

/// A client's side as hyper leaves it in a request.
fn on_upgrade() -> OnUpgrade {
    hyper::upgrade::on(Request::new(()))
}

fn asked(protocol: &str, key: Option<&str>, over: Protocol) -> (Switch, Request<()>) {
    let mut request = request(protocol, key);
    let switch = Switch::of(&mut request).unwrap();
    switch.ask(&mut request, over);
    (*switch, request)
}

fn switched(fields: &[(&str, &str)]) -> Response<()> {
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let response = fields
        .iter()
        .fold(response, |response, (name, value)| response.header(*name, *value));
    response.body(()).unwrap()
}

#[test]
fn over_http1_it_is_asked_for_in_fields() {
    let (_, request) = asked("websocket", Some(KEY), Protocol::Http1);
    assert_eq!(request.method(), Method::GET);
    assert_eq!(request.headers()[CONNECTION], "upgrade");
    assert_eq!(request.headers()[UPGRADE], "websocket");
    assert_eq!(request.headers()[SEC_WEBSOCKET_KEY], KEY);
}

#[test]
fn over_http2_it_is_an_extended_connect() {
    let (_, request) = asked("websocket", Some(KEY), Protocol::Http2);
    assert_eq!(request.method(), Method::CONNECT);
    let protocol = request.extensions().get::<ext::Protocol>();
    assert_eq!(protocol.map(ext::Protocol::as_str), Some("websocket"));
    assert!(request.headers().is_empty(), "{:?}", request.headers());
}

#[test]
fn a_key_is_made_up_for_a_client_that_has_none_and_its_proof_is_checked() {
    let (switch, request) = asked("websocket", None, Protocol::Http1);
    let key = request.headers()[SEC_WEBSOCKET_KEY].as_bytes();
    assert_eq!(BASE64.decode(key).unwrap().len(), 16);
    assert_eq!(request.headers()[SEC_WEBSOCKET_VERSION], "13");
    let (_, other) = asked("websocket", None, Protocol::Http1);
    assert_ne!(other.headers()[SEC_WEBSOCKET_KEY], key, "nobody can foresee it");

    let mut stolen = switched(&[("upgrade", "websocket"), ("sec-websocket-accept", ACCEPT)]);
    let failure = switch.settle(&mut stolen, Protocol::Http1).unwrap_err();
    assert_eq!(failure.reason(), Reason::UpgradeFailed);
    let mut silent = switched(&[("upgrade", "websocket")]);
    assert!(switch.settle(&mut silent, Protocol::Http1).is_err());
}

#[test]
fn the_proof_that_a_client_of_http1_waits_for_is_given() {
    let (switch, _) = asked("websocket", Some(KEY), Protocol::Http2);
    let mut response = Response::new(());
    switch.settle(&mut response, Protocol::Http2).unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()[SEC_WEBSOCKET_ACCEPT], ACCEPT);
    assert_eq!(response.headers()[UPGRADE], "websocket");
}

#[test]
fn a_proof_for_the_clients_own_key_is_the_clients_to_check() {
    let (switch, _) = asked("websocket", Some(KEY), Protocol::Http1);
    let mut response = switched(&[("upgrade", "WebSocket"), ("sec-websocket-accept", "wrong")]);
    switch.settle(&mut response, Protocol::Http1).unwrap();
    assert_eq!(response.headers()[SEC_WEBSOCKET_ACCEPT], "wrong");
}

#[test]
fn a_switch_to_what_was_not_asked_for_has_failed() {
    let (switch, _) = asked("websocket", Some(KEY), Protocol::Http1);
    for fields in [&[][..], &[("upgrade", "mqtt")], &[("upgrade", "websocket, mqtt")]] {
        let failure = switch.settle(&mut switched(fields), Protocol::Http1).unwrap_err();
        assert_eq!(failure.reason(), Reason::UpgradeFailed);
    }
}

#[test]
fn other_protocols_have_no_key() {
    let (switch, request) = asked("mqtt", None, Protocol::Http1);
    assert!(!request.headers().contains_key(SEC_WEBSOCKET_KEY));
    switch
        .settle(&mut switched(&[("upgrade", "mqtt")]), Protocol::Http1)
        .unwrap();
}

#[test]
fn without_a_server_that_can_switch_nothing_is_asked_for() {
    let mut request = Request::get("/")
        .extension(Upgrade::to("websocket").unwrap())
        .body(())
        .unwrap();
    assert!(Switch::of(&mut request).is_none());
    assert!(request.extensions().get::<Upgrade>().is_none());
}
