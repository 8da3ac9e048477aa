//! What must hold for any bytes that a peer may send: one function a fuzz target.
//!
//! Each takes bytes and panics if something is wrong. `fuzz/` runs them over inputs without end; the test `corpus`
//! of this package replays what was kept of those. Inputs are text by lines where what they are read as is text, so
//! that a corpus can be read and written by hand.

mod configuration;
mod fields;
mod hop;
mod identity;
mod proxy;
mod proxy_protocol;

/// A target: its name, which is that of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("accept", fields::accept),
    ("bodies", proxy::bodies),
    ("certificate", identity::certificate),
    ("configuration", configuration::configuration),
    ("grpc_timeout", fields::grpc_timeout),
    ("http1", proxy::http1),
    ("http2", proxy::http2),
    ("http2_answer", proxy::http2_answer),
    ("hop", hop::hop),
    ("identity_files", identity::files),
    ("proxy_protocol", proxy_protocol::proxy_protocol),
    ("proxy_status", fields::proxy_status),
    ("retry_after", fields::retry_after),
    ("spiffe", identity::spiffe),
    ("traceparent", fields::traceparent),
];

/// Runs the target of this name.
///
/// # Panics
///
/// There is no such target, or something does not hold for these bytes.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, body) = TARGETS
        .iter()
        .find(|(target, _)| *target == name)
        .expect("there is such a target");
    body(bytes);
}

/// The lines of an input, without their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}
