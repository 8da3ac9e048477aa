//! Who we are and whom we trust: mutual TLS from PEM files, verification, expiry.
//!
//! The only place of the project that knows rustls. An [`Identity`] is read from files and checked as a whole; a
//! [`Connector`] reaches upstreams with it, an [`Acceptor`] lets clients in. What fails is told as a
//! [`Failure`](outrigger_gateway::Failure) or [`AcceptError`], with the certificate, the date and the name in
//! question. [`expiry`] foretells what is about to fail.

mod alert;
mod certificate;
pub mod classify;
pub mod client;
pub mod expiry;
mod explain;
mod files;
mod gauges;
mod handshake;
mod identity;
mod load_error;
mod name;
mod peer;
mod pem;
mod result;
pub mod server;
mod sessions;
pub mod spiffe;
mod tickets;
mod tls;
mod verify;
mod watch;
mod words;

pub use alert::Alert;
pub use certificate::{Certificate, Malformed, Role};
pub use client::{ClientSettings, Connector, Expect, SetupError};
pub use expiry::Stage;
pub use files::{Pem, Sources};
pub use gauges::Gauges;
pub use identity::Identity;
pub use load_error::{LoadError, LoadErrors, LoadWarning, Oddity, Problem};
pub use peer::Peer;
pub use result::HandshakeResult;
pub use rustls::time_provider::TimeProvider;
pub use rustls_pki_types::{ServerName, UnixTime};
pub use server::{AcceptError, Acceptor, ClientAuth, ServerSettings};
pub use spiffe::{SpiffeError, SpiffeId, SpiffePattern};
pub use tls::Alpn;
pub use watch::Watch;
