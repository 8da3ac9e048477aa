//! Misbehaving servers and clients, one name a fault: what a sidecar meets in the wild, to be met in a test.
//!
//! A [`Server`] plays one [`Fault`] on every connection, on loopback, on a port of its own, in plain text or behind
//! TLS, until it is dropped. A [`HostileClient`] plays its part against any server and tells what it got. Both write
//! their bytes by hand: no HTTP library gets a chance to mend what is broken on purpose.
//!
//! Times are real: sockets do not know tokio's paused clock.
//!
//! ```
//! use outrigger_faults::{Ending, Fault, Server, exchange};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! let server = Server::start(Fault::CutInBody);
//! let answer = exchange(server.addr(), b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await?;
//! assert!(answer.text().ends_with("content-length: 100\r\n\r\npart"));
//! assert_eq!(answer.ending, Ending::Closed);
//! # Ok(())
//! # }
//! ```

mod answer;
mod client;
mod dns;
mod fault;
mod frames;
mod http1;
mod http2;
mod script;
mod server;
mod wire;

pub use answer::{Answer, Ending, exchange};
pub use client::HostileClient;
pub use dns::{DnsFault, NameServer};
pub use fault::{Broken, Fault, Flood, Grpc, H2Flood, Hello, How, Malformed, Place, Unusual};
pub use server::Server;
