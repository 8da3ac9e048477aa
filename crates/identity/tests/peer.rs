//! A peer is read once and handed on in the words of `X-Forwarded-Client-Cert`.

mod common;

use common::*;
use outrigger_certs_dev::Request;
use outrigger_identity::Peer;

fn peer(request: &Request) -> Peer {
    let issued = authority().issue(request).expect("a leaf can be issued");
    Peer::from_leaf(issued.chain_der().swap_remove(0)).expect("it can be read")
}

#[test]
fn an_element_has_hash_subject_uri_and_dns_names() {
    let peer = peer(&web());

    let hash = peer.sha256();
    assert_eq!(hash.len(), 64);
    assert_eq!(
        peer.xfcc(),
        format!(
            "Hash={hash};Subject=\"{}\";URI=spiffe://shop/ns/web/sa/web;DNS=web.shop.svc",
            peer.subject()
        )
    );
}

#[test]
fn a_peer_is_called_by_its_id_else_its_name() {
    assert_eq!(peer(&web()).label(), "spiffe://shop/ns/web/sa/web");
    assert_eq!(
        peer(&Request::new("web").with_dns("web.shop.svc")).label(),
        "CN=web"
    );
}
