//! The vocabulary of gateway failures: [`Reason`], [`Failure`], the one [`table`], and every form they are told in.
//!
//! 502: I asked, got nothing usable. 503: I asked, was told no. 504: I asked, gave up waiting.
//!
//! A failure is told in three languages, all of them read off the same row of the table: an HTTP response with a
//! body that its reader understands and, if wanted, a [`proxy_status`] member; a trailers-only [`grpc`] response;
//! and `Retry-After` ([`retry_after`]). [`Voice`] speaks them:
//!
//! ```
//! use outrigger_gateway::{Failure, Reason, Voice, proxy_status};
//!
//! let failure = Failure::new(Reason::ConnectionRefused).with_detail("10.0.0.7:8080 refused the connection");
//! let answer = Voice { proxy_status: true, ..Voice::new("cart.shop") }.answer(&failure);
//!
//! assert_eq!(answer.status(), 502);
//! assert_eq!(answer.headers()["proxy-status"], "cart.shop;error=connection_refused");
//! let members = proxy_status::members(answer.headers());
//! assert_eq!(proxy_status::spoke(&members).map(|member| member.name.as_str()), Some("cart.shop"));
//! ```

mod accept;
mod body;
mod failure;
pub mod grpc;
pub mod os;
pub mod proxy_status;
mod reason;
mod response;
pub mod retry_after;
pub mod table;
mod words;

pub use failure::{Extra, Failure, Source, find_cause};
pub use reason::{Reason, UnknownReason};
pub use response::Voice;
