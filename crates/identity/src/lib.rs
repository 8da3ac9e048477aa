//! Who we are and whom we trust: mutual TLS from PEM files, verification, expiry.
//!
//! The only place of the project that knows rustls. An [`Identity`] is read from files and checked as a whole; a
//! [`Connector`] reaches upstreams with it, an [`Acceptor`] lets clients in. What fails is told as a
//! [`Failure`](outrigger_gateway::Failure) or [`AcceptError`], with the certificate, the date and the name in
//! question. [`expiry`] foretells what is about to fail.
//!
//! ```
//! use outrigger_certs_dev::{Authority, Request};
//! use outrigger_identity::{
//!     Acceptor, ClientAuth, ClientSettings, Connector, Expect, Identity, Peer, ServerSettings, Sources,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let id = "spiffe://shop/ns/shop/sa/orders";
//! # Authority::new("shop")?.issue(&Request::new("orders").with_spiffe(id))?.write_to(&dir)?;
//! # let file = |name: &str| dir.path().join(name);
//! let identity = Identity::load(&Sources {
//!     cert: file("tls.crt"),
//!     key: file("tls.key"),
//!     trust: file("ca.crt"),
//!     crl: Vec::new(),
//! })?;
//! let expect = Expect::spiffe(vec!["spiffe://shop/ns/shop/sa/*".parse()?]);
//! let connector = Connector::try_new(&identity, ClientSettings::new(expect))?;
//! let acceptor = Acceptor::try_new(&identity, ServerSettings::new(ClientAuth::Required))?;
//!
//! # let (near, far) = tokio::io::duplex(65536);
//! let (client, server) = tokio::join!(connector.connect(near), acceptor.accept(far));
//! let peer = Peer::of(server?.get_ref().1).expect("a certificate is required");
//! assert_eq!(peer.label(), "spiffe://shop/ns/shop/sa/orders");
//! # client?;
//! # Ok(())
//! # }
//! ```

mod alert;
mod certificate;
pub mod classify;
pub mod client;
pub mod expiry;
mod explain;
mod explained;
mod files;
mod gauges;
mod handshake;
mod identity;
mod load_error;
mod material;
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
pub use explained::Explained;
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
pub use watch::{Watch, log_stage};
pub use words::date;
