//! A development certificate authority: a root, an intermediate, and leaves for servers, clients and
//! SPIFFE workloads, in memory or as PEM files laid out like a Kubernetes TLS secret. And, on demand, the
//! broken certificates that tests need: see [`Fault`].
//!
//! Not for production: the root's key lies beside the leaves', nothing is audited, nobody is asked.
//!
//! Keys are ECDSA P-256. Leaves are valid for [`LEAF_LIFETIME`] and authorities for
//! [`AUTHORITY_LIFETIME`] unless asked otherwise, both from [`CLOCK_SKEW`] ago. Every certificate has a
//! subject, a serial number of its own, key identifiers and a critical key usage (RFC 5280 §4.2.1); every
//! leaf has subject alternative names and extended key usages. A leaf with a SPIFFE ID is an X.509-SVID:
//! exactly one URI name, `digitalSignature` alone.
//!
//! ```
//! use outrigger_certs_dev::{Authority, Request};
//!
//! # fn main() -> Result<(), outrigger_certs_dev::Error> {
//! let authority = Authority::new("shop")?;
//! let orders = authority.issue(
//!     &Request::new("orders")
//!         .with_dns("orders.shop.svc")
//!         .with_ip([127, 0, 0, 1])
//!         .with_spiffe("spiffe://shop/ns/shop/sa/orders"),
//! )?;
//! assert_eq!(orders.chain_der().len(), 2); // the leaf and the intermediate
//! # Ok(())
//! # }
//! ```

mod authority;
mod error;
mod fault;
mod files;
mod issued;
mod leaf;
mod names;
mod request;
mod revocation;
mod signer;
mod store;
mod validity;

pub use authority::Authority;
pub use error::Error;
pub use fault::{Fault, UnknownFault};
pub use files::{CA_FILE, CERTIFICATE_FILE, KEY_FILE};
pub use issued::Issued;
pub use request::{Request, Usage};
pub use revocation::RevocationLists;
pub use validity::{AUTHORITY_LIFETIME, CLOCK_SKEW, LEAF_LIFETIME, Validity};
