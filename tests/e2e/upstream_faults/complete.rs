//! Nothing that the library of faults can do is left out of the tables.

use std::collections::HashSet;

use outrigger_faults::{Broken, Fault, Flood, Grpc, H2Flood, How, Malformed, Place, Unusual};

use super::{
    http1::{HTTP1, HTTP1_FLOODS, HTTP1_PLAIN, HTTP1_TLS},
    http2::{GRPC, HTTP2, HTTP2_FLOODS},
};

fn listed() -> HashSet<Fault> {
    let tables = [
        HTTP1,
        HTTP1_PLAIN,
        HTTP1_TLS,
        HTTP1_FLOODS,
        HTTP2,
        HTTP2_FLOODS,
        GRPC,
    ];
    let rows = tables.into_iter().flatten();
    rows.flat_map(|(faults, _)| faults.iter().copied()).collect()
}

#[test]
fn every_kind_of_fault_is_in_a_table() {
    let kinds: HashSet<_> = listed().iter().map(std::mem::discriminant).collect();
    // What is said to a `ClientHello` is for the tables of TLS.
    let missing = Fault::ALL
        .iter()
        .filter(|fault| !matches!(fault, Fault::Hello(_)));
    let missing: Vec<_> = missing
        .filter(|fault| !kinds.contains(&std::mem::discriminant(fault)))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_way_to_break_a_response_is_in_a_table() {
    let ends = Place::ALL
        .iter()
        .flat_map(|place| How::ALL.iter().map(|how| Fault::Ends(*place, *how)));
    let all = ends
        .chain(Malformed::ALL.iter().map(|what| Fault::Malformed(*what)))
        .chain(Unusual::ALL.iter().map(|what| Fault::Unusual(*what)))
        .chain(Flood::ALL.iter().map(|what| Fault::Floods(*what)))
        .chain(Broken::ALL.iter().map(|what| Fault::H2Broken(*what)))
        .chain(H2Flood::ALL.iter().map(|what| Fault::H2Floods(*what)))
        .chain(Grpc::ALL.iter().map(|what| Fault::Grpc(*what)))
        .chain((0..=14).map(Fault::H2Reset))
        .chain((0..=14).map(Fault::H2ResetInBody));
    let listed = listed();
    let missing: Vec<_> = all.filter(|fault| !listed.contains(fault)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
